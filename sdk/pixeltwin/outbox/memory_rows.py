"""What the outbox in memory holds: rows and their server halves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from .contract import FURTHEST, KEEP_KEYED, KEEP_OTHERS, KEEP_PERSONAL, KEEP_RECORD, LEASE, DeliveryState, Stored
from .states import OPEN, BrowserState, ServerState


@dataclass(slots=True)
class Half:
    """A server half. `due_at`: when it may be claimed, or its lease ends; None: not to be claimed."""

    state: ServerState
    updated_at: datetime
    due_at: datetime | None = None
    attempts: int = 0
    lease: str | None = None
    reason: str = ""

    def move(self, state: ServerState, now: datetime, due_at: datetime | None = None) -> None:
        self.state, self.updated_at, self.due_at, self.lease = state, now, due_at, None

    def rouse(self, now: datetime) -> bool:
        """If it is due too far away it is due now, or its lease begins to end. Whether anything changed."""
        if self.due_at is None or self.due_at <= now + FURTHEST:
            return False
        seen_at, self.updated_at = self.updated_at, min(self.updated_at, now)
        if self.state == "claimed" and seen_at > now - LEASE:
            return seen_at > now
        self.due_at = now
        return True


@dataclass(slots=True)
class Row:
    seq: int
    id: str
    unique: str | None
    event: str
    occurred_at: datetime
    put_at: datetime
    purge_at: datetime
    destinations: tuple[str, ...]
    held: list[str]
    browser: BrowserState
    browser_at: datetime | None
    record: bytes | None
    visitor: bytes | None
    settled_at: datetime | None = None
    acknowledged: dict[str, datetime] = field(default_factory=lambda: dict[str, datetime]())
    blocked: dict[str, datetime] = field(default_factory=lambda: dict[str, datetime]())
    halves: dict[str, Half] = field(default_factory=lambda: dict[str, Half]())

    def stored(self) -> Stored:
        left = any(half.state == "claimed" or half.attempts for half in self.halves.values())
        return Stored(self.seq, self.id, self.record, self.visitor, tuple(self.held), left)

    def is_new(self, destination: str) -> bool:
        """Whether it is for this destination and was never claimed for it."""
        return destination in self.destinations and destination not in self.halves and self.settled_at is None

    def is_open(self, destination: str) -> bool:
        """Whether its half is open there, and not held."""
        half = self.halves.get(destination)
        return half.due_at is not None if half else self.is_new(destination) and not self.held

    def browser_of(self, destination: str) -> tuple[BrowserState, datetime | None]:
        """The state of a destination's browser half, and since when."""
        if destination in self.acknowledged:
            return "acknowledged", self.acknowledged[destination]
        if destination in self.blocked:
            return "blocked", self.blocked[destination]
        return self.browser, self.browser_at

    def hear(self, fired: Iterable[str], blocked: Iterable[str], now: datetime) -> None:
        """What a browser said."""
        if self.browser == "none":
            self.browser, self.browser_at = "offered", now
        for destination in fired:
            self.acknowledged.setdefault(destination, now)
            self.blocked.pop(destination, None)
        for destination in blocked:
            if destination not in self.acknowledged:
                self.blocked.setdefault(destination, now)

    def suppress_browser(self) -> None:
        if self.browser == "none":
            self.browser = "suppressed"

    def make_halves(self, now: datetime) -> None:
        for destination in self.destinations:
            if self.is_new(destination):
                self.halves[destination] = Half("held", now)

    def end(self, state: ServerState, reason: str, now: datetime, *, busy: bool) -> bool:
        """End the halves that are open, with `busy` also those on their way. Whether there were any."""
        self.make_halves(now)
        ended = [half for half in self.halves.values() if half.state in OPEN and (busy or half.state != "claimed")]
        for half in ended:
            half.move(state, now)
            half.reason = reason
        return bool(ended)

    def settle(self, now: datetime) -> None:
        """Settle the row if all its halves have ended."""
        if self.settled_at is not None or self.held or any(self.is_new(one) for one in self.destinations):
            return
        if any(half.state in OPEN for half in self.halves.values()):
            return
        self.settled_at = now
        if any(half.state in ("refused", "expired") for half in self.halves.values()):
            self.purge_at = now + KEEP_PERSONAL
        else:
            self.visitor = None
            self.purge_at = now + KEEP_RECORD

    def bury(self, now: datetime) -> None:
        """Leave a tombstone; what is still open expires."""
        reason = f"never_released: {' '.join(self.held)}" if self.held else "never_delivered"
        self.end("expired", reason, now, busy=True)
        self.record = self.visitor = None
        self.held.clear()
        self.suppress_browser()
        self.settled_at = self.settled_at or now
        self.purge_at = self.put_at + (KEEP_OTHERS if self.unique is None else KEEP_KEYED)

    def reopen(self, names: Iterable[str], state: ServerState, reason: str, now: datetime) -> int:
        """Make halves pending that ended so, for such a reason, while there is a visitor. Returns how many."""
        ended = [self.halves[name] for name in names if self.halves[name].state == state]
        reopened = [half for half in ended if half.reason.startswith(reason) and self.visitor is not None]
        for half in reopened:
            half.move("pending", now, now)
            self.settled_at, self.purge_at = None, now + KEEP_OTHERS
        return len(reopened)

    def listed(self, destination: str) -> DeliveryState:
        half = self.halves.get(destination)
        browser, browser_at = self.browser_of(destination)
        if half is None:
            half = Half("held", self.put_at) if self.held else Half("pending", self.put_at, self.put_at)
        return DeliveryState(
            seq=self.seq,
            id=self.id,
            event=self.event,
            occurred_at=self.occurred_at,
            destination=destination,
            state=half.state,
            attempts=half.attempts,
            reason=half.reason,
            due_at=half.due_at,
            updated_at=half.updated_at,
            browser=browser,
            browser_at=browser_at,
        )
