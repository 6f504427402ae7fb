"""Connections to PostgreSQL: a few a process, lent to whichever thread needs one, and never carried through a fork.

A child must neither use nor close a connection of its parent: both would speak on the parent's socket. So a child lays
them aside and opens its own.
"""

from __future__ import annotations

import os
import re
import select
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from time import monotonic
from typing import Any
from weakref import WeakSet, finalize

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ..errors import ConfigurationError, OutboxUnavailable
from .postgres_waiting import Patience, Unanswered, Waiting

Row = TupleRow
KEPT = 8  # idle connections a pool keeps; a request has one for a millisecond, so few serve many threads
IDLE = (
    200.0  # seconds after which one is not used again: a network may have forgotten it (Azure's load balancer: 4 min)
)
CONNECTING = 2  # seconds, the least that libpq takes
_DEFAULTS: Mapping[str, Any] = {
    "connect_timeout": CONNECTING,
    "tcp_user_timeout": 2000,  # milliseconds until a host that vanished is noticed, where the system can
    "keepalives_idle": 30,  # seconds; the network does not forget what speaks, and a dead one is known to be
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "fallback_application_name": "pixeltwin",
}
# For libpq the password ends at the first @ or /. Another @ is of a password that was not percent-encoded, and what
# stands before it would be taken for the host, the port or the database, which errors name.
_PASSWORD_GOES_ON = re.compile(r"//[^@/]*[@/][^?]*@")
GRANTS = "USAGE on their schema, and SELECT, INSERT, UPDATE and DELETE on all tables pixeltwin_*"
NO_SESSIONS = (
    "A pooler in transaction mode stands between, as it seems: it must keep sessions, so let the outbox's URL name one "
    "in session mode, or the server itself"
)
EXHAUSTED = "If a pooler stands between, are all connections of its pool taken?"
# A queue's tables grow and shrink faster than statistics are gathered of them. So the planner is kept from what would
# be right for a table that is as small as it was a minute ago: reading all of it. It goes by the indexes.
_SESSION: Mapping[str, str] = {
    "TimeZone": "UTC",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "10s",  # a worker that went silent holds no locks for longer
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit"), "off"),
}


class ConnectionLost(OutboxUnavailable):
    """A connection that had been idle was dead, or died. A new one may do, and whether it did its work is not known."""


class Session:
    """A connection in autocommit mode, and the named statements to run on it. Answers come in binary form.

    `used_at`: when it was last given back, on the monotonic clock; 0 at its first use.
    """

    __slots__ = ("_cursor", "_sql", "connection", "patience", "used_at")

    def __init__(self, connection: Waiting, sql: Mapping[str, bytes], patience: Patience) -> None:
        self.connection = connection
        self.patience = patience
        self.used_at = 0.0
        self._cursor = connection.cursor(binary=True)
        self._sql = sql

    def run(self, statement: str, **values: object) -> int:
        """Returns how many rows it changed."""
        return self._cursor.execute(self._sql[statement], values).rowcount

    def rows(self, statement: str, **values: object) -> list[Row]:
        with self.connection.cursor(binary=True) as cursor:  # closed, it lets go of the answer, which may be megabytes
            return cursor.execute(self._sql[statement], values).fetchall()

    def row(self, statement: str, **values: object) -> Row | None:
        return self._cursor.execute(self._sql[statement], values).fetchone()

    def process(self) -> object:
        """The server's process that answers."""
        answer = self.connection.execute("SELECT pg_backend_pid()").fetchone()
        return answer and answer[0]

    def script(self, statements: str) -> None:
        """Run several statements that take no values."""
        self.connection.execute(self._sql[statements])

    def transaction(self) -> AbstractContextManager[object]:
        return self.connection.transaction()

    @contextmanager
    def patient(self, seconds: float) -> Generator[None]:
        """A transaction whose statements may take so long."""
        self.connection.patience = seconds
        try:
            with self.transaction():
                self.limit("statement_timeout", seconds)
                yield
        finally:
            self.connection.patience = self.patience.seconds

    def limit(self, setting: str, seconds: float) -> None:
        """Set a time limit of the server's for the rest of the transaction."""
        self.connection.execute(f"SET LOCAL {setting} = '{seconds * 1000:.0f}ms'".encode())


