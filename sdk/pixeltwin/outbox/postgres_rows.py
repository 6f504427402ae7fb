"""Rows of the PostgreSQL outbox as the contract's values. Moments are kept as timestamptz, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from .contract import Claim, DeliveryState, Settlement, Stored
from .postgres_connections import Row
from .states import OPEN


def stored(row: Row) -> Stored:
    """A row of the statements `find`, `get` and `offer`."""
    seq, id, record, visitor, held, left = row
    return Stored(seq, id, record, visitor, tuple(held), left)


def claim(row: Row, lease: str) -> Claim:
    """A row of the statement `claimed`."""
    seq, id, record, visitor, attempts, browser, browser_at = row
    return Claim(Stored(seq, id, record, visitor, (), True), attempts, lease, browser, browser_at)


def settlement_values(settlements: Sequence[Settlement], now: datetime) -> dict[str, object]:
    """What the statement `settle` takes: a column of each. A lease counts once."""
    once = {(one.seq, one.lease): one for one in reversed(settlements)}.values()
    return {
        "seqs": [one.seq for one in once],
        "leases": [one.lease for one in once],
        "states": [one.state for one in once],
        "dues": [(one.due_at or now) if one.state in OPEN else None for one in once],
        "tried": [int(one.tried) for one in once],
        "reasons": [storable(one.reason) for one in once],
    }


def delivery_states(rows: Iterable[Row]) -> list[DeliveryState]:
    """Rows of the statement `deliveries`, whose columns are the fields in their order."""
    return [DeliveryState(*row) for row in rows]


def storable(text: str) -> str:
    """Text that PostgreSQL can keep: a vendor's words may hold anything."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
