"""The clients that pixeltwin is measured against, each set up as its documentation advises and pointed at the sink.

A module here has `MODULE`, what has to be importable, and either `queue(url, best)`, a client that takes an event and
sends it from a thread, or `send(url)`, one that sends while the caller waits. They are imported late and without
types: the suite and the type checkers do without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..goods import AGENT, URL

# Made once: the peers hash nothing themselves, or are not charged for it.
EMAIL = "3a9f1c5a0a1a1b6cf1dd0aa9f1c2b7a58f3d3f9f7e1f7f9f6f1b7c2d3e4f5a6b"
SendMany = Callable[[Sequence[int]], None]


class Queue(Protocol):
    """A client with a queue in memory and a thread that sends."""

    def capture(self, number: int) -> bool:
        """Take one event; whether it was taken."""
        ...

    def flush(self) -> None:
        """Wait until everything was sent."""
        ...


def properties(number: int) -> dict[str, Any]:
    """What the peers' users would say of the sale that pixeltwin tracks."""
    return {
        "order_id": f"bench-{number}",
        "value": 100.0,
        "currency": "EUR",
        "items": [
            {"id": "sku-1", "name": "Mug", "category": "kitchen", "price": 29.95, "quantity": 2},
            {"id": "sku-2", "name": "Teapot", "category": "kitchen", "price": 40.10, "quantity": 1},
        ],
        "email": EMAIL,
        "phone": EMAIL,
        "ip": "203.0.113.7",
        "user_agent": AGENT,
        "url": URL,
        "click_ids": {"reddit": f"r{number}", "snap": f"s{number}"},
    }
