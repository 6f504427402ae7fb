"""The small values that platforms and the rest of pixeltwin hand each other: frozen, and free of rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

JSON = Any
OnFault = Callable[[str, Exception], None]  # a platform's name, and what its code raised


@dataclass(frozen=True, slots=True)
class BrowserCall:
    """One call of a vendor's function on the page: `BrowserCall("rdt", ("track", "Purchase", {...}))`."""

    function: str
    args: tuple[JSON, ...]


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """One HTTP request, complete. Its `repr` shows neither token nor body."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"ServerRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class Loss(NamedTuple):
    """Something the caller gave that a platform will not get, and why. `reason` is a stable word to count by."""

    platform: str
    field: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.platform}: {self.field}: {self.detail}"


@dataclass(frozen=True, slots=True)
class EventName:
    """A platform's name for an event on its two sides."""

    browser: str
    server: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One argument of a platform that may come from configuration: `PIXELTWIN_<PLATFORM>_<NAME>`. `kind`: a tuple is
    written with commas, a dict as name=value with commas. `sends`: its server half needs it beside the token."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    kind: type[str] | type[bool] | type[tuple[str, ...]] | type[dict[str, str]] = str
    sends: bool = False


@dataclass(frozen=True, slots=True)
class Signals:
    """What a platform reads from a landing URL and its own cookies."""

    click_id: str | None = None
    browser_id: str | None = None
