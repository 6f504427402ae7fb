"""Rows of the SQLite outbox as the contract's values. Moments are kept as whole microseconds since 1970, exact."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, overload

from .contract import Claim, DeliveryState, Settlement, Stored
from .states import OPEN

Row = tuple[Any, ...]
Executing = sqlite3.Connection | sqlite3.Cursor

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def span(duration: timedelta) -> int:
    return duration // _MICROSECOND


@overload
def moment(micros: int) -> datetime: ...


@overload
def moment(micros: int | None) -> datetime | None: ...


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def stored(row: Row) -> Stored:
    """A row of the statements `find` and `get`."""
    seq, id, record, visitor, held, left = row
    return Stored(seq, id, record, visitor, tuple(held.split()), bool(left))


def claim(row: Row, lease: str) -> Claim:
    """A row of the statement `claimed`."""
    seq, id, record, visitor, attempts, browser, browser_at, put_at = row
    kept = Stored(seq, id, record, visitor, (), True)
    arrived = _EPOCH + timedelta(microseconds=put_at)
    return Claim(kept, attempts, lease, browser, moment(browser_at), arrived)


def settlement_values(settlements: Sequence[Settlement], destination: int, now: int) -> Iterator[dict[str, Any]]:
    """What the statement `settle` takes, once for all that became the same. A lease counts once."""
    if len({one.seq for one in settlements}) < len(settlements):
        settlements = list({one[:2]: one for one in reversed(settlements)}.values())
    alike: dict[Row, list[int]] = {}
    for seq, lease, state, reason, due_at, tried in settlements:
        due = None
        if state in OPEN:
            due = now if due_at is None else micros(due_at)
        same = (lease, state, due, tried, reason)
        if same in alike:
            alike[same].append(seq)
        else:
            alike[same] = [seq]
    for (lease, state, due, tried, reason), seqs in alike.items():
        end = {"state": state, "due_at": due, "tried": int(tried), "reason": reason}
        yield {"destination": destination, "now": now, "lease": lease, "seqs": listed(seqs), **end}


def listed(seqs: Iterable[int]) -> str:
    """Any number of seqs as one value, for `json_each`."""
    return str(list(seqs))


def delivery_state(row: Row) -> DeliveryState:
    """A row of the statement `deliveries`."""
    seq, id, event, occurred_at, destination, state, attempts, reason, due_at, updated_at, browser, browser_at = row
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
        browser_at=moment(browser_at),
    )
