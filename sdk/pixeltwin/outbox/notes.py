"""The notes of an outbox: something small, kept under a key for a conversion that is still to come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any

KEEP_NOTES = timedelta(days=7)  # what is kept for a conversion that is still to come


class Notes(ABC):
    """Safe from any thread and process; `OutboxUnavailable` like its outbox."""

    @abstractmethod
    def keep(self, kind: str, key: str, data: bytes, *, now: datetime, connection: Any = None) -> None:
        """Keep it for `KEEP_NOTES`, or until it is forgotten. What was noted there before is replaced. `connection`: as
        in the outbox's `put`."""

    @abstractmethod
    def find(self, kind: str, key: str, *, now: datetime) -> bytes | None:
        """What is noted under a key, while its time is not over."""

    @abstractmethod
    def amend(self, kind: str, key: str, data: bytes) -> bool:
        """Replace what is noted under a key, if anything is; its time goes on as it was. Whether there was anything."""

    @abstractmethod
    def forget(self, kind: str, key: str, *, connection: Any = None) -> None:
        """Erase what is noted under a key. `connection`: as in the outbox's `put`; if he rolls back, it is there."""

    @abstractmethod
    def listed(self, kind: str, *, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """The keys behind this one with what is noted there, in the order of the store, `limit` at the most."""

    @abstractmethod
    def awaited(self, kind: str, *, now: datetime) -> list[str]:
        """The keys of the notes of this kind that are a held conversion's natural key by now. It may cost as much as
        all notes of the kind."""

    @abstractmethod
    def purge(self, *, now: datetime) -> int:
        """Forget those whose time is over. Returns how many; the outbox's own `purge` calls it."""
