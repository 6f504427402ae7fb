"""One folder a platform, all with the same file names; found by their folder, others' by entry point.

__init__   settings, windows, limits, wiring        replies    reading the platform's answers
mapping    browser and server side, side by side    dedup      the published dedup rule, one pure function
signals    cookies, click ids, CSP                  emulator   what the sandbox serves for it, and its pixel script
wire       where each half carries which field      pixel      what the pixel script sends of a call, as pixel.js does
conformance.json   the dedup rule as cases, with their sources
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import NamedTuple

from ..contract import Platform, Setting
from ..errors import ConfigurationError

log = logging.getLogger("pixeltwin")

ENTRY_POINTS = "pixeltwin.platforms"


class Offered(NamedTuple):
    platforms: Mapping[str, type[Platform]]
    faulty: Mapping[str, str]


def installed() -> Mapping[str, type[Platform]]:
    """Every platform there is, by kind: the folders here, then the entry points of other packages."""
    return offered().platforms


def faulty() -> Mapping[str, str]:
    """What is wrong with those of other packages that cannot be used, by the name of the entry point: who configures
    one must know; others go on without it."""
    return offered().faulty


@cache
def offered() -> Offered:
    found: dict[str, type[Platform]] = {}
    faulty: dict[str, str] = {}
    for module in iter_modules(__path__):
        package = import_module(f"{__name__}.{module.name}")
        found[module.name] = package.PLATFORM
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            found[entry.name] = _loaded(entry, found)
        except ConfigurationError as error:
            faulty[entry.name] = str(error)
            log.warning("%s", error)
    return Offered(found, faulty)


def _loaded(entry: EntryPoint, found: Mapping[str, type[Platform]]) -> type[Platform]:
    """The platform of an entry point; `ConfigurationError` when it is none, or not the only one of its kind."""
    if entry.name in found:
        raise _fault(entry, f"is there already, as {found[entry.name].__module__}")
    try:
        platform = entry.load()
    except Exception as error:  # whatever a foreign module does when it is imported
        raise _fault(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(platform, type) and issubclass(platform, Platform)):
        raise _fault(entry, "is no class made from pixeltwin.contract.Platform")
    stated = (name for name in Platform.__annotations__ if not hasattr(platform, name))
    if lacking := [*stated, *sorted(platform.__abstractmethods__)]:
        raise _fault(entry, f"lacks {', '.join(lacking)}")
    if not all(isinstance(one, Setting) for one in platform.settings):
        raise _fault(entry, "has settings that are no Setting")
    if platform.kind != entry.name:
        raise _fault(entry, f"has the kind {platform.kind!r}, and its entry point must be named like that")
    return platform


def _fault(entry: EntryPoint, why: str) -> ConfigurationError:
    package = entry.dist.name if entry.dist else entry.module
    return ConfigurationError(
        f"the platform {entry.name!r} of the package {package} ({entry.name} = {entry.value}) {why}; mend or uninstall "
        "that package"
    )
