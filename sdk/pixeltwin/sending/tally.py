"""What the conversions that a platform took carried: counted here, and added to the outbox now and then."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import date, datetime, timedelta

from ..errors import OutboxUnavailable
from ..insight.match import Carried
from ..outbox.contract import Outbox

log = logging.getLogger("pixeltwin")

WRITE_EVERY = timedelta(seconds=10)  # so much is lost of these counts, and nothing else, when a process is killed
ALL = "all"  # how many conversions, beside how many of them carried what


class Tallying:
    """One destination's counts in this process; safe from any thread. No fault of the store is one of delivery: what
    cannot be written now is written later."""

    def __init__(self, outbox: Outbox, destination: str) -> None:
        self._outbox = outbox
        self._destination = destination
        self._lock = threading.Lock()
        self._counts: Counter[tuple[date, Carried]] = Counter()
        self._written_at: datetime | None = None

    def count(self, carried: Carried, now: datetime, *, many: int = 1) -> None:
        """So many conversions that carried this were taken."""
        with self._lock:
            self._counts[now.date(), carried] += many

    def write(self, now: datetime | None = None) -> None:
        """Add the counts to the outbox, when it is time; without `now`, whatever the time."""
        with self._lock:
            early = now and self._written_at and timedelta() <= now - self._written_at < WRITE_EVERY
            if not self._counts or early:
                return
            counts, self._counts = self._counts, Counter()
            self._written_at = now
        for day in sorted({day for day, _ in counts}):
            own = {carried: many for (other, carried), many in counts.items() if other == day}
            try:
                self._outbox.tallies.add(day, self._destination, _spread(own))
            except OutboxUnavailable as error:
                log.info("%s: what conversions carried is counted later: %s", self._destination, error)
                with self._lock:
                    self._counts.update({(day, carried): many for carried, many in own.items()})


def _spread(counts: dict[Carried, int]) -> dict[tuple[str, str], int]:
    """By event and signal; and the conversions themselves, as `ALL`."""
    found: Counter[tuple[str, str]] = Counter()
    for (event, signals), many in counts.items():
        for what in (ALL, *signals):
            found[event, what] += many
    return dict(found)
