"""The decisions in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from .decisions import KEEP_DECISIONS, Decided, Decisions


class MemoryDecisions(Decisions):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Decided] = []
        self._count = 0

    def record(self, who: str, data: bytes, *, now: datetime) -> None:
        with self._lock:
            self._count += 1
            self._all.append(Decided(self._count, who, now, data))

    def latest(self, whos: Sequence[str]) -> dict[str, Decided]:
        wanted = set(whos)
        with self._lock:
            return {one.who: one for one in self._all if one.who in wanted}

    def listed(self, *, after: int = 0, limit: int = 1000) -> list[Decided]:
        with self._lock:
            return [one for one in self._all if one.number > after][:limit]

    def purge(self, *, now: datetime) -> int:
        with self._lock:
            kept = [one for one in self._all if one.decided_at > now - KEEP_DECISIONS]
            gone = len(self._all) - len(kept)
            self._all = kept
        return gone
