"""The outbox in this process's memory: for tests and first steps. The same rules as everywhere, in plain Python.

It is not made for many rows (a claim looks at all of them), and it ends with its process.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from ..errors import ConfigurationError
from .contract import (
    KEEP_HELD,
    KEEP_OTHERS,
    LEASE,
    RETRIED,
    UNDECIDED,
    Claim,
    DeliveryState,
    Heard,
    Migration,
    NewRow,
    Outbox,
    Put,
    Retried,
    Settlement,
    Stored,
)
from .memory_decisions import MemoryDecisions
from .memory_notes import MemoryNotes
from .memory_rows import Half, Row
from .memory_tallies import MemoryTallies
from .states import OPEN


class MemoryOutbox(Outbox):
    """An outbox for tests: any number of threads, one process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[int, Row] = {}
        self._unique: dict[str, Row] = {}
        self._shared: dict[str, bytes] = {}  # by destination
        self._notes = MemoryNotes(self._held_keys)
        self._decisions = MemoryDecisions()
        self._tallies = MemoryTallies()
        self._last_seq = 0
        self._destinations: tuple[str, ...] = ()
        self._known: set[str] = set()  # destinations that were ever set

    def __repr__(self) -> str:
        return "MemoryOutbox()"

    def close(self) -> None:
        """Nothing to give back; the rows stay."""

    # --- the request -----------------------------------------------------------------------------------------------

    def put(self, new: NewRow, *, now: datetime, connection: Any = None) -> Put:
        if connection is not None:
            raise ConfigurationError("an outbox in memory has no transaction to share; leave connection= out")
        with self._using() as rows:
            known = None if new.unique is None else self._unique.get(new.unique)
            if known:
                return Put(known.stored(), False)
            self._last_seq += 1
            row = rows[self._last_seq] = Row(
                seq=self._last_seq,
                id=new.id,
                unique=new.unique,
                event=new.event,
                occurred_at=new.occurred_at,
                put_at=now,
                purge_at=now + (KEEP_HELD if new.held else KEEP_OTHERS),
                destinations=self._destinations,
                held=sorted(new.held),
                browser="offered" if new.offered else "none",
                browser_at=now if new.offered else None,
                record=new.record,
                visitor=new.visitor,
            )
            if new.unique is not None:
                self._unique[new.unique] = row
            row.settle(now)
            return Put(row.stored(), True)

    def find(self, unique: str) -> Stored | None:
        with self._using():
            row = self._unique.get(unique)
            return row.stored() if row else None

    def get(self, ids: Sequence[str]) -> list[Stored]:
        with self._using():
            return [row.stored() for row in self._with_ids(ids)]

    def fill(
        self, seq: int, visitor: bytes, *, now: datetime, reopens: str | None = None, connection: Any = None
    ) -> bool:
        with self._using() as rows:
            row = rows.get(seq)
            if row is None or row.visitor is None:
                return False
            reopened = 0 if reopens is None else row.reopen(list(row.halves), "refused", reopens, now)
            if row.stored().claimed and not reopened:
                return False
            row.visitor = visitor
            return True

    def offer(self, ids: Sequence[str], *, now: datetime) -> list[Stored]:
        with self._using():
            offered = [
                row for row in self._with_ids(ids) if row.browser == "none" and not row.held and row.record is not None
            ]
            for row in offered:
                row.browser, row.browser_at = "offered", now
            return [row.stored() for row in offered]

    def retract(self, ids: Sequence[str]) -> None:
        with self._using():
            for row in self._with_ids(ids):
                cancelled = any(half.state == "cancelled" for half in row.halves.values())
                if row.browser == "offered" and not row.acknowledged and not row.blocked and not cancelled:
                    row.browser, row.browser_at = "none", None

    def acknowledge(self, id: str, fired: Iterable[str], *, now: datetime, blocked: Iterable[str] = ()) -> None:
        took, lost = list(fired), list(blocked)
        with self._using():
            for row in self._with_ids([id]):
                if (took or lost) and row.browser != "suppressed":
                    row.hear(took, lost, now)

    def release(
        self,
        ids: Sequence[str],
        reason: str,
        *,
        now: datetime,
        rewrite: Callable[[bytes], bytes] | None = None,
        occurred_at: datetime | None = None,
    ) -> list[str]:
        freed: list[str] = []
        with self._using():
            rows = [row for row in self._with_ids(ids) if reason in row.held]
            records = [rewrite(row.record or b"") if rewrite else row.record for row in rows]
            for row, record in zip(rows, records, strict=True):
                row.held.remove(reason)
                row.record = record
                row.occurred_at = occurred_at or row.occurred_at
                if not row.held:
                    row.make_halves(now)
                    for half in row.halves.values():
                        if half.state == "held":
                            half.move("pending", now, now)
                    row.purge_at = now + KEEP_OTHERS
                    row.settle(now)
                    freed.append(row.id)
        return freed

    def rewrite(self, ids: Sequence[str], change: Callable[[bytes], bytes]) -> None:
        with self._using():
            found = [(row, row.record) for row in self._with_ids(ids) if row.browser == "none"]
            changed = [(row, change(record)) for row, record in found if record is not None]
            for row, record in changed:
                row.record = record

    def cancel(self, ids: Sequence[str], *, now: datetime, reason: str) -> int:
        with self._using():
            rows = self._with_ids(ids)
            ended = [row.end("cancelled", reason, now, busy=False) for row in rows]
            for row in rows:
                row.visitor = None
                row.held.clear()
                row.suppress_browser()
                row.settle(now)
            return sum(ended)

    def give_up(self, seq: int, *, connection: Any = None) -> None:
        with self._using() as rows:
            row = rows.get(seq)
            if row and row.unique is not None and row.settled_at is not None:
                del self._unique[row.unique]
                row.unique = None

    # --- beside the rows -------------------------------------------------------------------------------------------

    @property
    def notes(self) -> MemoryNotes:
        return self._notes

    @property
    def decisions(self) -> MemoryDecisions:
        return self._decisions

    @property
    def tallies(self) -> MemoryTallies:
        return self._tallies

    # --- the worker ------------------------------------------------------------------------------------------------

    def set_destinations(self, destinations: Sequence[str]) -> None:
        with self._lock:
            self._destinations = tuple(dict.fromkeys(destinations))
            self._known.update(destinations)

    def claim(self, destination: str, *, now: datetime, limit: int, lease: timedelta = LEASE) -> list[Claim]:
        token = secrets.token_hex(8)
        with self._using() as rows:
            self._check(destination)
            again = [rows[seq] for _, seq in sorted(self._again(destination, now))]
            new = [row for row in rows.values() if row.is_new(destination) and not row.held]
            taken = sorted((again + new)[:limit], key=lambda row: row.seq)
            for row in taken:
                half = row.halves.setdefault(destination, Half("pending", now))
                half.attempts += half.state == "claimed"  # whose lease was lost may have left
                half.move("claimed", now, now + lease)
                half.lease = token
            return [self._claim(row, destination, token) for row in taken]

    def _claim(self, row: Row, destination: str, lease: str) -> Claim:
        return Claim(row.stored(), row.halves[destination].attempts, lease, *row.browser_of(destination), row.put_at)

    def settle(self, destination: str, settlements: Sequence[Settlement], *, now: datetime) -> int:
        counted = 0
        with self._using() as rows:
            self._check(destination)
            for one in settlements:
                row = rows.get(one.seq)
                half = row and row.halves.get(destination)
                if row and half and half.lease == one.lease:
                    half.move(one.state, now, (one.due_at or now) if one.state in OPEN else None)
                    half.attempts += one.tried
                    half.reason = one.reason
                    row.settle(now)
                    counted += 1
        return counted

    def next_due(self, destinations: Sequence[str], *, now: datetime) -> datetime | None:
        with self._using() as rows:
            for destination in destinations:
                self._check(destination)
                if any(row.is_new(destination) and not row.held for row in rows.values()):
                    return now
            due = [half.due_at for row in rows.values() for name, half in row.halves.items() if name in destinations]
            return min((max(now, moment) for moment in due if moment is not None), default=None)

    def rouse(self, *, now: datetime) -> int:
        with self._using() as rows:
            return sum(half.rouse(now) for row in rows.values() for half in row.halves.values())

    def purge(self, *, now: datetime) -> int:
        changes = 0
        with self._using() as rows:
            for row in rows.values():
                if row.purge_at <= now and row.record is not None:
                    row.bury(now)
                    changes += 1
            for row in list(rows.values()):
                if row.purge_at <= now and row.record is None and row.seq != self._last_seq:
                    del rows[row.seq]
                    if row.unique is not None:
                        del self._unique[row.unique]
                    changes += 1
        return changes + sum(one.purge(now=now) for one in (self._notes, self._decisions, self._tallies))

    def share(self, destination: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        with self._using():
            self._check(destination)
            kept = change(self._shared.get(destination))
            if kept is None:
                self._shared.pop(destination, None)
            else:
                self._shared[destination] = kept
            return kept

    def backlog(self) -> dict[str, int]:
        with self._using() as rows:
            end = self._last_seq + 1
            return {
                name: end - next((seq for seq, row in rows.items() if not row.held and row.is_new(name)), end)
                for name in self._known
            }

    def oldest(self, destination: str) -> datetime | None:
        with self._using() as rows:
            self._check(destination)
            return next((row.occurred_at for row in rows.values() if row.is_open(destination)), None)

    def open_rows(self, *, after: int | None, limit: int) -> list[Stored]:
        with self._using() as rows:
            found = [row for row in rows.values() if row.settled_at is None and not row.held]
            return [row.stored() for row in found if row.seq > (after or 0)][:limit]

    # --- people ----------------------------------------------------------------------------------------------------

    def migrate(self) -> Migration:
        return Migration(0, 0)

    def shared(self) -> dict[str, bytes]:
        with self._using():
            return dict(self._shared)

    def counts(self, *, due: bool = False) -> dict[str, dict[str, int]]:
        with self._using():
            counts: dict[str, dict[str, int]] = {name: {} for name in self._known}
        for one in self.deliveries(limit=len(self._rows) * len(counts)):
            undecided = one.state == "waiting" and one.reason.startswith(UNDECIDED)
            if not due or (one.due_at is not None and not undecided):
                counts[one.destination][one.state] = counts[one.destination].get(one.state, 0) + 1
        return counts

    def deliveries(
        self, *, state: str | None = None, destination: str | None = None, id: str | None = None, limit: int = 100
    ) -> list[DeliveryState]:
        with self._using() as rows:
            listed = [
                row.listed(name)
                for row in sorted(rows.values(), key=lambda row: -row.seq)
                for name in sorted(row.destinations)
                if (name in row.halves or row.is_new(name))
                and (destination is None or name == destination)
                and (id is None or row.id == id)
            ]
            return [one for one in listed if state is None or one.state == state][:limit]

    def heard(self, event: str, *, newest: int = 10_000) -> Heard:
        with self._using() as rows:
            among = [row for row in rows.values() if row.seq > self._last_seq - newest and row.event == event]
            fired = Counter(name for row in among for name in row.acknowledged)
            blocked = Counter(name for row in among for name in row.blocked)
            silent = sum(row.browser == "offered" and not row.acknowledged and not row.blocked for row in among)
            return Heard(silent, dict(fired), dict(blocked))

    def retry(
        self,
        *,
        now: datetime,
        destination: str | None = None,
        ids: Sequence[str] | None = None,
        states: Collection[Retried] = RETRIED,
    ) -> int:
        changed = 0
        with self._using() as rows:
            for row in list(rows.values()) if ids is None else self._with_ids(ids):
                names = [name for name in row.halves if destination is None or name == destination]
                for half in (row.halves[name] for name in names if "waiting" in states):
                    if half.state == "waiting" and half.due_at and half.due_at > now:
                        half.move("waiting", now, now)
                        changed += 1
                changed += sum(row.reopen(names, state, "", now) for state in states if state != "waiting")
        return changed

    # --- rows ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _using(self) -> Generator[dict[int, Row]]:
        """All rows by seq, for this thread alone."""
        with self._lock:
            yield self._rows

    def _with_ids(self, ids: Iterable[str]) -> list[Row]:
        wanted = set(ids)
        return [row for row in self._rows.values() if row.id in wanted]

    def _held_keys(self) -> list[str]:
        with self._using():
            return [unique for unique, row in self._unique.items() if row.held]

    def _check(self, destination: str) -> None:
        if destination not in self._known:
            raise ConfigurationError(f"the outbox knows no destination {destination!r}; call set_destinations() first")

    def _again(self, destination: str, now: datetime) -> Iterator[tuple[datetime, int]]:
        """Which rows are due again, and since when."""
        for row in self._rows.values():
            half = row.halves.get(destination)
            if half and half.due_at and half.due_at <= now:
                yield half.due_at, row.seq
