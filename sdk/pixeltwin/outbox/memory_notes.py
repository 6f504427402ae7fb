"""The notes in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from .notes import KEEP_NOTES, Notes


class MemoryNotes(Notes):
    """`held` gives the natural keys of what is held."""

    def __init__(self, held: Callable[[], Iterable[str]]) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], tuple[datetime, bytes]] = {}

    def keep(self, kind: str, key: str, data: bytes, *, now: datetime, connection: Any = None) -> None:
        with self._lock:
            self._all[kind, key] = (now, data)

    def find(self, kind: str, key: str, *, now: datetime) -> bytes | None:
        with self._lock:
            at, data = self._all.get((kind, key), (None, None))
            return data if at is not None and at > now - KEEP_NOTES else None

    def amend(self, kind: str, key: str, data: bytes) -> bool:
        with self._lock:
            if (kind, key) not in self._all:
                return False
            at, _ = self._all[kind, key]
            self._all[kind, key] = (at, data)
            return True

    def forget(self, kind: str, key: str, *, connection: Any = None) -> None:
        with self._lock:
            self._all.pop((kind, key), None)

    def listed(self, kind: str, *, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        with self._lock:
            found = [(key, data) for (one, key), (_, data) in sorted(self._all.items()) if one == kind and key > after]
            return found[:limit]

    def awaited(self, kind: str, *, now: datetime) -> list[str]:
        return sorted(key for key in self._held() if self.find(kind, key, now=now) is not None)

    def purge(self, *, now: datetime) -> int:
        with self._lock:
            gone = [place for place, (at, _) in self._all.items() if at <= now - KEEP_NOTES]
            for place in gone:
                del self._all[place]
        return len(gone)
