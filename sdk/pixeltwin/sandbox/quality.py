"""Match quality of what arrived: by platform and event, how much carries what the vendor recommends, and what would
help. Counts alone: nothing in it is any visitor's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contract import Platform
from ..insight.scoring import Scored, lack, rating, remedy, scored
from .arrival import Side
from .kinship import OTHER
from .reading import CLICK, COOKIE, Reading, Wire, places

MOST_PAGES = 3  # named of those whose click ids were passed by


@dataclass(frozen=True, slots=True)
class Carried:
    """One conversion on one platform: its event's name, and what each half that was taken carries."""

    platform: str
    event: str
    halves: Mapping[Side, Reading]


def quality(
    platforms: Mapping[str, type[Platform]], wires: Mapping[str, Wire], conversions: Iterable[Carried]
) -> list[dict[str, Any]]:
    """By platform, in their order, and event."""
    groups: dict[tuple[str, str], list[Carried]] = defaultdict(list)
    for one in conversions:
        groups[one.platform, one.event].append(one)
    return [
        _Event(platform, wires[kind], own).told(kind, event)
        for kind, platform in platforms.items()
        for (other, event), own in sorted(groups.items())
        if other == kind
    ]


class _Event:
    """One event's conversions on one platform."""

    def __init__(self, platform: type[Platform], wire: Wire, own: Sequence[Carried]) -> None:
        self.platform = platform
        self.own = own
        self.places = {side: places(wire.fields, side) for side in OTHER}

    def told(self, kind: str, event: str) -> dict[str, Any]:
        halves = {side: self._half(side) for side in OTHER}
        # The server's is what no ad blocker keeps away, and what `pixeltwin quality` tells of.
        judged: Side = "server" if halves["server"] else "browser"
        found = halves[judged]
        missed = [*found.lacking] if found else []
        if CLICK in self.platform.recommended and CLICK not in missed and self._passed_by(judged):
            missed.insert(0, CLICK)
        either = [frozenset[str]().union(*(half.signals for half in one.halves.values())) for one in self.own]
        return {
            "platform": kind,
            "title": self.platform.title,
            "event": event,
            **_shares(scored(len(self.own), _counts(either), self.platform.recommended)),
            "recommended": list(self.platform.recommended),
            "judged": judged,
            **_score(found),
            "advice": [self._advice(name, judged, found.lacking) for name in missed] if found else [],
            **{
                side: {**_shares(half), **_score(half), "lacking": half.lacking} if half else None
                for side, half in halves.items()
            },
        }

    def _half(self, side: Side) -> Scored | None:
        """The halves of a side, by what it has a place for; None where none came."""
        signals = [one.halves[side].signals for one in self.own if side in one.halves]
        wanted = (name for name in self.platform.recommended if name in self.places[side])
        return scored(len(signals), _counts(signals), wanted) if signals else None

    def _advice(self, name: str, side: Side, lacking: Sequence[str]) -> str:
        title = self.platform.title
        said = [lack(title, name, side) if name in lacking else f"Some {side} halves lost {title}'s click id."]
        path = ".".join(self.places[side][name])
        if path and side == "server":
            said.append(f"{title} reads it from {path}.")
        if name == CLICK:
            said.append(self._click(side))
        elif name == COOKIE and side == "browser":
            said.append("The pixel keeps it in a cookie: are cookies blocked, or switched off in its options?")
        elif remedy(name):
            said.append(f"In pixeltwin: {remedy(name)[0].lower()}{remedy(name)[1:]}")
        return " ".join(said)

    def _click(self, side: Side) -> str:
        parameter, pages = self.platform.click_parameter, self._passed_by(side)
        if pages:
            more = f" and {len(pages) - MOST_PAGES} more" if len(pages) > MOST_PAGES else ""
            return f"It was in the address of {', '.join(pages[:MOST_PAGES])}{more}, as {parameter}, and in no field."
        return f"To try it, open a page that ads lead to with {parameter}=1 in its query, and go on from there."

    def _passed_by(self, side: Side) -> list[str]:
        """The pages whose addresses had a click id that a half does not carry."""
        return sorted({one.halves[side].passed_by for one in self.own if side in one.halves} - {""})


def _counts(conversions: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(name for signals in conversions for name in signals)


def _shares(found: Scored) -> dict[str, Any]:
    return {
        "conversions": found.conversions,
        "shares": {name: round(share, 3) for name, share in found.shares.items()},
    }


def _score(found: Scored | None) -> dict[str, Any]:
    score = found.score if found else None
    return {"score": score, "rating": None if score is None else rating(score)}
