"""The tallies part of an outbox: how many conversions of a day carried which signal to a destination. It outlives the
personal data that it was counted from, and holds none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

KEEP_TALLIES = timedelta(days=35)  # five weeks: a month beside the week before it


class Tally(NamedTuple):
    """So many conversions of this event were taken by this destination on this day (UTC), and of them `many` had
    `what`."""

    day: date
    destination: str
    event: str
    what: str
    many: int


class Tallies(ABC):
    """Counts that only grow. Safe from any thread and process; `OutboxUnavailable` like its outbox."""

    @abstractmethod
    def add(self, day: date, destination: str, counts: Mapping[tuple[str, str], int]) -> None:
        """Add to what is counted, by (event, what), in one transaction."""

    @abstractmethod
    def listed(self, *, since: date) -> list[Tally]:
        """Those of this day and later, in the order of their fields."""

    @abstractmethod
    def purge(self, *, now: datetime) -> int:
        """Forget those older than `KEEP_TALLIES`. Returns how many; the outbox's own `purge` calls it."""
