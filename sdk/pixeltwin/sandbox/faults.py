"""Trouble on demand: which platform answers how, until it is lifted."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..strictjson import decode, encode
from .arrival import Side
from .bell import Bell

TAKEN = ("truncated", "drip", "miscount")  # the event arrives, and its answer is what is broken
UNANSWERED = ("timeout", "reset")
BROKEN = (*UNANSWERED, "garbage", *TAKEN)
KINDS = ("500", "503", "429", "401", *BROKEN)  # what the page offers; any other 4xx or 5xx can be asked for
LONGEST_HOLD = 60.0  # seconds a timeout holds a connection
MOST_HELD = 16  # connections held at once; further ones are cut at once
DRIP = 1.0  # seconds from byte to byte
_STATUS = re.compile(r"[45]\d\d")
_COUNT = re.compile(r"\b\d{1,6}\b")
_HALVES: Mapping[str, tuple[Side, ...]] = {
    "server": ("server",),
    "browser": ("browser",),
    "both": ("browser", "server"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is an HTTP status as text, or how the answer is broken:

    timeout     the request is lost, its connection held for a minute or until the fault is lifted
    reset       the request is lost, its connection cut
    garbage     the request is lost, a proxy's HTML page comes back with status 200
    truncated   the request is taken, and the connection cut in the middle of its answer
    drip        the request is taken, and its answer comes a byte a second, as long as a timeout lasts
    miscount    the request is taken, and its answer speaks of one event less than came
    """

    kind: str
    retry_after: int | None = None

    @property
    def status(self) -> int | None:
        return int(self.kind) if self.kind.isdigit() else None


class Faults:
    """The faults in force. Safe to use from many threads."""

    def __init__(self, platforms: Collection[str], bell: Bell) -> None:
        self._platforms = platforms
        self._bell = bell
        self._lock = threading.Lock()
        self._lifted = threading.Condition(self._lock)
        self._held = 0
        self._faults: dict[tuple[str, Side], Fault] = {}

    def put(self, wish: Mapping[str, Any]) -> None:
        """What `POST /api/faults` asks for. ValueError says what is wrong with it."""
        platform, kind, half = wish.get("platform"), wish.get("fault"), wish.get("half")
        if platform != "*" and platform not in self._platforms:
            raise ValueError(f"platform: give one of {', '.join(sorted(self._platforms))} or *")
        if half is None:  # a fault is the API's unless asked otherwise; lifting lifts it all
            half = "both" if kind is None else "server"
        if half not in _HALVES:
            raise ValueError(f"half: give one of {', '.join(_HALVES)}")
        fault = None if kind is None else _fault(kind, wish.get("retry_after"))
        sides = _HALVES[half]
        keys: list[tuple[str, Side]] = [
            (name, side) for name in self._platforms if platform in ("*", name) for side in sides
        ]
        with self._lock:
            for key in keys:
                self._faults.pop(key, None)
                if fault:
                    self._faults[key] = fault
            self._lifted.notify_all()
        self._bell.ring()

    def get(self, platform: str, side: Side) -> Fault | None:
        return self._faults.get((platform, side))

    def all(self) -> list[dict[str, Any]]:
        """The faults in force, one a platform and half."""
        with self._lock:
            return [
                {"platform": platform, "half": side, "fault": fault.kind, "retry_after": fault.retry_after}
                for (platform, side), fault in sorted(self._faults.items())
            ]

    def reset(self) -> None:
        """Lift all."""
        self.put({"platform": "*", "fault": None})

    def lasts(self, platform: str, side: Side, fault: Fault, seconds: float) -> bool:
        """Wait so long, or until this very fault is lifted; whether it is still in force."""
        with self._lock:
            return not self._lifted.wait_for(lambda: self._faults.get((platform, side)) is not fault, seconds)

    def hold(self, platform: str, side: Side, fault: Fault) -> None:
        """Keep the caller waiting while this very fault is in force, a minute at most."""
        with self._lock:
            if self._held >= MOST_HELD:
                return
            self._held += 1
            self._lifted.wait_for(lambda: self._faults.get((platform, side)) is not fault, LONGEST_HOLD)
            self._held -= 1


def _fault(kind: Any, retry_after: Any) -> Fault:
    text = str(kind)
    if text not in BROKEN and not _STATUS.fullmatch(text):
        raise ValueError(f"fault: give an HTTP status from 400 to 599, {', '.join(BROKEN)}, or null to lift it")
    if retry_after is not None and not (type(retry_after) is int and retry_after >= 0):
        raise ValueError("retry_after: give whole seconds")
    return Fault(text, retry_after)


def miscounted(body: bytes) -> bytes:
    """An answer in JSON that speaks of one event less than was taken."""
    return encode(_one_less(decode(body)))


def _one_less(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _one_less(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return cast("Sequence[Any]", value)[:-1]
    if isinstance(value, str):
        return _COUNT.sub(lambda found: str(max(int(found[0]) - 1, 0)), value)
    return max(value - 1, 0) if type(value) is int else value


def cut(connection: socket.socket | None) -> Iterator[bytes]:
    """A response body that ends the connection before its first byte; by a reset where the server lends its socket."""
    if connection is not None:
        _reset(connection)
    raise ConnectionResetError("cut by the sandbox, as it was told to")
    yield b""  # what makes this a generator: it runs when the server asks for the body


def _reset(connection: socket.socket) -> None:
    """Close with RST in place of FIN. The server keeps its socket object, which now stands for a dead one."""
    dead, other = socket.socketpair()
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        os.dup2(dead.fileno(), connection.fileno())
    except OSError:  # not on this operating system: a plain end of the connection is trouble enough
        connection.shutdown(socket.SHUT_RDWR)
    finally:
        dead.close()
