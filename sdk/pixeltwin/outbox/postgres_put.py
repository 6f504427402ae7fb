"""How a new row comes into PostgreSQL: in one statement, unless its key is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from .contract import KEEP_HELD, KEEP_OTHERS, KEEP_RECORD, NewRow, Put, Stored
from .postgres_rows import array, stored


def new_values(new: NewRow, now: datetime, destinations: list[int]) -> dict[str, Any]:
    """What the statement `put` takes. A row that is for no destination and waits for nothing is settled at once."""
    settled = not destinations and not new.held
    return {
        "id": new.id,
        "unique": new.unique,
        "event": new.event,
        "destinations": array(destinations),
        "occurred_at": new.occurred_at,
        "now": now,
        "held": sorted(new.held),
        "browser": "offered" if new.offered else "none",
        "browser_at": now if new.offered else None,
        "settled_at": now if settled else None,
        "purge_at": now + (KEEP_RECORD if settled else KEEP_HELD if new.held else KEEP_OTHERS),
        "record": new.record,
        "visitor": None if settled else new.visitor,
    }


def put(row: Callable[..., TupleRow | None], values: Mapping[str, Any], *, again: bool = False) -> Put:
    """Write a row; `row` runs a statement. `again`: this call may have written it already."""
    aside = values["held"] or values["settled_at"]
    while True:
        made = row("put_aside" if aside else "put", **values)
        if made:
            return Put(Stored(made[0], values["id"], values["record"], values["visitor"], tuple(values["held"])), True)
        known = row("find", unique=values["unique"])
        if known:  # else it was purged a moment ago
            found = stored(known)
            return Put(found, again and found[1:4] == (values["id"], values["record"], values["visitor"]))
