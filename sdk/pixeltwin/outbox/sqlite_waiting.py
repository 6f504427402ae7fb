"""Waiting for a lock of an SQLite file that another connection holds: for how long, and how to ask again."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from itertools import chain, repeat
from threading import local
from time import monotonic, sleep
from typing import Any

FIRST = 2.0  # seconds a request waits for another's lock
IMPATIENT = 0.25  # seconds, while another has just waited in vain
PATIENT = 5.0  # seconds a worker or a command waits
PAUSES = (0.0003, 0.001, 0.003, 0.005, 0.005, 0.005)  # seconds between two tries for a lock
AT_LAST = 0.0005  # all further ones
TRIES = 250  # a machine too busy to ask so often is no lock that is held: it is given
GRACE = 0.5  # so many seconds more
AFTERWARDS = 5.0  # seconds after a wait in vain during which no other waits as long


class Patience:
    """Seconds to wait for a lock: `first`, which is longer than a busy disk keeps a writer that has it; and for a while
    after that was in vain only `again`, so that a lock which stays costs one caller his time and not each of them.

    It is a process's: whichever thread or connection waits. A thread that has just written in its caller's transaction
    waits only `again` as well: he may have the lock, and cannot give it up meanwhile.
    """

    def __init__(self, first: float, again: float | None = None) -> None:
        self._first = first
        self._again = first if again is None else again
        self._short_until = 0.0
        self._here = local()

    def __call__(self) -> float:
        until = max(self._short_until, getattr(self._here, "short_until", 0.0))
        return self._again if monotonic() < until else self._first

    def was_in_vain(self) -> None:
        """Somebody has waited and did not get it."""
        self._short_until = monotonic() + AFTERWARDS

    def is_the_callers(self) -> None:
        """This thread's caller has the lock, or will, until he commits."""
        self._here.short_until = monotonic() + AFTERWARDS


class Waiting(sqlite3.Connection):
    """A connection that waits its turn for another's lock.

    SQLite's own busy handler sleeps the longer the longer it has waited, up to 100 ms, and lets in whoever comes new:
    of eight busy processes some wait in vain (sqliteDefaultBusyCallback in its source, 3.40). A lock is held for a
    fraction of a millisecond, or for some by a worker. So this one asks again soon, then leaves the others to it for a
    while, and then asks so often that who has waited is next.
    """

    patience: Patience

    def __del__(self) -> None:
        # Its slot closes it; where both are collected at once it may be asked first, and Python 3.13 would warn of it.
        with suppress(sqlite3.Error):
            self.close()

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, values)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        began, patience = monotonic(), self.patience()
        pauses = chain(PAUSES, repeat(AT_LAST))
        tries = 0
        while True:
            sleep(next(pauses))
            tries += 1
            try:
                return super().execute(sql, values)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                over = monotonic() - began - patience
                if over > GRACE or (over > 0 and tries >= TRIES):
                    self.patience.was_in_vain()
                    raise


def _is_busy(error: sqlite3.Error) -> bool:
    return str(error) == "database is locked"  # Python 3.10 has no sqlite_errorcode
