"""The two lives of a conversion, as tables: which states there are and which moves are allowed.

Server half, one row a destination, made when a worker first looks at the conversion:

    held ──────► pending ──► claimed ──► delivered
      │             ▲           ├──────► waiting ──► claimed …
      ▼             └───────────┘        refused · expired · suppressed · cancelled
    cancelled · expired · suppressed

Browser half: none ◄──► offered ──► acknowledged, by way of blocked where its script came late; suppressed from either
of the first two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ServerState = Literal[
    "held", "pending", "claimed", "waiting", "delivered", "refused", "expired", "suppressed", "cancelled"
]
BrowserState = Literal["none", "offered", "blocked", "acknowledged", "suppressed"]

SERVER_MOVES: Mapping[ServerState, frozenset[ServerState]] = {
    "held": frozenset({"pending", "expired", "suppressed", "cancelled"}),
    "pending": frozenset({"claimed", "held", "suppressed", "cancelled", "expired"}),
    "claimed": frozenset({"delivered", "waiting", "refused", "expired", "suppressed", "cancelled", "pending"}),
    "waiting": frozenset({"claimed", "suppressed", "cancelled", "expired"}),
    "refused": frozenset({"pending"}),  # reopened when missing signals arrive
    "delivered": frozenset(),
    "expired": frozenset({"pending"}),  # replayed by hand
    "suppressed": frozenset(),
    "cancelled": frozenset(),
}
BROWSER_MOVES: Mapping[BrowserState, frozenset[BrowserState]] = {
    "none": frozenset({"offered", "suppressed"}),
    "offered": frozenset({"none", "blocked", "acknowledged", "suppressed"}),  # none: no page reached the visitor
    "blocked": frozenset({"acknowledged"}),  # its script came after the page had given it up
    "acknowledged": frozenset(),
    "suppressed": frozenset(),
}
OPEN: frozenset[ServerState] = frozenset({"held", "pending", "claimed", "waiting"})
FINAL: frozenset[ServerState] = frozenset(SERVER_MOVES) - OPEN
