"""Visitors who took everything back: what waits of them is called off within minutes, however long the queue stands."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .ledger import WITHDRAWN, Ledger, decided_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox import Outbox, Stored

STEP = 500  # rows that are looked at together
STEPS = 100  # of these in one go; a longer queue is gone on with the next time


class Withdrawals:
    """A look through all that is open in an outbox, for who refused since the last one. Before a server half is sent
    the ledger is asked in any case; this is for what is not sent, as nobody takes it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._ledger = Ledger(outbox)
        self._wanted: frozenset[str] = frozenset()
        self._after: int | None = None  # how far this look is

    def call_off(self, now: datetime) -> int:
        """Cancel what waits of them, and erase its personal data; how many conversions. Call it every few minutes."""
        notes = self._outbox.notes
        if not self._wanted:
            self._wanted, self._after = frozenset(who for who, _ in notes.listed(WITHDRAWN)), None
        cancelled = 0
        for _ in range(STEPS if self._wanted else 0):
            found = self._outbox.open_rows(after=self._after, limit=STEP)
            cancelled += self._cancel(found, now)
            if len(found) < STEP:
                for who in self._wanted:
                    notes.forget(WITHDRAWN, who)
                self._wanted = frozenset()
                break
            self._after = found[-1].seq
        return cancelled

    def _cancel(self, found: Sequence[Stored], now: datetime) -> int:
        theirs = [(row.id, who) for row in found if (who := decided_by(row)) in self._wanted]
        refused = self._ledger.refused({who for _, who in theirs if who}) if theirs else ()
        ids = [id for id, who in theirs if who in refused]
        return self._outbox.cancel(ids, now=now, reason="consent denied") if ids else 0
