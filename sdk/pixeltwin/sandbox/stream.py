"""Server-sent events: what changed, the moment it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from ..strictjson import encode
from .bell import Bell

KEEP_ALIVE = 15.0  # seconds without news before a comment shows that the line still stands
LIFE = 600.0  # seconds; the browser opens the next stream by itself


def events(
    bell: Bell, since: int, changes: Callable[[int], dict[str, Any]], *, life: float = LIFE, quiet: float = KEEP_ALIVE
) -> Iterator[bytes]:
    """What `changes(version)` says, now and after every change; it must return the version it speaks of. `life` and
    `quiet` are seconds."""
    ends = monotonic() + life
    seen = since
    news = True
    yield b"retry: 1000\n\n"
    while monotonic() < ends:
        if news:
            said = changes(seen)
            seen = said["version"]
            yield f"id: {bell.run}-{seen}\nevent: changes\ndata: ".encode() + encode(said) + b"\n\n"
        else:
            yield b": keep-alive\n\n"
        news = bell.wait(seen, quiet)


def resumed(bell: Bell, last_event_id: str) -> int:
    """The version that a client has seen in this run of the sandbox; 0 for none."""
    run, _, version = last_event_id.partition("-")
    return int(version) if run == bell.run and version.isdecimal() else 0
