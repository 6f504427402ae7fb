"""One destination's pass by several hands: requests side by side while a queue waits for a platform far away."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread

from .dispatch import Dispatch
from .report import DestinationReport

HANDS = 2


class Crew:
    """A dispatch, and others like it that come in one by one when it calls for more. `dispatch` makes one, given what
    it shall call."""

    def __init__(self, dispatch: Callable[[Callable[[], None]], Dispatch]) -> None:
        self._dispatch = dispatch
        self._lock = Lock()
        self._others: list[Thread] = []
        self._reports: list[DestinationReport] = []
        self._errors: list[BaseException] = []

    def run(self, limit: int | None = None) -> DestinationReport:
        """What all of them did. With a limit there is one: it alone can count. Raises what any of them raised."""
        try:
            report = self._dispatch(self._more if limit is None else _nobody).run(limit)
        finally:
            for other in self._others:  # it may grow while one is waited for
                other.join()
        for error in self._errors:
            raise error
        for one in self._reports:
            report.add(one)
        return report

    def _more(self) -> None:
        with self._lock:
            if len(self._others) < HANDS - 1:
                other = Thread(target=self._join_in, name="pixeltwin-hand", daemon=True)
                self._others.append(other)
                other.start()

    def _join_in(self) -> None:
        try:
            self._reports.append(self._dispatch(self._more).run())
        except BaseException as error:  # a site's own code may even raise SystemExit
            self._errors.append(error)


def _nobody() -> None:
    pass
