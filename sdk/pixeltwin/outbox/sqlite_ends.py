"""How rows of the SQLite outbox end: their halves, their personal data, their bodies, and they themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from .contract import KEEP_HELD, KEEP_KEYED, KEEP_OTHERS, KEEP_PERSONAL, KEEP_RECORD
from .sqlite_rows import listed, micros, span
from .steps import STEP

Statements = Mapping[str, str]
SWEPT_AFTER = timedelta(hours=1)
EMPTYING = 3  # how often a purge tries to leave nothing in the WAL


def close_rows(own: sqlite3.Connection, sql: Statements, seqs: Iterable[int], now: datetime) -> None:
    """Settle those of these rows whose halves have all ended."""
    keep = {"now": micros(now), "keep_personal": span(KEEP_PERSONAL), "keep_record": span(KEEP_RECORD)}
    own.execute(sql["close_rows"], {**keep, "seqs": listed(seqs)})


def end_halves(
    own: sqlite3.Connection, sql: Statements, seq: int, state: str, reason: str, *, now: datetime, busy: bool
) -> int:
    """End the halves that are open or were never claimed, with `busy` also those on their way. Returns how many."""
    values = {"seq": seq, "state": state, "reason": reason, "now": micros(now), "busy": busy}
    own.execute(sql["make_halves"], values)
    return own.execute(sql["end_open"], values).rowcount


class Purge:
    """One purge, in steps of `STEP` rows. `transaction` begins one."""

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]], sql: Statements, now: datetime
    ) -> None:
        self._transaction = transaction
        self._sql = sql
        self._now = now

    def run(self) -> int:
        """Returns how many changes were made."""
        with self._transaction() as own:
            own.execute(self._sql["pass_by"])
        return self._all(self._sweep) + self._all(self._bury) + self._all(self._forget)

    def _all(self, step: Callable[[sqlite3.Connection], tuple[int, bool]]) -> int:
        changes, more = 0, True
        while more:
            with self._transaction() as own:
                changed, more = step(own)
            changes += changed
        return changes

    def _sweep(self, own: sqlite3.Connection) -> tuple[int, bool]:
        """Give rows that are not settled by now the date at which they expire."""
        swept, until = own.execute(self._sql["swept"], {"before": micros(self._now - SWEPT_AFTER)}).fetchone()
        among = {"swept": swept, "until": until, "limit": STEP}
        seqs = [seq for (seq,) in own.execute(self._sql["unsettled"], among)]
        keep = {"keep_open": span(KEEP_OTHERS), "keep_held": span(KEEP_HELD)}
        own.execute(self._sql["date"], {**keep, "seqs": listed(seqs)})
        more = len(seqs) == STEP
        if until > swept:
            own.execute(self._sql["set_swept"], {"swept": seqs[-1] if more else until})
        return 0, more

    def _bury(self, own: sqlite3.Connection) -> tuple[int, bool]:
        """Turn rows whose time is over into tombstones; what is still open expires."""
        now = micros(self._now)
        rows = own.execute(self._sql["outlived"], {"now": now, "limit": STEP}).fetchall()
        keep = {"now": now, "keep_others": span(KEEP_OTHERS), "keep_keyed": span(KEEP_KEYED)}
        for seq, held, settled_at in rows:
            if settled_at is None:
                reason = f"never_released: {held}" if held else "never_delivered"
                end_halves(own, self._sql, seq, "expired", reason, now=self._now, busy=True)
        own.execute(self._sql["bury"], {**keep, "seqs": listed(seq for seq, *_ in rows)})
        return len(rows), len(rows) == STEP

    def _forget(self, own: sqlite3.Connection) -> tuple[int, bool]:
        """Delete tombstones whose time is over."""
        rows = own.execute(self._sql["forgettable"], {"now": micros(self._now), "limit": STEP}).fetchall()
        seqs = {"seqs": listed(seq for (seq,) in rows)}
        for statement in ("forget_deliveries", "forget_acknowledged", "forget"):
            own.execute(self._sql[statement], seqs)
        return len(rows), len(rows) == STEP


def empty_wal(own: sqlite3.Connection) -> None:
    """What was erased is still in the WAL. Truncating it makes writers wait, for the disk too if anything is to be
    copied: so all is copied before, while they go on. Where they are too busy for that they soon write over it, and the
    next purge tries again; a slow reader is not waited for."""
    for _ in range(EMPTYING):
        busy, written, copied = own.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not busy and written == copied:
            own.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
