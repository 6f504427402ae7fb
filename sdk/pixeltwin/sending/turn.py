"""The threads of one process that deliver from a store with one writer: one at a time, but for their requests.

Who has such a store's write lock keeps everybody else from writing, visitors' requests in other processes among them.
Python's interpreter lock is given up with each statement, and got back only when a thread that maps events has had its
five milliseconds: a transaction of a dozen statements would last as many turns of the others.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import RLock
from types import TracebackType


class Turn:
    """A context that one thread at a time is within; in a store with several writers, any number. A thread may enter it
    again."""

    def __init__(self, *, alone: bool) -> None:
        self._lock = RLock() if alone else None

    def __enter__(self) -> None:
        if self._lock:
            self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock:
            self._lock.release()

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Within it others may go on, for this one waits: for a platform, or for the site's own code."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()
