"""The sandbox's clock: real time plus an offset, so that a window of 48 hours can be tried in a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

FARTHEST = timedelta(days=3650)  # an offset beyond this is a slip of the finger


def real_time() -> datetime:
    """Now, in UTC."""
    return datetime.now(timezone.utc)


class Clock:
    """What time it is for the platforms. `source` gives the real time, with a time zone."""

    def __init__(self, source: Callable[[], datetime] = real_time) -> None:
        self._source = source
        self._offset = timedelta(0)
        self._lock = threading.Lock()

    @property
    def offset(self) -> timedelta:
        return self._offset

    def now(self) -> datetime:
        return self._source() + self._offset

    def advance(self, step: timedelta) -> None:
        """Go forward. ValueError when `step` is negative or leads beyond ten years."""
        if step < timedelta(0):
            raise ValueError("the clock goes forward only; a reset sets it back to real time")
        with self._lock:
            if self._offset + step > FARTHEST:
                raise ValueError(f"the clock goes no farther than {FARTHEST.days} days ahead")
            self._offset += step

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset = timedelta(0)
