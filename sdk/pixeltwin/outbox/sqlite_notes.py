"""The notes in the outbox's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from .notes import KEEP_NOTES, Notes
from .sqlite_rows import Executing, micros
from .steps import STEP, in_steps

Using = Callable[[], AbstractContextManager[sqlite3.Connection]]
Reading = Callable[[], AbstractContextManager[sqlite3.Connection | None]]
Writing = Callable[[Any], AbstractContextManager[Executing]]


class SQLiteNotes(Notes):
    """`request` and `worker` lend a connection, with the patience of either; `reading` one that takes no lock, or None
    where nothing was ever noted; `writing` the caller's own where he gives one."""

    def __init__(
        self, sql: Mapping[str, str], reading: Reading, writing: Writing, *, request: Using, worker: Using
    ) -> None:
        self._sql = sql
        self._reading = reading
        self._writing = writing
        self._request = request
        self._worker = worker

    def keep(self, kind: str, key: str, data: bytes, *, now: datetime, connection: Any = None) -> None:
        with self._writing(connection) as own:
            own.execute(self._sql["note"], {"kind": kind, "key": key, "data": data, "now": micros(now)})

    def find(self, kind: str, key: str, *, now: datetime) -> bytes | None:
        values = {"kind": kind, "key": key, "since": micros(now - KEEP_NOTES)}
        with self._reading() as own:
            row = own.execute(self._sql["noted"], values).fetchone() if own else None
        return row[0] if row else None

    def amend(self, kind: str, key: str, data: bytes) -> bool:
        with self._request() as own:
            return bool(own.execute(self._sql["amend_note"], {"kind": kind, "key": key, "data": data}).rowcount)

    def forget(self, kind: str, key: str, *, connection: Any = None) -> None:
        with self._writing(connection) as own:
            own.execute(self._sql["forget_note"], {"kind": kind, "key": key})

    def listed(self, kind: str, *, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        with self._worker() as own:
            return own.execute(self._sql["notes"], {"kind": kind, "after": after, "limit": limit}).fetchall()

    def awaited(self, kind: str, *, now: datetime) -> list[str]:
        with self._worker() as own:
            return [
                key for (key,) in own.execute(self._sql["awaited"], {"kind": kind, "since": micros(now - KEEP_NOTES)})
            ]

    def purge(self, *, now: datetime) -> int:
        due = {"before": micros(now - KEEP_NOTES), "limit": STEP}
        return in_steps(self._worker, lambda own: own.execute(self._sql["forget_notes"], due).rowcount)
