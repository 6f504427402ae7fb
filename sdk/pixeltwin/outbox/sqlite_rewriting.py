"""How records in the SQLite outbox are replaced: when something that rows wait for is lifted, and by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

from .sqlite_again import keep_open
from .sqlite_ends import Statements, close_rows
from .sqlite_rows import Row, micros

Rewrite = Callable[[bytes], bytes]


def release(
    own: sqlite3.Connection,
    sql: Statements,
    rows: Iterable[Row],
    reason: str,
    *,
    now: datetime,
    rewrite: Rewrite | None,
    occurred_at: datetime | None,
) -> list[str]:
    """Lift it from those of these `held` rows that wait for it. The ids of those that wait for nothing more."""
    happened = None if occurred_at is None else micros(occurred_at)
    freed: list[str] = []
    for seq, id, held, record in rows:
        words = held.split()
        if reason in words:
            words.remove(reason)
            values = {"seq": seq, "held": " ".join(words), "occurred_at": happened}
            own.execute(sql["lift"], {**values, "record": rewrite(record) if rewrite else record})
            if not words:
                own.execute(sql["make_halves"], {"seq": seq, "now": micros(now)})
                own.execute(sql["free"], {"seq": seq, "now": micros(now)})
                keep_open(own, sql, seq, now)
                close_rows(own, sql, [seq], now)
                freed.append(id)
    return freed


def rewrite_rows(own: sqlite3.Connection, sql: Statements, rows: Iterable[Row], change: Rewrite) -> None:
    """Give each of these rows its new record."""
    for seq, record in rows:
        own.execute(sql["rewrite"], {"seq": seq, "record": change(record)})
