"""Which match signals a half carries, read where the vendor reads them: names alone, never what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ..contract import Platform
from ..dedup import Half
from ..emulation import Field, Path
from ..insight.scoring import NAMES
from ..visitor import VISITOR_FIELDS, sha256
from .comparison import at

PAGE, CLICK, COOKIE = "page", "click_ids", "browser_ids"
# A pixel's request comes from the visitor's own browser: its address and agent come with it, and no field has them.
WITH_THE_REQUEST = frozenset({"ip_address", "user_agent"})
_SIGNALS: Mapping[str, str] = {NAMES.get(name, name.replace("_", " ")): name for name in VISITOR_FIELDS}
# What scripts send, or hash, of somebody who is not known.
_NOBODY = ("", "null", "undefined", "none", "None", "nan", "[object Object]")
_NOTHING = frozenset({*_NOBODY, *map(sha256, _NOBODY)})


@dataclass(frozen=True, slots=True)
class Wire:
    """Where a platform's halves carry what: its emulator's fields, the URL parameter of its click id, and whether its
    API takes that from the page's address too."""

    fields: tuple[Field, ...] = ()
    click_parameter: str = ""
    click_in_page: bool = False


def wire(platform: type[Platform]) -> Wire:
    """As the platform tells it."""
    emulator = platform.emulator()
    return Wire(emulator.fields, platform.click_parameter, emulator.click_in_page)


@dataclass(frozen=True, slots=True)
class Reading:
    """The signals by the names of `Visitor`'s fields. `passed_by`: the path of a page whose address has the ad's click
    id, which the half does not carry; empty where there is none."""

    signals: frozenset[str]
    passed_by: str = ""


def places(fields: Iterable[Field], side: str) -> dict[str, Path]:
    """Where halves of a side carry each signal that the platform takes from them; an empty path where it comes with the
    request."""
    taken = {_SIGNALS[field.name]: field for field in fields if field.name in _SIGNALS}
    if side == "server":
        return {name: field.server for name, field in taken.items() if field.server}
    return {name: field.browser for name, field in taken.items() if field.browser or name in WITH_THE_REQUEST}


def read(half: Half, wire: Wire) -> Reading:
    """What a half carries of what the platform has a place for."""
    found = places(wire.fields, half.side)
    signals = {name for name, path in found.items() if not path or any(_values(at(half.payload, path)))}
    landed = "" if CLICK in signals or CLICK not in found else _landing(_page(half, wire), wire.click_parameter)
    if landed and wire.click_in_page and half.side == "server":
        return Reading(frozenset({*signals, CLICK}))
    return Reading(frozenset(signals), landed)


def _page(half: Half, wire: Wire) -> str:
    """The address of the page it happened on, as the half tells it."""
    paths = (field.browser if half.side == "browser" else field.server for field in wire.fields if field.name == PAGE)
    address = at(half.payload, next(paths, ()))
    return address if isinstance(address, str) else ""


def _values(value: Any) -> Iterator[bool]:
    """Of a value or a list of them, whether each says anything."""
    many = cast("Sequence[Any]", value) if isinstance(value, list) else [value]
    for one in many:
        yield one is not None and str(one).strip() not in _NOTHING


def _landing(address: str, click_parameter: str) -> str:
    """The path of an address that has the click parameter."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return (parts.path or "/") if any(name == click_parameter for name, _ in parse_qsl(parts.query)) else ""
