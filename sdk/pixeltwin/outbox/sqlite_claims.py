"""How conversions that are new to a destination are claimed in the SQLite outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any


def claim_new(
    own: sqlite3.Connection, sql: Mapping[str, str], leased: Mapping[str, Any], cursor: int, limit: int
) -> int:
    """Make state rows for up to `limit` conversions behind the cursor, and for the held ones on the way; how many
    were claimed."""
    first, last = own.execute(sql["ends"], {"cursor": cursor}).fetchone()
    if first is None:
        return 0
    taken, until = 0, first - 1
    while taken < limit and until < last:
        cursor, until = until, min(until + limit - taken, last)
        between = {**leased, "cursor": cursor, "until": until}
        new = own.execute(sql["claim_new"], between).rowcount
        taken += new
        if new < until - cursor:  # else there is nothing held among them, and each row is read again to see
            own.execute(sql["hold_new"], between)
    own.execute(sql["move_cursor"], {"destination": leased["destination"], "until": until})
    return taken
