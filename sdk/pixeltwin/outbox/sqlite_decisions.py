"""The decisions in the outbox's SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from .decisions import KEEP_DECISIONS, Decided, Decisions
from .sqlite_rows import micros, moment
from .steps import STEP, in_steps

Using = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SQLiteDecisions(Decisions):
    """`request` and `worker` lend a connection, with the patience of either."""

    def __init__(self, sql: Mapping[str, str], *, request: Using, worker: Using) -> None:
        self._sql = sql
        self._request = request
        self._worker = worker

    def record(self, who: str, data: bytes, *, now: datetime) -> None:
        with self._request() as own:
            own.execute(self._sql["decide"], {"who": who, "at": micros(now), "data": data})

    def latest(self, whos: Sequence[str]) -> dict[str, Decided]:
        with self._worker() as own:
            found = _read(own.execute(self._sql["decided_last"], {"whos": json.dumps(list(whos))}))
        return {one.who: one for one in found}

    def listed(self, *, after: int = 0, limit: int = 1000) -> list[Decided]:
        with self._worker() as own:
            return _read(own.execute(self._sql["decisions"], {"after": after, "limit": limit}))

    def purge(self, *, now: datetime) -> int:
        due = {"before": micros(now - KEEP_DECISIONS), "limit": STEP}
        return in_steps(self._worker, lambda own: own.execute(self._sql["forget_decisions"], due).rowcount)


def _read(rows: Iterable[tuple[int, str, int, bytes]]) -> list[Decided]:
    return [Decided(number, who, moment(at), data) for number, who, at, data in rows]
