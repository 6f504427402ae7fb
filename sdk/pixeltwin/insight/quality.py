"""Match quality: how many of the conversions that a platform took carry what it matches visitors by, and what to do for
more. Read from the outbox's tallies, which hold nothing of any visitor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..sending.tally import ALL
from .scoring import lack, remedy, scored

if TYPE_CHECKING:
    from ..contract import Platform
    from ..outbox.tallies import Tally
    from ..tracker import Tracker

DAYS = 7


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
    carried = {name: many for name, many in counts.items() if name != ALL}
    found = scored(counts[ALL], carried, (one for one in platform.recommended if one not in platform.withhold))
    said = (f"{lack(platform.title, name)} {remedy(name)}".strip() for name in found.lacking)
    return Quality(
        platform=platform.name,
        event=event,
        conversions=found.conversions,
        shares=found.shares,
        recommended=found.recommended,
        score=found.score,
        advice=tuple(said),
    )


def quality_of(tracker: Tracker, *, days: int = DAYS, now: datetime | None = None) -> list[Quality]:
    """That of the last `days` days (UTC, today included), as all workers counted it. `OutboxUnavailable` may rise."""
    today = (now or tracker.clock()).date()
    return quality(tracker.platforms, tracker.outbox.tallies.listed(since=today - timedelta(days=days - 1)))
