"""The threads of one process that deliver from a store with one writer: one at a time, but for their requests.

Who has such a store's write lock keeps everybody else from writing, visitors' requests in other processes among them.
Python's interpreter lock is given up with each statement, and got back only when a thread that maps events has had its
five milliseconds: a transaction of a dozen statements would last as many turns of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition, get_ident
from types import TracebackType


class Turn:
    """A context that one thread at a time is within, in the order they came; in a store with several writers, any
    number. A thread may enter it again.

    A lock would go to whoever is quickest; in order, passes of several destinations stay in step.
    """

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone
        self._moved = Condition()
        self._line: deque[int] = deque()  # of threads; the first is within
        self._depth = 0  # how often it entered

    def __enter__(self) -> None:
        if not self._alone:
            return
        me = get_ident()
        with self._moved:
            if me not in self._line:
                self._line.append(me)
                try:
                    self._moved.wait_for(lambda: self._line[0] == me)
                except BaseException:  # a signal's, such as KeyboardInterrupt
                    self._line.remove(me)
                    self._moved.notify_all()
                    raise
            self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._alone:
            return
        with self._moved:
            self._depth -= 1
            if not self._depth:
                self._line.popleft()
                self._moved.notify_all()

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Within it others may go on, for this one waits: for a platform, or for the site's own code."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()
