"""The notes in the outbox's PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from .notes import KEEP_NOTES, Notes
from .postgres_connections import Session
from .steps import STEP, in_steps

Using = Callable[[], AbstractContextManager[Session]]
Writing = Callable[[Any], AbstractContextManager[Callable[..., TupleRow | None]]]


class PostgresNotes(Notes):
    """`request` and `worker` lend a session, with the patience of either; `writing` runs statements in the caller's own
    transaction where he gives its connection."""

    def __init__(self, *, writing: Writing, request: Using, worker: Using) -> None:
        self._writing = writing
        self._request = request
        self._worker = worker

    def keep(self, kind: str, key: str, data: bytes, *, now: datetime, connection: Any = None) -> None:
        with self._writing(connection) as row:
            row("note", kind=kind, key=key, data=data, now=now)

    def find(self, kind: str, key: str, *, now: datetime) -> bytes | None:
        with self._request() as own:
            row = own.row("noted", kind=kind, key=key, since=now - KEEP_NOTES)
        return row[0] if row else None

    def amend(self, kind: str, key: str, data: bytes) -> bool:
        with self._request() as own:
            return bool(own.run("amend_note", kind=kind, key=key, data=data))

    def forget(self, kind: str, key: str, *, connection: Any = None) -> None:
        with self._writing(connection) as row:
            row("forget_note", kind=kind, key=key)

    def listed(self, kind: str, *, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        with self._worker() as own:
            return [(key, data) for key, data in own.rows("notes", kind=kind, after=after, limit=limit)]

    def awaited(self, kind: str, *, now: datetime) -> list[str]:
        with self._worker() as own:
            return sorted(key for (key,) in own.rows("awaited", kind=kind, since=now - KEEP_NOTES))

    def purge(self, *, now: datetime) -> int:
        return in_steps(self._worker, lambda own: own.run("forget_notes", before=now - KEEP_NOTES, limit=STEP))
