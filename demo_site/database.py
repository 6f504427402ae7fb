"""The shop's own SQLite database: one file, opened for each use."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from flask import current_app

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY,
    cart TEXT NOT NULL UNIQUE, -- a cart becomes one order, however often its form is sent
    placed_at TEXT NOT NULL,
    customer TEXT NOT NULL, -- JSON
    payment TEXT NOT NULL,
    shipping TEXT NOT NULL -- money is text: exactly the digits it has
);
CREATE TABLE IF NOT EXISTS order_lines (
    number TEXT NOT NULL REFERENCES orders,
    position INTEGER NOT NULL,
    sku TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (number, position)
);
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    first_name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE
);
CREATE TABLE IF NOT EXISTS subscribers (email TEXT PRIMARY KEY COLLATE NOCASE);
"""


def create(path: Path) -> None:
    """Make the tables that are not there yet."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)


@contextmanager
def connect(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """A connection for one transaction: kept if the block ends well, taken back if it raises."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.row_factory = sqlite3.Row
        with connection:
            yield connection


def shop() -> Path:
    """The database of the running application, to be given to `connect`."""
    path: Path = current_app.config["SHOP_DATABASE"]
    return path
