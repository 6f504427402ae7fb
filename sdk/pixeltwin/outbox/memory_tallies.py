"""The tallies in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime

from .tallies import KEEP_TALLIES, Tallies, Tally


class MemoryTallies(Tallies):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: Counter[tuple[date, str, str, str]] = Counter()

    def add(self, day: date, destination: str, counts: Mapping[tuple[str, str], int]) -> None:
        with self._lock:
            self._all.update({(day, destination, event, what): many for (event, what), many in counts.items()})

    def listed(self, *, since: date) -> list[Tally]:
        with self._lock:
            return [Tally(*key, many) for key, many in sorted(self._all.items()) if key[0] >= since]

    def purge(self, *, now: datetime) -> int:
        oldest = (now - KEEP_TALLIES).date()
        with self._lock:
            gone = [key for key in self._all if key[0] < oldest]
            for key in gone:
                del self._all[key]
        return len(gone)
