"""One folder a platform, all with the same file names; found by their folder, others' by entry point.

__init__   settings, windows, limits, wiring        replies    reading the platform's answers
mapping    browser and server side, side by side    dedup      the published dedup rule, one pure function
signals    cookies, click ids, CSP                  emulator   what the sandbox serves for it, and its pixel script
wire       where each half carries which field      pixel      what the pixel script sends of a call, as pixel.js does
conformance.json   the dedup rule as cases, with their sources
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from ..contract import Platform
from ..errors import ConfigurationError

ENTRY_POINTS = "pixeltwin.platforms"


@cache
def installed() -> Mapping[str, type[Platform]]:
    """Every platform there is, by kind: the folders here, then the entry points of other packages."""
    found: dict[str, type[Platform]] = {}
    for module in iter_modules(__path__):
        package = import_module(f"{__name__}.{module.name}")
        found[module.name] = package.PLATFORM
    for entry in entry_points(group=ENTRY_POINTS):
        platform = entry.load()
        if entry.name in found or platform.kind != entry.name:
            raise ConfigurationError(
                f"the entry point {entry.name!r} of {ENTRY_POINTS} must be named like its platform's kind, once"
            )
        found[entry.name] = platform
    return found
