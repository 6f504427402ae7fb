"""The decisions in the outbox's PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from .decisions import KEEP_DECISIONS, Decided, Decisions
from .postgres_connections import Session
from .steps import STEP, in_steps

Using = Callable[[], AbstractContextManager[Session]]


class PostgresDecisions(Decisions):
    """`request` and `worker` lend a session, with the patience of either."""

    def __init__(self, *, request: Using, worker: Using) -> None:
        self._request = request
        self._worker = worker

    def record(self, who: str, data: bytes, *, now: datetime) -> None:
        with self._request() as own:
            own.run("decide", who=who, at=now, data=data)

    def latest(self, whos: Sequence[str]) -> dict[str, Decided]:
        with self._worker() as own:
            return {row[1]: Decided(*row) for row in own.rows("decided_last", whos=list(whos))}

    def listed(self, *, after: int = 0, limit: int = 1000) -> list[Decided]:
        with self._worker() as own:
            return [Decided(*row) for row in own.rows("decisions", after=after, limit=limit)]

    def purge(self, *, now: datetime) -> int:
        return in_steps(self._worker, lambda own: own.run("forget_decisions", before=now - KEEP_DECISIONS, limit=STEP))
