"""Match quality: how many of the conversions that a platform took carry what it matches visitors by, and what to do for
more. Read from the outbox's tallies, which hold nothing of any visitor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..frozen import FrozenDict
from ..sending.tally import ALL

if TYPE_CHECKING:
    from ..contract import Platform
    from ..outbox.tallies import Tally
    from ..tracker import Tracker

DAYS = 7
FEW = 0.5  # a share below which there is advice
BY_CHANCE = frozenset({"click_ids"})  # only who comes from an ad has one: its share is no merit of the site's
NAMES: Mapping[str, str] = FrozenDict({"click_ids": "click id", "browser_ids": "browser id"})

_ADVICE: Mapping[str, str] = FrozenDict(
    {
        "click_ids": "Not one came with {title}'s click id. If you advertise there, the pages that ads lead to do not "
        "run pixeltwin: `pixeltwin doctor --url` looks at one.",
        "browser_ids": "Few carry the browser id of {title}'s own cookie. Webhooks have no cookies: call remember() or "
        "hold() at checkout; ad blockers keep the rest from being set.",
        "email": "Few carry an e-mail address. Pass email= where you know it, or register a visitor_loader.",
        "phone": "Few carry a phone number. Pass phone= where you ask for one, and set PIXELTWIN_PHONE_REGION.",
        "external_id": "Few carry an external id. Pass external_id= for customers; guests: PIXELTWIN_VISITOR_ID=on.",
        "ip_address": "Few carry an IP address. A webhook lends none: call remember() or hold() at checkout.",
        "user_agent": "Few carry a user agent. A webhook lends none: call remember() or hold() at checkout.",
    }
)


@dataclass(frozen=True, slots=True)
class Quality:
    """One event's on one platform. `shares`: of its conversions, how many of 1 carry each signal. `score`: the mean, in
    percent, over those that the platform recommends and the site has a hand in; None where it recommends none."""

    platform: str
    event: str
    conversions: int
    shares: Mapping[str, float]
    recommended: tuple[str, ...]
    score: int | None
    advice: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "platform": self.platform,
            "event": self.event,
            "conversions": self.conversions,
            "score": self.score,
            "shares": {name: round(share, 3) for name, share in self.shares.items()},
            "recommended": list(self.recommended),
            "advice": list(self.advice),
        }


def quality(platforms: Sequence[Platform], tallies: Iterable[Tally]) -> list[Quality]:
    """By platform, in their order, and event. Pure."""
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in tallies:
        counts[one.destination, one.event][one.what] += one.many
    return [
        _one(platform, event, own)
        for platform in platforms
        for (destination, event), own in sorted(counts.items())
        if destination == platform.destination and own.get(ALL)
    ]


def _one(platform: Platform, event: str, counts: Mapping[str, int]) -> Quality:
    conversions = counts[ALL]
    recommended = tuple(one for one in platform.recommended if one not in platform.withhold)
    others = sorted(set(counts) - {ALL, *recommended})
    shares = {name: min(1.0, counts.get(name, 0) / conversions) for name in (*recommended, *others)}
    ours = [shares[name] for name in recommended if name not in BY_CHANCE]
    lacking = [name for name in recommended if shares[name] < (FEW if name not in BY_CHANCE else 0.5 / conversions)]
    return Quality(
        platform=platform.name,
        event=event,
        conversions=conversions,
        shares=FrozenDict(shares),
        recommended=recommended,
        score=round(100 * sum(ours) / len(ours)) if ours else None,
        advice=tuple(_advice(platform, name) for name in lacking),
    )


def _advice(platform: Platform, name: str) -> str:
    return _ADVICE.get(name, "Few carry {name}.").format(title=platform.title, name=name.replace("_", " "))


def quality_of(tracker: Tracker, *, days: int = DAYS, now: datetime | None = None) -> list[Quality]:
    """That of the last `days` days (UTC, today included), as all workers counted it. `OutboxUnavailable` may rise."""
    today = (now or tracker.clock()).date()
    return quality(tracker.platforms, tracker.outbox.tallies.listed(since=today - timedelta(days=days - 1)))
