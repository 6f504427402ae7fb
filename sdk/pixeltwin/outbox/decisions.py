"""The decisions part of an outbox: what visitors decided about consent, appended and never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

KEEP_DECISIONS = timedelta(days=400)  # longer than any consent holds: regulators ask for a new one after a year or so


class Decided(NamedTuple):
    """One decision. `number` rises with time; `data` is JSON."""

    number: int
    who: str
    decided_at: datetime
    data: bytes


class Decisions(ABC):
    """A list that is only appended to. Safe from any thread and process; `OutboxUnavailable` like its outbox."""

    @abstractmethod
    def record(self, who: str, data: bytes, *, now: datetime) -> None:
        """Append one; durable when it returns."""

    @abstractmethod
    def latest(self, whos: Sequence[str]) -> dict[str, Decided]:
        """What each of these decided last; who is not known is left out."""

    @abstractmethod
    def listed(self, *, after: int = 0, limit: int = 1000) -> list[Decided]:
        """Those behind a number, oldest first, `limit` at the most."""

    @abstractmethod
    def purge(self, *, now: datetime) -> int:
        """Forget those older than `KEEP_DECISIONS`. Returns how many; the outbox's own `purge` calls it."""
