"""The file of an SQLite outbox: the connections to it, and its schema, made when it is first needed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from .connections import Connections, Slot, prepare, wait_for_wal
from .sqlite_caller import driver_connection, whole, within
from .sqlite_rows import Executing
from .sqlite_schema import Route, find_route, is_current, migrate, write_route
from .sqlite_waiting import FIRST, IMPATIENT, PATIENT, Patience


class SQLiteFile:
    """The file at `path`. A request's connections wait for others' locks a short while, a worker's longer."""

    def __init__(self, path: str, sql: Mapping[str, str], *, full: bool) -> None:
        self.path = os.path.abspath(path)
        self._sql = sql
        self._destinations: tuple[str, ...] = ()
        self._route: Route | None = None  # None until schema and destinations are written
        # Copying the WAL into the file is left to the worker while there is one: it does so four times as often.
        waits, works = Patience(FIRST, IMPATIENT), Patience(PATIENT)
        self.request = Connections(self.path, patience=waits, prepare=partial(prepare, full=full, checkpoint=4000))
        self.worker = Connections(self.path, patience=works, prepare=partial(prepare, full=full, checkpoint=1000))

    def close(self) -> None:
        self.request.close()
        self.worker.close()
        self._route = None  # somebody may delete the file before it is used again

    def set_destinations(self, destinations: Sequence[str]) -> None:
        """Where the rows go that are put from now on."""
        self._destinations = tuple(sorted(set(destinations)))
        self._route = None

    def using(self, connections: Connections) -> Slot:
        """A connection in autocommit mode, when schema and destinations are there."""
        self.ready(connections)
        return connections.use()

    def changing(self, connections: Connections) -> AbstractContextManager[sqlite3.Connection]:
        """The same, within a transaction that has the write lock."""
        self.ready(connections)
        return connections.transaction()

    def writing(self, connection: Any) -> AbstractContextManager[Executing]:
        """The caller's own transaction where he gives its connection, else one of a request."""
        if connection is None:
            return self.changing(self.request)
        return within(driver_connection(connection), self.path)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection | None]:
        """A connection to read with, also while its own caller has the lock; None where there are no tables yet."""
        with self.request.use() as own:
            yield own if self._route or own.execute(self._sql["is_made"]).fetchone() else None

    @contextmanager
    def listing(self) -> Generator[sqlite3.Connection]:
        """The same where there shall be tables: it waits for a lock only to make or upgrade them."""
        with self.request.use() as own:
            if not self._route and not is_current(own, self._sql, self.path):
                self.ready(self.request)
            yield own

    def ready(self, connections: Connections, caller: sqlite3.Cursor | None = None) -> Route:
        """The route of new rows, with all that is needed written: where something is missing, and within the caller's
        transaction if he is in one, for then he has the lock."""
        route = self._route
        if route is None:
            destinations = self._destinations
            with connections.use() as own:
                route = find_route(own, self._sql, self.path, destinations)
            if route is None and caller:
                with whole(caller):
                    return self._write_schema(caller, destinations)  # he may roll it back
            if route is None:
                with connections.transaction() as own:
                    route = self._write_schema(own.cursor(), destinations)
                with connections.use() as own:
                    wait_for_wal(own)
            if self._destinations is destinations:  # else others were set meanwhile
                self._route = route
        return route

    def _write_schema(self, cursor: sqlite3.Cursor, destinations: Sequence[str]) -> Route:
        """Make what is missing: tables, destinations, their route."""
        migrate(cursor, self._sql, self.path)
        return write_route(cursor, self._sql, destinations)
