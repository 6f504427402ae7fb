"""Waiting for a PostgreSQL that does not answer: for how long, and that not each caller does.

A statement that takes too long is ended by the server. Where nothing comes at all (the host is gone, the network drops
what is sent, the server stands still) it is for this side to give up: psycopg waits as long as the system takes the
connection for alive.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from ..errors import OutboxUnavailable

INTERVAL = 0.1  # seconds between two looks at a connection on which nothing comes
GRACE = 0.25  # seconds more than a statement may take, in which the server says that it took too long
AFTERWARDS = 5.0  # seconds after a wait in vain during which nobody waits
Answer = TypeVar("Answer")


class Unanswered(psycopg.OperationalError):
    """The server said nothing for too long."""


class Waiting(psycopg.Connection[TupleRow]):
    """A connection that is closed when its server says nothing. `patience`: seconds that a statement may take."""

    patience: float

    def wait(self, gen: PQGen[Answer], interval: float = INTERVAL, *args: Any, **more: Any) -> Answer:
        try:
            return super().wait(_unless_silent(gen, self.patience + GRACE), interval, *args, **more)
        except Unanswered:
            self.close()
            raise


def _unless_silent(gen: PQGen[Answer], longest: float) -> PQGen[Answer]:
    """The same, unless the connection is not ready for so long. psycopg says so to `gen` after each interval."""
    heard = monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                heard = monotonic()
            elif monotonic() - heard >= longest:
                raise Unanswered(f"it did not answer within {longest:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: Answer = end.value
        return answer


class Patience:
    """Seconds that one statement may take. After a wait in vain nobody waits for a while, and then one caller before
    the others, so that a server which is gone costs one of them his time and not each."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times = 0  # how often somebody waited in vain
        self._until = 0.0
        self._error = OutboxUnavailable()

    def check(self) -> None:
        """Raises what the last one was told who waited in vain, while nobody is to wait."""
        if not self._until:
            return
        now = monotonic()
        if now < self._until:
            raise OutboxUnavailable(*self._error.args)
        self._until = now + AFTERWARDS  # for the others: this one tries

    def was_in_vain(self, error: OutboxUnavailable) -> None:
        self._error = error
        self._until = monotonic() + AFTERWARDS
        self.times += 1

    def was_rewarded(self) -> None:
        self._until = 0.0
