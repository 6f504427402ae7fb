"""How far this machine's clock is from a platform's, as the Date of an answer tells."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from ..replies import http_date

log = logging.getLogger("pixeltwin")

_SECOND = timedelta(seconds=1)  # what a Date is told to
ALARMING = 60.0  # seconds; from here on it is said


def skew(headers: Mapping[str, str], asked: datetime, heard: datetime) -> float | None:
    """At least how many whole seconds this clock is ahead (negative: behind). 0.0: the second that a Date is told to,
    and the way there and back, may be all of it. None: the answer has no Date. `asked` and `heard`: when the request
    left and when its answer was there."""
    date = http_date(headers.get("date", ""))
    if date is None:
        return None
    ahead, behind = asked - date - _SECOND, heard - date
    seconds = max(0.0, ahead.total_seconds()) + min(0.0, behind.total_seconds())
    return float(int(seconds))


class Clock:
    """This machine's clock beside one platform's: a large difference is said once, until it is over."""

    def __init__(self) -> None:
        self._said = False

    def note(self, title: str, seconds: float | None) -> None:
        """An answer told this difference; None: it did not tell."""
        if seconds is None or abs(seconds) <= ALARMING:
            self._said = self._said and seconds is None
        elif not self._said:
            self._said = True
            log.warning("%s", advice(title, seconds))


def advice(title: str, seconds: float) -> str:
    """What to do about a clock that is this far ahead."""
    way = "ahead of" if seconds > 0 else "behind"
    return (
        f"This machine's clock is {abs(seconds):.0f} s {way} {title}'s: events get wrong times, and may be refused or "
        "not recognised as twins. Synchronise it (NTP)"
    )
