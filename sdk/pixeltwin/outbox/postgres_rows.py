"""Rows of the PostgreSQL outbox as the contract's values. Moments are kept as timestamptz, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    seq, id, record, visitor, attempts, browser, browser_at, put_at = row
    return Claim(Stored(seq, id, record, visitor, (), True), attempts, lease, browser, browser_at, put_at)


def settlement_values(settlements: Sequence[Settlement], now: datetime) -> Iterator[dict[str, object]]:
    """What the statement `settle` takes, once for all that became the same. A lease counts once."""
    alike: dict[Row, list[int]] = {}
    for one in {one[:2]: one for one in reversed(settlements)}.values():
        due = (one.due_at or now) if one.state in OPEN else None
        alike.setdefault((one.lease, one.state, due, int(one.tried), one.reason), []).append(one.seq)
    for (lease, state, due, tried, reason), seqs in alike.items():
        end = {"state": state, "due_at": due, "tried": tried, "reason": storable(reason)}
        yield {"lease": lease, "seqs": array(seqs), **end}


def array(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL writes them; a list would be looked at one by one, to learn what is in it."""
    return f"{{{','.join(map(str, numbers))}}}"


def delivery_states(rows: Iterable[Row]) -> list[DeliveryState]:
    """Rows of the statement `deliveries`, whose columns are the fields in their order."""
    return [DeliveryState(*row) for row in rows]


def storable(text: str) -> str:
    """Text that PostgreSQL can keep: a vendor's words may hold anything."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
