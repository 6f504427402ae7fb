"""The outbox in an SQLite file: durable on this machine, for any number of threads and processes.

WAL, so that readers never wait. Synchronous NORMAL outlives the death of any process; FULL outlives a power cut too and
costs a request one flush of the disk (sqlite.org, "PRAGMA synchronous").
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..errors import ConfigurationError
from .contract import (
    KEEP_RECORD,
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
from .sqlite_again import ALL, reopen, retry, rouse
from .sqlite_caller import driver_connection, within
from .sqlite_claims import claim_new
from .sqlite_decisions import SQLiteDecisions
from .sqlite_ends import Purge, close_rows, empty_wal, end_halves
from .sqlite_file import SQLiteFile
from .sqlite_notes import SQLiteNotes
from .sqlite_rewriting import release, rewrite_rows
from .sqlite_rows import Executing, Row, claim, delivery_state, micros, moment, settlement_values, span, stored
from .sqlite_schema import Route, migrate
from .sqlite_tallies import SQLiteTallies
from .statements import load
from .states import FINAL


class SQLiteOutbox(Outbox):
    """An outbox in the file at `path`, which is made at its first use, readable by this user alone. `full`: synchronous
    FULL."""

    one_writer = True

    def __init__(self, path: str, *, full: bool = False) -> None:
        self._sql = load("sqlite.sql")
        self._file = file = SQLiteFile(path, self._sql, full=full)
        self._request, self._worker = file.request, file.worker
        request, worker = (partial(file.using, each) for each in (self._request, self._worker))
        self._notes = SQLiteNotes(self._sql, file.reading, file.writing, request=request, worker=worker)
        self._decisions = SQLiteDecisions(self._sql, request=request, worker=worker)
        self._tallies = SQLiteTallies(self._sql, changing=partial(file.changing, self._worker), using=worker)

    @property
    def path(self) -> str:
        return self._file.path

    def __repr__(self) -> str:
        return f"SQLiteOutbox({self.path!r})"

    def close(self) -> None:
        self._file.close()

    # --- the request -----------------------------------------------------------------------------------------------

    def put(self, new: NewRow, *, now: datetime, connection: Any = None) -> Put:
        if connection is not None:
            return self._put_within(connection, new, now)
        route = self._file.ready(self._request)
        with self._request.use() as own:
            return self._put(own, new, now, route)

    def _put_within(self, connection: Any, new: NewRow, now: datetime) -> Put:
        given = driver_connection(connection)
        with within(given, self.path) as cursor:
            self._request.patience.is_the_callers()
            # In no transaction his statements may be committed one by one, and an upgrade must not be.
            route = self._file.ready(self._request, cursor if given.in_transaction else None)
            return self._put(cursor, new, now, route)

    def _put(self, own: Executing, new: NewRow, now: datetime, route: Route) -> Put:
        at = micros(now)
        held = tuple(sorted(new.held))
        browser = ("offered", at) if new.offered else ("none", None)
        if route.is_empty and not held:
            visitor, settled_at, purge_at = None, at, at + span(KEEP_RECORD)
        else:
            visitor, settled_at, purge_at = new.visitor, None, None
        what = (route.number, new.id, new.unique, new.event, micros(new.occurred_at), at, " ".join(held))
        values = (*what, *browser, settled_at, purge_at, new.record, visitor)
        while True:
            done = own.execute(self._sql["put"], values)
            if done.rowcount:
                return Put(Stored(done.lastrowid or 0, new.id, new.record, visitor, held), True)
            known = own.execute(self._sql["find"], {"unique": new.unique}).fetchone()
            if known:  # else it was purged a moment ago
                return Put(stored(known), False)

    def find(self, unique: str) -> Stored | None:
        with self._file.using(self._request) as own:
            row = own.execute(self._sql["find"], {"unique": unique}).fetchone()
        return stored(row) if row else None

    def get(self, ids: Sequence[str]) -> list[Stored]:
        with self._file.using(self._request) as own:
            return [stored(row) for row in self._by_id(own, "get", ids)]

    def fill(
        self, seq: int, visitor: bytes, *, now: datetime, reopens: str | None = None, connection: Any = None
    ) -> bool:
        with self._file.writing(connection) as own:
            reopened = 0 if reopens is None else self._reopen_refused(own, seq, now, reopens)
            values = {"seq": seq, "visitor": visitor, "never_late": bool(reopened)}
            return bool(own.execute(self._sql["fill"], values).rowcount)

    def _reopen_refused(self, own: Executing, seq: int, now: datetime, reason: str) -> int:
        return reopen(own, sql=self._sql, state="refused", between=(seq, seq), now=now, reason=reason)

    def offer(self, ids: Sequence[str], *, now: datetime) -> list[Stored]:
        if not ids:
            return []
        with self._file.changing(self._request) as own:
            found = [stored(row) for row in self._by_id(own, "get", ids)]
            at = micros(now)
            return [row for row in found if own.execute(self._sql["offer"], {"seq": row.seq, "now": at}).rowcount]

    def retract(self, ids: Sequence[str]) -> None:
        with self._file.changing(self._request) as own:
            for id in ids:
                own.execute(self._sql["retract"], {"id": id})

    def acknowledge(self, id: str, fired: Iterable[str], *, now: datetime, blocked: Iterable[str] = ()) -> None:
        said = {"id": id, "now": micros(now)}
        with self._file.changing(self._request) as own:
            for is_fired, names in ((1, fired), (0, blocked)):
                for name in names:
                    own.execute(self._sql["acknowledge"], {**said, "destination": name, "fired": is_fired})
                    own.execute(self._sql["acknowledge_offer"], said)

    def release(
        self,
        ids: Sequence[str],
        reason: str,
        *,
        now: datetime,
        rewrite: Callable[[bytes], bytes] | None = None,
        occurred_at: datetime | None = None,
    ) -> list[str]:
        with self._file.changing(self._request) as own:
            rows = self._by_id(own, "held", ids)
            return release(own, self._sql, rows, reason, now=now, rewrite=rewrite, occurred_at=occurred_at)

    def rewrite(self, ids: Sequence[str], change: Callable[[bytes], bytes]) -> None:
        with self._file.changing(self._request) as own:
            rewrite_rows(own, self._sql, self._by_id(own, "unshown", ids), change)

    def cancel(self, ids: Sequence[str], *, now: datetime, reason: str) -> int:
        cancelled = 0
        with self._file.changing(self._request) as own:
            for (seq,) in self._by_id(own, "seqs", ids):
                cancelled += bool(end_halves(own, self._sql, seq, "cancelled", reason, now=now, busy=False))
                own.execute(self._sql["withdraw"], {"seq": seq})
                close_rows(own, self._sql, [seq], now)
        return cancelled

    def give_up(self, seq: int, *, connection: Any = None) -> None:
        with self._file.writing(connection) as own:
            own.execute(self._sql["give_up"], {"seq": seq})

    # --- beside the rows -------------------------------------------------------------------------------------------

    @property
    def notes(self) -> SQLiteNotes:
        return self._notes

    @property
    def decisions(self) -> SQLiteDecisions:
        return self._decisions

    @property
    def tallies(self) -> SQLiteTallies:
        return self._tallies

    # --- the worker ------------------------------------------------------------------------------------------------

    def set_destinations(self, destinations: Sequence[str]) -> None:
        self._file.set_destinations(destinations)

    def claim(self, destination: str, *, now: datetime, limit: int, lease: timedelta = LEASE) -> list[Claim]:
        token = secrets.token_hex(8)
        with self._file.changing(self._worker) as own:
            number, cursor = self._destination(own, destination)
            leased = {"destination": number, "now": micros(now), "lease": token, "lease_end": micros(now + lease)}
            taken = own.execute(self._sql["claim_again"], {**leased, "limit": limit}).rowcount
            if taken < limit:
                taken += claim_new(own, self._sql, leased, cursor, limit - taken)
        if not taken:
            return []
        with self._file.using(self._worker) as own:  # behind the transaction: others write while a megabyte is read
            rows = own.execute(self._sql["claimed"], {**leased, "name": destination}).fetchall()
        rows.reverse()
        return [claim(rows.pop(), token) for _ in range(len(rows))]  # each row is let go as it is read

    def settle(self, destination: str, settlements: Sequence[Settlement], *, now: datetime) -> int:
        counted = 0
        with self._file.changing(self._worker) as own:
            number, _ = self._destination(own, destination)
            for values in settlement_values(settlements, number, micros(now)):
                counted += own.execute(self._sql["settle"], values).rowcount
            close_rows(own, self._sql, [one.seq for one in settlements if one.state in FINAL], now)
        return counted

    def next_due(self, destinations: Sequence[str], *, now: datetime) -> datetime | None:
        found: list[datetime] = []
        with self._file.using(self._worker) as own:
            for name in destinations:
                number, cursor = self._destination(own, name)
                if own.execute(self._sql["first_new"], {"destination": number, "cursor": cursor}).fetchone():
                    return now
                due = moment(own.execute(self._sql["next_again"], {"destination": number}).fetchone()[0])
                if due is not None:
                    found.append(max(now, due))
        return min(found, default=None)

    def rouse(self, *, now: datetime) -> int:
        return rouse(partial(self._file.changing, self._worker), self._sql, now)

    def purge(self, *, now: datetime) -> int:
        changes = Purge(partial(self._file.changing, self._worker), self._sql, now).run()
        changes += sum(one.purge(now=now) for one in (self._notes, self._decisions, self._tallies))
        with self._file.using(self._worker) as own:
            empty_wal(own)
        return changes

    def share(self, destination: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        with self._file.changing(self._worker) as own:
            number, _ = self._destination(own, destination)
            (before,) = own.execute(self._sql["kept"], {"destination": number}).fetchone()
            kept = change(before)
            if kept != before:
                own.execute(self._sql["share"], {"destination": number, "shared": kept})
        return kept

    def backlog(self) -> dict[str, int]:
        with self._file.reading() as own:
            return dict(own.execute(self._sql["backlog"])) if own else {}

    def oldest(self, destination: str) -> datetime | None:
        with self._file.using(self._worker) as own:
            number, cursor = self._destination(own, destination)
            new = own.execute(self._sql["first_new"], {"destination": number, "cursor": cursor}).fetchone()
            again = own.execute(self._sql["oldest_again"], {"destination": number}).fetchone()
        _, occurred_at = min((row for row in (new, again) if row), default=(0, None))
        return moment(occurred_at)

    def open_rows(self, *, after: int | None, limit: int) -> list[Stored]:
        with self._file.using(self._worker) as own:
            return [stored(row) for row in own.execute(self._sql["open_rows"], {"after": after, "limit": limit})]

    # --- people ----------------------------------------------------------------------------------------------------

    def migrate(self) -> Migration:
        with self._worker.transaction() as own:
            return migrate(own.cursor(), self._sql, self.path)

    def shared(self) -> dict[str, bytes]:
        with self._file.using(self._worker) as own:
            return dict(own.execute(self._sql["shared"]))

    def counts(self, *, due: bool = False) -> dict[str, dict[str, int]]:
        with self._file.using(self._worker) as own:
            names: dict[int, str] = dict(own.execute(self._sql["destinations"]))
            counts: dict[str, dict[str, int]] = {name: {} for name in names.values()}
            found = own.execute(self._sql["counts_due" if due else "counts"], {"undecided": UNDECIDED})
            for number, state, count in found:
                row = counts[names[number]]
                row[state] = row.get(state, 0) + count
        return counts

    def deliveries(
        self, *, state: str | None = None, destination: str | None = None, id: str | None = None, limit: int = 100
    ) -> list[DeliveryState]:
        found: list[Row] = []
        with self._file.listing() as own:
            for low, high in reversed(self._ranges(own, None if id is None else [id])):
                wanted = {"state": state, "destination": destination, "low": low, "high": high, "limit": limit}
                found += own.execute(self._sql["deliveries"], wanted)
        return [delivery_state(row) for row in found[:limit]]

    def heard(self, event: str, *, newest: int = 10_000) -> Heard:
        among = {"event": event, "newest": newest}
        with self._file.using(self._worker) as own:
            (silent,) = own.execute(self._sql["silent"], among).fetchone()
            return Heard.of(silent, own.execute(self._sql["heard"], among))

    def retry(
        self,
        *,
        now: datetime,
        destination: str | None = None,
        ids: Sequence[str] | None = None,
        states: Collection[Retried] = RETRIED,
    ) -> int:
        with self._file.using(self._worker) as own:
            ranges = self._ranges(own, ids)
        changing = partial(self._file.changing, self._worker)
        return sum(retry(changing, self._sql, one, destination=destination, states=states, now=now) for one in ranges)

    # --- rows ------------------------------------------------------------------------------------------------------

    def _by_id(self, own: sqlite3.Connection, statement: str, ids: Iterable[str]) -> list[Row]:
        """What a statement finds for each of these ids, in order of arrival."""
        return sorted(row for id in dict.fromkeys(ids) for row in own.execute(self._sql[statement], {"id": id}))

    def _ranges(self, own: sqlite3.Connection, ids: Sequence[str] | None) -> list[tuple[int, int]]:
        """The seqs of these ids, as ranges from and to; one range of all without ids."""
        return [ALL] if ids is None else [(seq, seq) for (seq,) in self._by_id(own, "seqs", ids)]

    def _destination(self, own: sqlite3.Connection, name: str) -> tuple[int, int]:
        """Its number and its cursor."""
        found: tuple[int, int] | None = own.execute(self._sql["destination"], {"name": name}).fetchone()
        if found is None:
            raise ConfigurationError(f"the outbox knows no destination {name!r}; call set_destinations() first")
        return found
