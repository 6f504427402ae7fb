"""The caller's own connection to PostgreSQL: what it is, whether it is on the outbox's database, and how to write
through it without harm to the transaction it is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeGuard
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from ..errors import ConfigurationError


def driver_connection(connection: Any) -> psycopg.Connection[Any]:
    """The psycopg connection that is meant: itself, or the one below a Connection of SQLAlchemy, which is known by its
    attributes. SQLAlchemy is told that a transaction begins, or its commit would do nothing."""
    if _is_psycopg(connection):
        return connection
    driver = getattr(getattr(connection, "connection", connection), "driver_connection", None)
    if not _is_psycopg(driver):
        raise ConfigurationError(
            "connection= must be a psycopg.Connection, or a Connection of SQLAlchemy over psycopg 3 (of a session: "
            "session.connection()), for the outbox is in PostgreSQL"
        )
    if hasattr(connection, "in_transaction") and not connection.in_transaction():
        connection.begin()
    return driver


def _is_psycopg(connection: object) -> TypeGuard[psycopg.Connection[Any]]:
    return isinstance(connection, psycopg.Connection)


class Acquainted:
    """Which connections were found to be on the outbox's database: each is asked once."""

    def __init__(self, place: str, statement: bytes) -> None:
        self._place = place
        self._statement = statement
        self._known: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def check(self, connection: psycopg.Connection[Any], table: str, own: Callable[[], TupleRow]) -> None:
        """`own` tells what the outbox's connections see."""
        if connection in self._known:
            return
        with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
            if cursor.execute(self._statement, {"table": table}).fetchone() != own():
                raise ConfigurationError(
                    f"connection= is on {connection.info.dbname!r} at {connection.info.host!r}, but the outbox is in "
                    f"{self._place}; to write both in one transaction the outbox must be the same database"
                )
        self._known.add(connection)


@cache
def qualified(statement: bytes, schema: str) -> bytes:
    """A statement with the schema of its tables named, for the caller's search path may be another."""
    named = f"{schema}.pixeltwin_".replace("%", "%%").encode()
    return re.sub(rb"\bpixeltwin_", lambda _: named, statement)


@contextmanager
def within(connection: psycopg.Connection[Any]) -> Generator[psycopg.Cursor[TupleRow]]:
    """A cursor in the caller's transaction, behind a savepoint: an error here undoes nothing of his, and he can go on.

    The transaction is never committed. A connection in autocommit mode and in no transaction writes at once.
    """
    with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
            yield cursor
            return
        cursor.execute("SAVEPOINT pixeltwin")
        try:
            yield cursor
        except BaseException:
            if connection.info.transaction_status == TransactionStatus.INERROR:
                cursor.execute("ROLLBACK TO SAVEPOINT pixeltwin")
            raise
        finally:
            if connection.info.transaction_status == TransactionStatus.INTRANS:
                cursor.execute("RELEASE SAVEPOINT pixeltwin")
