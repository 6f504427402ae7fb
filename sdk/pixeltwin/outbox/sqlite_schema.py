"""The schema of the SQLite outbox: its migrations, the destinations, and the route of new rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import OutboxUnavailable
from .contract import Migration

VERSION = 4  # the last migration in sqlite.sql


@dataclass(frozen=True, slots=True)
class Route:
    """A set of destinations, by its number in the file."""

    number: int
    is_empty: bool


def migrate(cursor: sqlite3.Cursor, sql: Mapping[str, str], path: str) -> Migration:
    """Make what is missing, inside the caller's transaction."""
    is_made = cursor.execute(sql["is_made"]).fetchone()
    before: int | None = cursor.execute(sql["version"]).fetchone()[0] if is_made else None
    if before is not None and before > VERSION:
        raise OutboxUnavailable(
            f"the outbox {path} was made by a newer pixeltwin (schema {before}, this one knows {VERSION}); upgrade "
            "pixeltwin, or name another file"
        )
    for version in range((before or 0) + 1, VERSION + 1):
        for statement in sql[f"migration_{version}"].split(";"):
            cursor.execute(statement)
        cursor.execute(sql["set_version"], {"version": version})
    return Migration(before, VERSION)


def write_route(cursor: sqlite3.Cursor, sql: Mapping[str, str], destinations: Sequence[str]) -> Route:
    """The route of these destinations, made if need be."""
    names = {"names": "\n".join(destinations)}
    cursor.execute(sql["add_route"], names)
    for name in destinations:
        cursor.execute(sql["add_destination"], {"name": name})
        cursor.execute(sql["add_stop"], {**names, "name": name})
    (number,) = cursor.execute(sql["route"], names).fetchone()
    return Route(number, is_empty=not destinations)
