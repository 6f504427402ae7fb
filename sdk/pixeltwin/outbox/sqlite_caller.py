"""The caller's own connection to SQLite: what it is, whether it is on the outbox's file, and writing through it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

from ..errors import ConfigurationError
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
    """A cursor in the caller's transaction, which is never committed here."""
    try:
        with closing(connection.cursor()) as cursor:
            cursor.row_factory = None
            check_file(cursor, path)
            yield cursor
    except sqlite3.Error as error:
        raise unavailable(path, error) from error


def check_file(cursor: sqlite3.Cursor, path: str) -> None:
    """`ConfigurationError` where it is on another file: then there would be two transactions."""
    main = next(file for _, name, file in cursor.execute("PRAGMA database_list").fetchall() if name == "main")
    if main != path and not (main and os.path.exists(path) and os.path.samefile(main, path)):
        raise ConfigurationError(
            f"connection= is on {main or 'a database in memory'!r}, but the outbox is {path!r}; to write both in one "
            "transaction the outbox must be the same file"
        )
