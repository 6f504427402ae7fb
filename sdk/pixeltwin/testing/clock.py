"""A clock that stands still until it is moved, so that a dedup window of two days passes in no time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


class FrozenClock:
    """`clock()` and `clock.now` are the time, with its time zone: that of its making until it is moved."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(timezone.utc).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def __repr__(self) -> str:
        return f"FrozenClock({self.now.isoformat()})"

    def advance(self, step: timedelta = timedelta(0), **units: float) -> datetime:
        """Go forward by `step`, or by units as `timedelta` names them: `advance(hours=23)`. ValueError when that leads
        back."""
        step += timedelta(**units)
        if step < timedelta(0):
            raise ValueError("the clock goes forward; make a new one to begin earlier")
        self.now += step
        return self.now
