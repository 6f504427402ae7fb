"""The tallies in the outbox's PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime

from .postgres_connections import Session
from .tallies import KEEP_TALLIES, Tallies, Tally

Using = Callable[[], AbstractContextManager[Session]]


class PostgresTallies(Tallies):
    """`worker` lends a session, with a worker's patience."""

    def __init__(self, *, worker: Using) -> None:
        self._worker = worker

    def add(self, day: date, destination: str, counts: Mapping[tuple[str, str], int]) -> None:
        if not counts:
            return
        # In one order, so that two workers that count the same do not wait for each other in a circle.
        (events, whats), many = zip(*sorted(counts), strict=True), [counts[one] for one in sorted(counts)]
        with self._worker() as own:
            own.run("tally", day=day, destination=destination, events=list(events), whats=list(whats), many=many)

    def listed(self, *, since: date) -> list[Tally]:
        with self._worker() as own:
            return [Tally(*row) for row in own.rows("tallies", since=since)]

    def purge(self, *, now: datetime) -> int:
        with self._worker() as own:
            return own.run("forget_tallies", before=(now - KEEP_TALLIES).date())