class Pool:
    """Connections to one database. `patience`: seconds that one statement may take."""

    def __init__(self, url: str, sql: Mapping[str, bytes], *, patience: float) -> None:
        settings: dict[str, Any] = {**_DEFAULTS, **_read(url), "client_encoding": "utf8"}
        self.place = f"{settings.get('dbname', 'PostgreSQL')} at {settings.get('host', 'localhost')}"  # no password
        self._conninfo = make_conninfo("", **settings)
        self._sql = sql
        self._patience = Patience(patience)
        self._begin()
        _pools.add(self)

    @contextmanager
    def use(self) -> Generator[Session]:
        """A session for this thread alone. PostgreSQL's errors become `OutboxUnavailable`, and `ConnectionLost` where a
        new connection may do better."""
        self._patience.check()
        session = self._idle_session() or self._new_session()
        try:
            yield session
        except psycopg.Error as error:
            raise self._told(error, session) from error
        finally:
            self._take_back(session)
        self._patience.was_rewarded()

    def keeps_sessions(self) -> bool:
        """Whether two connections, asked by turns, are served by two processes of the server, each by one."""
        with self.use() as one, self.use() as other:
            seen = {(one.process(), other.process()) for _ in range(3)}
        return len(seen) == 1 and len(set(seen.pop())) == 2

    def close(self) -> None:
        """Close the idle ones; those in use are taken back and stay."""
        _shut(self._idle, os.getpid())

    def abandon(self) -> None:
        """In a forked child: leave the parent's connections alone."""
        self._finalizer.detach()
        _inherited.append(self._idle)
        self._begin()

    def _begin(self) -> None:
        self._idle: deque[Session] = deque()
        self._finalizer = finalize(self, _shut, self._idle, os.getpid())

    def _idle_session(self) -> Session | None:
        """The one used last that is still alive."""
        while self._idle:
            try:
                session = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            if monotonic() - session.used_at < IDLE and not _has_word(session.connection):
                return session
            session.connection.close()
        return None

    def _take_back(self, session: Session) -> None:
        healthy = session.connection.info.transaction_status == TransactionStatus.IDLE
        if healthy and len(self._idle) < KEPT:
            session.used_at = monotonic()
            self._idle.append(session)
            self._close_unneeded(session.used_at)
        else:
            session.connection.close()

    def _close_unneeded(self, now: float) -> None:
        """Those that were needed by many threads at once and not since then: a pooler's others wait for them."""
        with suppress(IndexError):  # another thread was faster
            while now - self._idle[0].used_at >= IDLE:
                self._idle.popleft().connection.close()

    def _told(self, error: psycopg.Error, session: Session) -> OutboxUnavailable:
        """The error as the caller knows it. Where one connection died, its idle fellows are not tried one by one."""
        told = unavailable(self.place, error)
        if session.connection.closed:
            _shut(self._idle, os.getpid())
            if session.used_at:
                return ConnectionLost(*told.args)
            if isinstance(error, Unanswered):
                self._patience.was_in_vain(told)
        else:
            self._patience.was_rewarded()  # the server said what is wrong
        return told

    def _new_session(self) -> Session:
        began = monotonic()
        try:
            return self._open()
        except psycopg.Error as error:
            told = unavailable(self.place, error)
            if isinstance(error, Unanswered | errors.ConnectionTimeout):
                told = OutboxUnavailable(f"{told}. {EXHAUSTED}")
            if monotonic() - began > self._patience.seconds:
                self._patience.was_in_vain(told)
            else:
                self._patience.was_rewarded()
            raise told from error

    def _open(self) -> Session:
        connection = Waiting.connect(self._conninfo, autocommit=True)
        connection.patience = self._patience.seconds
        try:
            settings = {**_SESSION, "statement_timeout": f"{self._patience.seconds * 1000:.0f}"}
            connection.execute(
                "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s(name, value)",
                (list(settings), list(settings.values())),
            )
        except BaseException:
            connection.close()
            raise
        return Session(connection, self._sql, self._patience)


def _read(url: str) -> dict[str, Any]:
    """What the URL says. Neither it nor libpq's words about it are repeated: they may quote the password."""
    try:
        if not _PASSWORD_GOES_ON.search(url):
            return conninfo_to_dict(url)
    except psycopg.Error:
        pass
    raise ConfigurationError(
        "the outbox URL cannot be read; it should be postgresql://user:password@host:5432/database, with special "
        "characters of the password percent-encoded: %40 for @, %2F for /"
    )


def unavailable(place: str, error: psycopg.Error) -> OutboxUnavailable:
    """The error as callers of an outbox know it. The server's details are left out: they may quote a row."""
    words = error.diag.message_primary or str(error).partition("\n")[0]
    if isinstance(error, errors.InsufficientPrivilege):
        words += f". Grant the role that the outbox's URL names {GRANTS}"
    if isinstance(error, errors.InvalidSqlStatementName | errors.DuplicatePreparedStatement):
        words += f". {NO_SESSIONS}"
    return OutboxUnavailable(f"the outbox in {place} cannot be used now: {words}")


def _has_word(connection: psycopg.Connection[TupleRow]) -> bool:
    """Whether the server said something to an idle connection: as a rule, that it has ended it."""
    if connection.closed:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([connection.fileno()], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _shut(idle: deque[Session], pid: int) -> None:
    with suppress(IndexError):  # another thread was faster
        while idle and pid == os.getpid():
            idle.pop().connection.close()


_pools: WeakSet[Pool] = WeakSet()
_inherited: list[deque[Session]] = []  # a parent's: never used, never closed


def _after_fork() -> None:
    for pool in list(_pools):
        pool.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
