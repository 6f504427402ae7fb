"""Orders that ended before they were paid: called off, or never confirmed. Nobody was told of them, nor will be; so one
that is reported again is new. A card is declined, and the second try has the same order number."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..outbox import DeliveryState, NewRow, Outbox, Put, Stored

PAYMENT = "payment"  # what a hold waits for
UNPAID = "unpaid: "  # how the reason begins for which a hold was called off
_UNTOLD = {"cancelled", "expired", "refused", "suppressed"}  # how a half ends that no platform took


def put(outbox: Outbox, new: NewRow, *, now: datetime, connection: Any) -> Put:
    """Put a row; one under its natural key that ended before it was paid is out of its way."""
    found = outbox.put(new, now=now, connection=connection)
    if found.created or not any(_unpaid(half) for half in ended(outbox, found.row)):
        return found
    outbox.give_up(found.row.seq, connection=connection)
    return outbox.put(new, now=now, connection=connection)


def ended(outbox: Outbox, row: Stored) -> list[DeliveryState]:
    """The server halves of a row that was called off or has expired before anybody was told, whatever became of some of
    them before that; none of any other row, such as one that may still be mended, or was for nobody."""
    if row.visitor is not None or row.claimed:
        return []
    halves = [half for half in outbox.deliveries(id=row.id) if half.seq == row.seq]
    over = all(half.state in _UNTOLD and half.browser == "suppressed" for half in halves)
    return halves if over and any(half.state != "suppressed" for half in halves) else []


def _unpaid(half: DeliveryState) -> bool:
    if half.state == "cancelled":
        return half.reason.startswith(UNPAID)
    return half.reason.startswith("never_released: ") and PAYMENT in half.reason.split()
