"""The schema of the SQLite outbox: its migrations, the destinations, and the route of new rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import OutboxUnavailable
from .contract import Migration
from .sqlite_rows import Executing

VERSION = 5  # the last migration in sqlite.sql


@dataclass(frozen=True, slots=True)
class Route:
    """A set of destinations, by its number in the file."""

    number: int
    is_empty: bool


def is_current(own: Executing, sql: Mapping[str, str], path: str) -> bool:
    """Whether the tables are there, and up to date. It only reads."""
    return (_version(own, sql, path) or 0) >= VERSION


def find_route(own: Executing, sql: Mapping[str, str], path: str, destinations: Sequence[str]) -> Route | None:
    """The route of these destinations, where nothing is missing. It only reads, and waits for nobody who writes."""
    found = None
    if is_current(own, sql, path):
        found = own.execute(sql["route"], _names(destinations)).fetchone()
    return Route(found[0], is_empty=not destinations) if found else None


def migrate(cursor: sqlite3.Cursor, sql: Mapping[str, str], path: str) -> Migration:
    """Make what is missing, inside the caller's transaction."""
    before = _version(cursor, sql, path)
    for version in range((before or 0) + 1, VERSION + 1):
        for statement in sql[f"migration_{version}"].split(";"):
            cursor.execute(statement)
        cursor.execute(sql["set_version"], {"version": version})
    return Migration(before, max(before or 0, VERSION))


def write_route(cursor: sqlite3.Cursor, sql: Mapping[str, str], destinations: Sequence[str]) -> Route:
    """The route of these destinations, made if need be."""
    names = _names(destinations)
    cursor.execute(sql["add_route"], names)
    for name in destinations:
        cursor.execute(sql["add_destination"], {"name": name})
        cursor.execute(sql["add_stop"], {**names, "name": name})
    (number,) = cursor.execute(sql["route"], names).fetchone()
    return Route(number, is_empty=not destinations)


def _version(own: Executing, sql: Mapping[str, str], path: str) -> int | None:
    """The file's version of the schema; None without tables."""
    if not own.execute(sql["is_made"]).fetchone():
        return None
    version: int = own.execute(sql["version"]).fetchone()[0]
    if version > VERSION and own.execute(sql["oldest_version"]).fetchone()[0] > VERSION:
        raise OutboxUnavailable(
            f"the outbox {path} was made by a newer pixeltwin (schema {version}, this one knows {VERSION}); upgrade "
            "pixeltwin, or name another file"
        )
    return version


def _names(destinations: Sequence[str]) -> dict[str, str]:
    return {"names": "\n".join(destinations)}
