"""What the sandbox asks of a platform's emulator: play the vendor's endpoints and pixel script as observed.

An emulator is pure: a request in, an answer and the halves it accepted out. The sandbox keeps the ledger.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from .dedup import Half
from .frozen import FrozenDict
from .values import BrowserCall

Path = tuple[str, ...]  # the keys that lead to a value in a payload
# Under this key a payload shows what a page's call said and the pixel's script did not send, for want of a place.
DROPPED = "dropped by the pixel"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request to a platform's part of the sandbox. `path` begins behind the platform's own prefix ("/rp.gif");
    header names are lower case; `query` is the raw query string, still encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a conversion and where each half carries it, so that two payloads can be read side by side.

    `name` is in nobody's words, and for what tells who did it that of `Visitor`'s field ("postal code", "click id");
    `call` is what a page's call of the pixel names it; `browser` and `server` lead to it in the payload of each half,
    and are empty where that half has no place for it. `lines` says how the keys of a list's elements are called on the
    other side: the browser's key, then the server's.
    """

    name: str
    call: str
    browser: Path = ()
    server: Path = ()
    lines: Mapping[str, str] = field(default_factory=FrozenDict[str])

    @property
    def api(self) -> str:
        """What the API's reference calls it."""
        return ".".join(self.server)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A half the platform would not take, and its reason in the vendor's words."""

    half: Half
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, and what the request meant. `warnings` are remarks for the developer that change no verdict."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    halves: tuple[Half, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()


class Emulator(ABC):
    """One platform's endpoints, strict like the vendor's."""

    api_path: ClassVar[str]  # behind "/<platform>": what `api_url` must end with, such as "" or "/api/v3"
    script_path: ClassVar[str]  # behind "/<platform>": the pixel script
    fields: ClassVar[tuple[Field, ...]] = ()  # what its payloads are compared by; the conversion's id comes first

    click_in_page: ClassVar[bool] = False  # whether the API takes the click id from the page's address too

    @abstractmethod
    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        """The vendor's answer. An unknown path is a 404 in the vendor's style."""

    @abstractmethod
    def hit(self, init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
        """The request that the pixel script makes of a `track` call, on a page where these calls started it. What only
        a browser knows (its cookies, its screen) is left out."""

    @abstractmethod
    def trouble(self, status: int) -> Answer:
        """The vendor's own way to say 429, 500, 401, … when the sandbox is told to make trouble."""

    def reset(self) -> None:
        """Forget what was seen. Only an emulator that remembers more than the ledger does has something to do."""
        return

    def is_api(self, incoming: Incoming) -> bool:
        """Whether a request is one of the server half (faults apply to these unless asked otherwise)."""
        return incoming.method == "POST" and incoming.headers.get("content-type", "").startswith("application/json")
