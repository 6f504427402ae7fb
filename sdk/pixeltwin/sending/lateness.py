"""How late a destination's oldest waiting event is, in the platform's own terms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..contract import Platform


@dataclass(frozen=True, slots=True)
class Lateness:
    """`level` counts the ages of the platform's `late_after` that the oldest waiting event has passed; 0 is in time.
    `meaning` is what the last of them means for it."""

    level: int = 0
    age: timedelta = timedelta()
    meaning: str = ""


def lateness(platform: Platform, oldest: datetime | None, now: datetime) -> Lateness:
    """How late it is when the oldest event that waits for this platform occurred then; None: nothing waits."""
    if oldest is None:
        return Lateness()
    age = max(now - oldest, timedelta())
    passed = [meaning for limit, meaning in platform.late_after if age > limit]
    return Lateness(len(passed), age, passed[-1] if passed else "")
