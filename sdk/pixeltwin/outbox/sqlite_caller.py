"""The caller's own connection to SQLite: what it is, whether it is on the outbox's file, and writing through it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

from ..errors import ConfigurationError, TransactionLost
from .connections import unavailable


def driver_connection(connection: Any) -> sqlite3.Connection:
    """The sqlite3 connection that is meant: itself, or the one below a Connection of SQLAlchemy, which is known by its
    attributes. SQLAlchemy is told that a transaction begins, or its commit would do nothing."""
    if isinstance(connection, sqlite3.Connection):
        return connection
    driver = getattr(getattr(connection, "connection", connection), "driver_connection", None)
    if not isinstance(driver, sqlite3.Connection):
        raise ConfigurationError(
            "connection= must be a sqlite3.Connection, or a Connection of SQLAlchemy over sqlite3 (of a session: "
            "session.connection()), for the outbox is an SQLite file"
        )
    if hasattr(connection, "in_transaction") and not connection.in_transaction():
        connection.begin()
    return driver


@contextmanager
def within(connection: sqlite3.Connection, path: str) -> Generator[sqlite3.Cursor]:
    """A cursor in the caller's transaction, which is never committed here. `TransactionLost` where SQLite undoes it, as
    it may when a disk or a quota is full (sqlite.org, "Response To Errors Within A Transaction"): what he wrote next
    would be committed without what he wrote before."""
    began = False
    try:
        began = connection.in_transaction
        with closing(connection.cursor()) as cursor:
            cursor.row_factory = None
            check_file(cursor, path)
            yield cursor
    except (sqlite3.Error, MemoryError) as error:
        told = unavailable(path, error)
        if began and not connection.in_transaction:
            raise TransactionLost(f"{told}. SQLite has undone your transaction with it: begin it again") from error
        raise told from error


@contextmanager
def whole(cursor: sqlite3.Cursor) -> Generator[None]:
    """All that is written within, or nothing of it, in a transaction that goes on."""
    cursor.execute("SAVEPOINT pixeltwin")
    try:
        yield
    except BaseException:
        if cursor.connection.in_transaction:
            cursor.execute("ROLLBACK TO pixeltwin")
        raise
    finally:
        if cursor.connection.in_transaction:
            cursor.execute("RELEASE pixeltwin")


def check_file(cursor: sqlite3.Cursor, path: str) -> None:
    """`ConfigurationError` where it is on another file: then there would be two transactions."""
    main = next(file for _, name, file in cursor.execute("PRAGMA database_list").fetchall() if name == "main")
    if main != path and not (main and os.path.exists(path) and os.path.samefile(main, path)):
        raise ConfigurationError(
            f"connection= is on {main or 'a database in memory'!r}, but the outbox is {path!r}; to write both in one "
            "transaction the outbox must be the same file"
        )
