"""The tallies in the outbox's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime

from .tallies import KEEP_TALLIES, Tallies, Tally

Using = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SQLiteTallies(Tallies):
    """`changing` lends a connection within a transaction, `using` without one; both with a worker's patience."""

    def __init__(self, sql: Mapping[str, str], *, changing: Using, using: Using) -> None:
        self._sql = sql
        self._changing = changing
        self._using = using

    def add(self, day: date, destination: str, counts: Mapping[tuple[str, str], int]) -> None:
        with self._changing() as own:
            for (event, what), many in counts.items():
                own.execute(self._sql["tally"], (day.isoformat(), destination, event, what, many))

    def listed(self, *, since: date) -> list[Tally]:
        rows: list[tuple[str, str, str, str, int]]
        with self._using() as own:
            rows = own.execute(self._sql["tallies"], {"since": since.isoformat()}).fetchall()
        return [Tally(date.fromisoformat(day), *rest) for day, *rest in rows]  # type: ignore[arg-type]

    def purge(self, *, now: datetime) -> int:
        with self._using() as own:
            return own.execute(
                self._sql["forget_tallies"], {"before": (now - KEEP_TALLIES).date().isoformat()}
            ).rowcount
