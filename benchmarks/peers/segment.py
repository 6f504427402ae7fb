"""segment-analytics-python: a queue of 10 000 in memory, one thread, 100 events a request (documented defaults)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import properties

MODULE = "segment.analytics"


class Segment:
    def __init__(self, url: str) -> None:
        self._client: Any = import_module("segment.analytics.client").Client("made-up", host=url)

    def capture(self, number: int) -> bool:
        taken, _ = self._client.track(f"c{number}", "Purchase", properties(number))
        return bool(taken)

    def flush(self) -> None:
        self._client.flush()


def queue(url: str) -> Segment:
    return Segment(url)
