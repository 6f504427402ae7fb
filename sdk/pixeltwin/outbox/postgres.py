"""The outbox in PostgreSQL: for any number of web servers and workers on any number of hosts.

A request costs one statement. Workers claim with FOR UPDATE SKIP LOCKED: none waits for another's rows. How durable a
row is, is the database's own `synchronous_commit`. PostgreSQL 12 or newer; connections must keep their session (behind
a pooler in transaction mode they do not).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import psycopg
from psycopg.rows import TupleRow

from ..errors import ConfigurationError
from .contract import (
    FURTHEST,
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
from .postgres_caller import Acquainted, driver_connection, qualified, within
from .postgres_connections import ConnectionLost, Pool, Session, unavailable
from .postgres_decisions import PostgresDecisions
from .postgres_ends import Purge, close_rows, end_halves
from .postgres_notes import PostgresNotes
from .postgres_put import new_values, put
from .postgres_rows import array, claim, delivery_states, settlement_values, storable, stored
from .postgres_schema import Ready, make_ready, migrate
from .postgres_tallies import PostgresTallies
from .statements import load
from .states import FINAL
from .steps import STEP, in_steps

IMPATIENT = 0.25  # seconds a statement of a request may take, waiting for locks included
PATIENT = 5.0  # seconds a statement of a worker or a command may take
READ_AT_ONCE = 200  # rows of a claim: libpq's answer is held beside what is made of it


class PostgresOutbox(Outbox):
    """An outbox in the database at `url`, a libpq URL; its tables are made at the first use."""

    def __init__(self, url: str) -> None:
        self._sql = {name: text.encode() for name, text in load("postgres.sql").items()}
        self._request = Pool(url, self._sql, patience=IMPATIENT)
        self._worker = Pool(url, self._sql, patience=PATIENT)
        self._acquainted = Acquainted(self._request.place, self._sql["identity"])
        self._destinations: tuple[str, ...] = ()
        self._known: Ready | None = None  # once schema and destinations are written
        request, worker = (partial(self._using, each) for each in (self._request, self._worker))
        self._notes = PostgresNotes(writing=self._writing, request=request, worker=worker)
        self._decisions = PostgresDecisions(request=request, worker=worker)
        self._tallies = PostgresTallies(worker=worker)

    def __repr__(self) -> str:
        return f"PostgresOutbox({self._request.place!r})"

    def keeps_sessions(self) -> bool:
        return self._worker.keeps_sessions()

    def close(self) -> None:
        self._request.close()
        self._worker.close()

    # --- the request -----------------------------------------------------------------------------------------------

    def put(self, new: NewRow, *, now: datetime, connection: Any = None) -> Put:
        ready = self._ready(self._request)  # tables are made in a transaction of their own, never in the caller's
        values = new_values(new, now, ready.destinations)
        try:
            with self._writing(connection) as row:
                return put(row, values)
        except ConnectionLost:
            if connection is not None or new.unique is None:  # without a key it could be written twice
                raise
        with self._request.use() as own:
            return put(own.row, values, again=True)

    @contextmanager
    def _writing(self, connection: Any) -> Generator[Callable[..., TupleRow | None]]:
        """Runs statements in the caller's transaction, or each in one of its own; they give their first row."""
        schema = self._ready(self._request).schema
        if connection is None:
            with self._request.use() as own:
                yield own.row
            return
        given, table = driver_connection(connection), f"{schema}.pixeltwin_conversion"
        try:
            with within(given) as cursor:

                def row(statement: str, **values: object) -> TupleRow | None:
                    return cursor.execute(qualified(self._sql[statement], schema), values, binary=True).fetchone()

                self._acquainted.check(given, table, lambda: self._identity(table))
                yield row
        except psycopg.Error as error:
            raise unavailable(self._request.place, error) from error

    def _identity(self, table: str) -> TupleRow:
        with self._using(self._request) as own:
            return own.rows("identity", table=table)[0]

    def find(self, unique: str) -> Stored | None:
        with self._using(self._request) as own:
            row = own.row("find", unique=unique)
        return stored(row) if row else None

    def get(self, ids: Sequence[str]) -> list[Stored]:
        with self._using(self._request) as own:
            return [stored(row) for row in own.rows("get", ids=list(ids))]

    def fill(
        self, seq: int, visitor: bytes, *, now: datetime, reopens: str | None = None, connection: Any = None
    ) -> bool:
        with self._using(self._request) as own, own.transaction():
            for lock in ("lock_seqs", "lock_arrivals", "lock_halves"):  # no worker takes it meanwhile
                own.run(lock, seqs=[seq])
            reopened = 0 if reopens is None else self._reopen(own, now, "refused", reason=reopens, seq=seq)
            return bool(own.run("fill", seq=seq, visitor=visitor, never_late=bool(reopened)))

    def offer(self, ids: Sequence[str], *, now: datetime) -> list[Stored]:
        if not ids:
            return []
        with self._using(self._request) as own:
            return [stored(row) for row in sorted(own.rows("offer", ids=list(ids), now=now))]

    def retract(self, ids: Sequence[str]) -> None:
        with self._using(self._request) as own:
            own.run("retract", ids=list(ids))

    def acknowledge(self, id: str, fired: Iterable[str], *, now: datetime, blocked: Iterable[str] = ()) -> None:
        said = [(is_fired, list(names)) for is_fired, names in ((True, fired), (False, blocked))]
        if not any(names for _, names in said):
            return
        with self._using(self._request) as own, own.transaction():
            seqs = self._lock(own, [id])
            for is_fired, names in said:
                own.run("acknowledge", seqs=seqs, destinations=names, fired=is_fired, now=now)
            own.run("acknowledge_offer", seqs=seqs, now=now)

    def release(
        self,
        ids: Sequence[str],
        reason: str,
        *,
        now: datetime,
        rewrite: Callable[[bytes], bytes] | None = None,
        occurred_at: datetime | None = None,
    ) -> list[str]:
        with self._using(self._request) as own, own.transaction():
            waiting = own.rows("waiting", seqs=self._lock(own, ids), reason=reason)
            lifted = own.rows(
                "lift",
                seqs=[seq for seq, _ in waiting],
                records=[rewrite(record) if rewrite else record for _, record in waiting],
                reason=reason,
                occurred_at=occurred_at,
                purge_at=now + KEEP_OTHERS,
            )
            freed = sorted((seq, id) for seq, id, free in lifted if free)
            seqs = [seq for seq, _ in freed]
            own.run("make_halves", seqs=seqs, now=now)
            close_rows(own, seqs, now)
        return [id for _, id in freed]

    def rewrite(self, ids: Sequence[str], change: Callable[[bytes], bytes]) -> None:
        with self._using(self._request) as own, own.transaction():
            found = own.rows("unshown", seqs=self._lock(own, ids))
            own.run("rewrite", seqs=[seq for seq, _ in found], records=[change(record) for _, record in found])

    def cancel(self, ids: Sequence[str], *, now: datetime, reason: str) -> int:
        with self._using(self._request) as own, own.transaction():
            seqs = self._lock(own, ids)
            cancelled = end_halves(own, seqs, "cancelled", [storable(reason)] * len(seqs), now=now, busy=False)
            own.run("withdraw", seqs=seqs)
            close_rows(own, seqs, now)
        return cancelled

    def give_up(self, seq: int, *, connection: Any = None) -> None:
        with self._writing(connection) as row:
            row("give_up", seq=seq)

    # --- beside the rows -------------------------------------------------------------------------------------------

    @property
    def notes(self) -> PostgresNotes:
        return self._notes

    @property
    def decisions(self) -> PostgresDecisions:
        return self._decisions

    @property
    def tallies(self) -> PostgresTallies:
        return self._tallies

    # --- the worker ------------------------------------------------------------------------------------------------

    def set_destinations(self, destinations: Sequence[str]) -> None:
        self._destinations = tuple(sorted(set(destinations)))
        self._known = None

    def claim(self, destination: str, *, now: datetime, limit: int, lease: timedelta = LEASE) -> list[Claim]:
        token = secrets.token_hex(8)
        seqs: list[int] = []
        with self._using(self._worker) as own:
            number, more = self._destination(own, destination)
            leased = {"destination": number, "now": now, "lease": token, "lease_end": now + lease}
            while True:
                more = more and self._distribute(own, limit)
                with own.transaction():
                    for statement in ("claim_again", "claim_fresh"):
                        if len(seqs) < limit:
                            seqs += [seq for (seq,) in own.rows(statement, limit=limit - len(seqs), **leased)]
                if not more or len(seqs) >= limit:
                    break
            return [claim(row, token) for row in self._claimed(own, sorted(seqs), number, destination)]

    def _claimed(self, own: Session, seqs: Sequence[int], number: int, destination: str) -> Iterator[TupleRow]:
        for first in range(0, len(seqs), READ_AT_ONCE):
            some = seqs[first : first + READ_AT_ONCE]
            yield from own.rows("claimed", seqs=some, destination=number, name=destination)

    def _distribute(self, own: Session, limit: int) -> bool:
        """Make state rows for up to `limit` arrivals. Whether there may be more."""
        if limit < 1:
            return False
        with own.transaction():
            own.run("lock")
            moved: int = own.rows("distribute", limit=limit)[0][0]
        return moved >= limit

    def settle(self, destination: str, settlements: Sequence[Settlement], *, now: datetime) -> int:
        ended = [one.seq for one in settlements if one.state in FINAL]
        with self._using(self._worker) as own:
            number, _ = self._destination(own, destination)
            with own.transaction():
                own.run("lock_seqs", seqs=array(ended))
                counted = sum(
                    own.run("settle", destination=number, now=now, **values)
                    for values in settlement_values(settlements, now)
                )
                close_rows(own, ended, now)
        return counted

    def next_due(self, destinations: Sequence[str], *, now: datetime) -> datetime | None:
        with self._using(self._worker) as own:
            numbers = [self._destination(own, name)[0] for name in destinations]
            anything_new, due = own.rows("next_due", numbers=numbers)[0]
        if anything_new:
            return now
        return None if due is None else max(now, due)

    def rouse(self, *, now: datetime) -> int:
        times = {"now": now, "furthest": now + FURTHEST, "lease_began": now - LEASE}
        return in_steps(partial(self._using, self._worker), lambda own: own.run("rouse", **times, limit=STEP))

    def purge(self, *, now: datetime) -> int:
        changes = Purge(lambda: self._using(self._worker), now).run()
        return changes + sum(one.purge(now=now) for one in (self._notes, self._decisions, self._tallies))

    def share(self, destination: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        with self._using(self._worker) as own, own.transaction():
            number, _ = self._destination(own, destination)
            before = own.rows("kept", destination=number)[0][0]
            kept = change(before)
            if kept != before:
                own.run("share", destination=number, shared=kept)
        return kept

    def backlog(self) -> dict[str, int]:
        with self._using(self._request) as own:
            return dict(own.rows("backlog"))

    def oldest(self, destination: str) -> datetime | None:
        with self._using(self._worker) as own:
            number, _ = self._destination(own, destination)
            row = own.row("oldest", destination=number)
        return row[0] if row else None

    def open_rows(self, *, after: int | None, limit: int) -> list[Stored]:
        with self._using(self._worker) as own:
            return [stored(row) for row in own.rows("open_rows", after=after, limit=limit)]

    # --- people ----------------------------------------------------------------------------------------------------

    def migrate(self) -> Migration:
        with self._worker.use() as own:
            return migrate(own)

    def shared(self) -> dict[str, bytes]:
        with self._using(self._worker) as own:
            return dict(own.rows("shared"))

    def counts(self, *, due: bool = False) -> dict[str, dict[str, int]]:
        with self._using(self._worker) as own:
            counts: dict[str, dict[str, int]] = {name: {} for (name,) in own.rows("destinations")}
            for name, state, count in own.rows("counts_due" if due else "counts", undecided=UNDECIDED):
                counts.setdefault(name, {})[state] = count
        return counts

    def deliveries(
        self, *, state: str | None = None, destination: str | None = None, id: str | None = None, limit: int = 100
    ) -> list[DeliveryState]:
        with self._using(self._worker) as own:
            return delivery_states(own.rows("deliveries", state=state, destination=destination, id=id, limit=limit))

    def heard(self, event: str, *, newest: int = 10_000) -> Heard:
        with self._using(self._worker) as own:
            silent: int = own.rows("silent", event=event, newest=newest)[0][0]
            return Heard.of(silent, own.rows("heard", event=event, newest=newest))

    def retry(
        self,
        *,
        now: datetime,
        destination: str | None = None,
        ids: Sequence[str] | None = None,
        states: Collection[Retried] = RETRIED,
    ) -> int:
        chosen = None if ids is None else list(ids)

        def again(state: Retried, own: Session) -> int:
            with own.transaction():
                if state == "waiting":
                    return own.run("hurry", name=destination, ids=chosen, now=now, limit=STEP)
                return self._reopen(own, now, state, name=destination, ids=chosen)

        worker = partial(self._using, self._worker)
        return sum(in_steps(worker, partial(again, state)) for state in sorted(states))

    def _reopen(
        self,
        own: Session,
        now: datetime,
        state: Literal["refused", "expired"],
        *,
        name: str | None = None,
        ids: list[str] | None = None,
        seq: int | None = None,
        reason: str = "",
    ) -> int:
        """Make halves pending that ended in this state and whose reason begins so. Returns how many."""
        halves = own.rows(f"reopenable_{state}", name=name, ids=ids, seq=seq, reason=reason, limit=STEP)
        seqs = [seq for seq, _ in halves]
        own.run("reopen", seqs=seqs, numbers=[number for _, number in halves], now=now)
        own.run("keep_open", seqs=seqs, purge_at=now + KEEP_OTHERS)
        return len(halves)

    # --- rows and sessions -----------------------------------------------------------------------------------------

    def _lock(self, own: Session, ids: Sequence[str]) -> list[int]:
        """The seqs of these ids, in order of arrival; their rows are this transaction's now."""
        return [seq for (seq,) in own.rows("lock_ids", ids=list(ids))]

    def _destination(self, own: Session, name: str) -> tuple[int, bool]:
        """Its number, and whether there are rows to distribute."""
        row = own.row("destination", name=name)
        if row is None:
            raise ConfigurationError(f"the outbox knows no destination {name!r}; call set_destinations() first")
        number, waiting = row
        return number, waiting

    def _using(self, pool: Pool) -> AbstractContextManager[Session]:
        self._ready(pool)
        return pool.use()

    def _ready(self, pool: Pool) -> Ready:
        known = self._known
        if known is None:
            destinations = self._destinations
            with pool.use() as own:
                known = make_ready(own, destinations)
            if self._destinations is destinations:  # else others were set meanwhile
                self._known = known
        return known
