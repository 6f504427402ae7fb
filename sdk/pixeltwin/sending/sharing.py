"""What rows were put back to, lent from one destination's pass to the others': they claim the same rows, soon after.

Putting a row back takes as long as mapping it for a platform.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from ..conversion import Conversion
from ..outbox.contract import Stored

MOST = 1000  # conversions, about six megabytes: a full batch


@dataclass(slots=True)
class _Kept:
    record: bytes | None
    visitor: bytes | None
    conversion: Conversion
    readers: int  # that are still to come

    def is_of(self, row: Stored) -> bool:
        """Whether the row has not been rewritten since."""
        return self.record == row.record and self.visitor == row.visitor


class Sharing:
    """The last `MOST` conversions, each until so many `readers` had it, and all until the last pass ends: they hold
    personal data. Safe from any thread."""

    def __init__(self, readers: int) -> None:
        self._readers = readers
        self._kept: dict[int, _Kept] = {}
        self._passes = 0
        self._lock = Lock()

    @contextmanager
    def during(self) -> Generator[None, None, None]:
        """A pass; nothing is kept while there is none."""
        with self._lock:
            self._passes += 1
        try:
            yield
        finally:
            with self._lock:
                self._passes -= 1
                if not self._passes:
                    self._kept.clear()

    def find(self, row: Stored) -> Conversion | None:
        """What this row was put back to; None where nobody did, or it was rewritten since."""
        with self._lock:
            kept = self._kept.get(row.seq)
            if kept is None or not kept.is_of(row):
                return None
            self._read(row.seq, kept)
            return kept.conversion

    def keep(self, row: Stored, conversion: Conversion) -> None:
        """This row was put back to that; by another thread too, it may be, meanwhile."""
        with self._lock:
            if not self._passes:
                return
            kept = self._kept.get(row.seq)
            if kept is None or not kept.is_of(row):
                kept = self._kept[row.seq] = _Kept(row.record, row.visitor, conversion, self._readers)
            self._read(row.seq, kept)
            if len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]

    def _read(self, seq: int, kept: _Kept) -> None:
        kept.readers -= 1
        if not kept.readers:
            del self._kept[seq]
