"""What the sandbox asks of a platform's emulator: play the vendor's endpoints and pixel script as observed.

An emulator is pure: a request in, an answer and the halves it accepted out. The sandbox keeps the ledger.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from .dedup import Half


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

    @abstractmethod
    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        """The vendor's answer. An unknown path is a 404 in the vendor's style."""

    @abstractmethod
    def trouble(self, status: int) -> Answer:
        """The vendor's own way to say 429, 500, 401, … when the sandbox is told to make trouble."""

    def reset(self) -> None:
        """Forget what was seen. Only an emulator that remembers more than the ledger does has something to do."""
        return

    def is_api(self, incoming: Incoming) -> bool:
        """Whether a request is one of the server half (faults apply to these unless asked otherwise)."""
        return incoming.method == "POST" and incoming.headers.get("content-type", "").startswith("application/json")
