"""The back ends that every outbox test runs over, and rows to put into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pixeltwin.outbox import NewRow, Outbox, Settlement, open_outbox
from pixeltwin.outbox.states import BROWSER_MOVES, SERVER_MOVES
from tests.postgresql import fresh_url

# A further back end is one line here.
BACK_ENDS: Mapping[str, Callable[[Path], Outbox]] = {
    "memory": lambda folder: open_outbox("memory:"),
    "sqlite": lambda folder: open_outbox(f"sqlite:///{folder}/outbox.db"),
    "sqlite-full": lambda folder: open_outbox(f"sqlite:///{folder}/outbox.db?synchronous=FULL"),
    "postgres": lambda folder: open_outbox(fresh_url()),
}

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
RED, BLUE = "red:1", "blue:2"

Halves = dict[tuple[int, str], tuple[str, str]]


def after(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


def new(number: int = 1, **changes: Any) -> NewRow:
    """A row whose id is its number, with a natural key."""
    values: dict[str, Any] = {
        "id": f"id-{number}",
        "unique": f"shop:Purchase:{number}",
        "event": "Purchase",
        "occurred_at": NOW,
        "record": b'{"record": %d}' % number,
        "visitor": b'{"visitor": %d}' % number,
    }
    return NewRow(**{**values, **changes})


def put(outbox: Outbox, *numbers: int, now: datetime = NOW, **changes: Any) -> list[int]:
    """Put rows; their seqs."""
    return [outbox.put(new(number, **changes), now=now).row.seq for number in numbers]


def settle_all(
    outbox: Outbox, destination: str, state: Any, *, now: datetime = NOW, reason: str = "", **more: Any
) -> int:
    """Claim what is due and settle it so. Returns how many counted."""
    claims = outbox.claim(destination, now=now, limit=1000)
    settlements = [Settlement(claim.row.seq, claim.lease, state, reason, **more) for claim in claims]
    return outbox.settle(destination, settlements, now=now)


def states(outbox: Outbox) -> dict[str, dict[str, str]]:
    """The server state of each conversion at each destination."""
    found: dict[str, dict[str, str]] = {}
    for one in outbox.deliveries(limit=10_000):
        found.setdefault(one.id, {})[one.destination] = one.state
    return found


def halves(outbox: Outbox) -> Halves:
    """Both states of every half, by row and destination."""
    return {(one.seq, one.destination): (one.state, one.browser) for one in outbox.deliveries(limit=10_000)}


def forbidden_moves(before: Halves, now: Halves) -> list[str]:
    """The moves between two looks that the tables of states do not list."""
    found: list[str] = []
    for key in before.keys() & now.keys():
        (server, browser), (server_now, browser_now) = before[key], now[key]
        if server_now != server and server_now not in SERVER_MOVES[server]:  # type: ignore[index]
            found.append(f"{key}: {server} -> {server_now}")
        through = {browser} | BROWSER_MOVES[browser]  # type: ignore[index]
        if browser_now not in through.union(*(BROWSER_MOVES[one] for one in through)):  # type: ignore[index]
            found.append(f"{key}: {browser} -> {browser_now}")
    return found
