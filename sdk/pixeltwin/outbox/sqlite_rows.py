"""Rows of the SQLite outbox as the contract's values. Moments are kept as whole microseconds since 1970, exact."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .contract import Claim, DeliveryState, Settlement, Stored
from .states import OPEN

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def span(duration: timedelta) -> int:
    return duration // _MICROSECOND


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def stored(row: Row) -> Stored:
    """A row of the statements `find` and `get`."""
    seq, id, record, visitor, held, left = row
    return Stored(seq, id, record, visitor, tuple(held.split()), bool(left))


def claim(row: Row, lease: str) -> Claim:
    """A row of the statement `claimed`."""
    seq, id, record, visitor, attempts, browser, browser_at = row
    return Claim(Stored(seq, id, record, visitor, (), True), attempts, lease, browser, moment(browser_at))


def settlement_values(settlement: Settlement, destination: int, now: int) -> Row:
    """What the statement `settle` takes."""
    due = None
    if settlement.state in OPEN:
        due = now if settlement.due_at is None else micros(settlement.due_at)
    tried = int(settlement.tried)
    return settlement.state, due, tried, settlement.reason, now, destination, settlement.seq, settlement.lease


def delivery_state(row: Row) -> DeliveryState:
    """A row of the statement `deliveries`."""
    seq, id, event, occurred_at, destination, state, attempts, reason, due_at, updated_at, browser = row
    return DeliveryState(
        seq=seq,
        id=id,
        event=event,
        occurred_at=_EPOCH + timedelta(microseconds=occurred_at),
        destination=destination,
        state=state,
        attempts=attempts,
        reason=reason,
        due_at=moment(due_at),
        updated_at=_EPOCH + timedelta(microseconds=updated_at),
        browser=browser,
    )
