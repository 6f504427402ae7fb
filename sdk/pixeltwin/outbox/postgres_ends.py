"""How rows of the PostgreSQL outbox end: their halves, their personal data, their bodies, and they themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from .contract import KEEP_KEYED, KEEP_OTHERS, KEEP_PERSONAL, KEEP_RECORD
from .postgres_connections import Session
from .postgres_rows import array
from .steps import STEP, in_steps


def close_rows(own: Session, seqs: Sequence[int], now: datetime) -> None:
    """Settle those of these rows whose halves have all ended; the caller has locked them."""
    own.run("close_rows", seqs=array(seqs), now=now, personal_until=now + KEEP_PERSONAL, record_until=now + KEEP_RECORD)


def end_halves(
    own: Session, seqs: Sequence[int], state: str, reasons: Sequence[str], *, now: datetime, busy: bool
) -> int:
    """End the halves of rows that are open or were never claimed, with `busy` also those on their way. `reasons`: one a
    row. Returns how many rows had any."""
    own.run("forget_arrivals", seqs=seqs)
    own.run("make_halves", seqs=seqs, now=now)
    ended = own.rows("end_open", seqs=seqs, state=state, reasons=reasons, now=now, busy=busy)
    return len({seq for (seq,) in ended})


class Purge:
    """One purge, in steps of `STEP` rows; several may run side by side. `use` lends a session."""

    def __init__(self, use: Callable[[], AbstractContextManager[Session]], now: datetime) -> None:
        self._use = use
        self._now = now

    def run(self) -> int:
        """Returns how many changes were made."""
        return sum(self._all(step) for step in (self._bury, self._forget))

    def _all(self, step: Callable[[Session], int]) -> int:
        def whole(own: Session) -> int:
            with own.transaction():
                return step(own)

        return in_steps(self._use, whole)

    def _bury(self, own: Session) -> int:
        """Turn rows whose time is over into tombstones; what is still open expires."""
        rows = own.rows("outlived", now=self._now, limit=STEP)
        seqs = [seq for seq, _ in rows]
        reasons = [f"never_released: {held}" if held else "never_delivered" for _, held in rows]
        end_halves(own, seqs, "expired", reasons, now=self._now, busy=True)
        own.run("bury", seqs=seqs, now=self._now, keep_others=KEEP_OTHERS, keep_keyed=KEEP_KEYED)
        return len(seqs)

    def _forget(self, own: Session) -> int:
        """Delete tombstones whose time is over."""
        seqs = [seq for (seq,) in own.rows("forgettable", now=self._now, limit=STEP)]
        for statement in ("forget_deliveries", "forget_acknowledged", "forget"):
            own.run(statement, seqs=seqs)
        return len(seqs)
