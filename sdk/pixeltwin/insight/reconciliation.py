"""Reconciliation: the shop's orders against what became of them, by day and platform, with every gap named.

It reads what the outbox still knows: an order's natural key, the states of its halves and what browsers said, which are
kept for 400 days after the personal data is gone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from .. import rows
from ..events import Purchase
from ..frozen import FrozenDict
from ..outbox.states import OPEN
from ..reasons import code
from ..tracking.arguments import plain_key
from .orders import Order

if TYPE_CHECKING:
    from ..contract import Platform
    from ..outbox import DeliveryState
    from ..tracker import Tracker

Channel = Literal["tracked", "rendered", "acknowledged", "accepted"]
CHANNELS: tuple[Channel, ...] = ("tracked", "rendered", "acknowledged", "accepted")
ENOUGH = 10  # orders of a day, below which a share says little
FALL = 0.7  # a share that is less than so much of what it was raises an alarm

# Why a half is missing, by the name of the gap.
GAPS: Mapping[str, str] = FrozenDict(
    {
        "never tracked": "no track() was called for it, or it could not be stored; was it ordered elsewhere?",
        "never returned": "no page showed the pixel: the buyer did not come back from the payment, or had not agreed",
        "pixel blocked": "the browser said that the vendor's script did not load: an ad blocker, or the page's policy",
        "not confirmed": "a page showed the pixel, and the browser never said that it fired",
        "held": "it waits for its payment or for consent: nobody called confirm()",
        "on its way": "the server half waits for a worker or for its next try",
        "refused": "the platform, or what the conversion lacks, kept it out",
        "expired": "it waited longer than the platform takes events",
        "suppressed": "it was left out on purpose: consent, choice, or a twin that was counted",
        "cancelled": "it was called off",
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One day on one platform: how many orders there were, and how many got how far. `counted`: at least one half got
    to the platform. `gaps`: why halves are missing, with the code of the reason where there is one."""

    day: date | None
    platform: str
    orders: int
    tracked: int = 0
    rendered: int = 0
    acknowledged: int = 0
    accepted: int = 0
    counted: int = 0
    gaps: Mapping[str, int] = field(default_factory=lambda: FrozenDict[int]())

    def share(self, channel: Channel) -> float:
        """Of this day's orders, how many of 1 got so far."""
        reached: int = getattr(self, channel)
        return reached / self.orders if self.orders else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        reached: dict[str, int] = {channel: getattr(self, channel) for channel in CHANNELS}
        day = None if self.day is None else self.day.isoformat()
        said = {"day": day, "platform": self.platform, "orders": self.orders, **reached}
        return {**said, "counted": self.counted, "gaps": dict(self.gaps)}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A channel whose share fell: on this day it was `share`, on the days before `before`, of 1."""

    platform: str
    channel: Channel
    day: date
    share: float
    before: float

    def __str__(self) -> str:
        said = f"of the orders of {self.day} {self.share:.0%} were {self.channel}, of those before {self.before:.0%}"
        return f"{self.platform}: {said}"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`lines` by day, then platform; days that are not known come first."""

    lines: tuple[Line, ...]

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """For each platform and channel, whether the newest day with enough orders fell behind those before it."""
        found: list[Alarm] = []
        for platform in dict.fromkeys(line.platform for line in self.lines):
            own = [line for line in self.lines if line.platform == platform and line.day and line.orders >= ENOUGH]
            for channel in CHANNELS if len(own) > 1 else ():
                *earlier, newest = own
                before = sum(getattr(line, channel) for line in earlier) / sum(line.orders for line in earlier)
                if newest.day and newest.share(channel) < FALL * before:
                    found.append(Alarm(platform, channel, newest.day, newest.share(channel), before))
        return tuple(found)

    @property
    def gaps(self) -> dict[str, Counter[str]]:
        """All gaps of all days, by platform."""
        found: dict[str, Counter[str]] = {}
        for line in self.lines:
            found.setdefault(line.platform, Counter()).update(line.gaps)
        return found

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "lines": [line.to_dict() for line in self.lines],
            "alarms": [str(alarm) for alarm in self.alarms],
        }


def reconcile(tracker: Tracker, orders: Iterable[Order]) -> Reconciliation:
    """Look up each of these orders as a `Purchase` of this site. Platforms without a server half are left out: nothing
    is kept of theirs alone. `OutboxUnavailable` may rise."""
    platforms = [one for one in tracker.platforms if one.sends]
    counts: dict[tuple[date | None, str], Counter[str]] = defaultdict(Counter)
    for order in orders:
        halves = _halves(tracker, order.key)
        day = order.day or next((half.occurred_at.date() for half in halves), None)
        for platform in platforms:
            own = next((half for half in halves if half.destination == platform.destination), None)
            counts[day, platform.name].update(_reached(platform, own))
    order_of = {platform.name: place for place, platform in enumerate(platforms)}
    keys = sorted(counts, key=lambda key: (key[0] or date.min, order_of[key[1]]))
    return Reconciliation(tuple(_line(*key, counts[key]) for key in keys))


def _halves(tracker: Tracker, key: str) -> Sequence[DeliveryState]:
    # Without its fields checked: only the kind of event and its key make the natural key.
    unique = rows.natural(Purchase.model_construct(), plain_key(key), site=tracker.site)
    row = tracker.outbox.find(unique)
    if row is None:
        return ()
    return [half for half in tracker.outbox.deliveries(id=row.id) if half.seq == row.seq]


def _reached(platform: Platform, half: DeliveryState | None) -> list[str]:
    """How far one order got on one platform: names of channels, and "gap: …" for each half that is missing."""
    if half is None:
        return ["orders", "gap: never tracked"]
    found = ["orders", "tracked"]
    accepted = half.state == "delivered"
    if half.browser in ("offered", "blocked", "acknowledged"):
        found.append("rendered")
    if half.browser == "acknowledged":
        found.append("acknowledged")
    elif platform.browser:
        missing = {"blocked": "pixel blocked", "offered": "not confirmed"}
        found.append(f"gap: {missing.get(half.browser, 'never returned')}")
    if accepted:
        found.append("accepted")
    else:
        found.append(f"gap: {_server_gap(half)}")
    if accepted or half.browser == "acknowledged":
        found.append("counted")
    return found


def _server_gap(half: DeliveryState) -> str:
    if half.state == "held":
        return "held"
    if half.state in OPEN:
        return "on its way"
    reason = code(half.reason)
    return f"{half.state} ({reason})" if reason else half.state


def _line(day: date | None, platform: str, counts: Counter[str]) -> Line:
    gaps = {name[5:]: many for name, many in sorted(counts.items()) if name.startswith("gap: ")}
    return Line(
        day,
        platform,
        counts["orders"],
        counts["tracked"],
        counts["rendered"],
        counts["acknowledged"],
        counts["accepted"],
        counts["counted"],
        FrozenDict(gaps),
    )
