"""How many of some conversions carry what a platform matches visitors by: a score, and what to do for more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..frozen import FrozenDict

Rating = Literal["good", "fair", "poor"]

FEW = 0.5  # a share below which there is advice
GOOD, FAIR = 80, 50  # percent
BY_CHANCE = frozenset({"click_ids"})  # only who comes from an ad has one: its share is no merit of the site's
NAMES: Mapping[str, str] = FrozenDict({"click_ids": "click id", "browser_ids": "browser id"})

# By signal: what few carry, and what to do in pixeltwin.
_MISSED: Mapping[str, str] = FrozenDict(
    {
        "browser_ids": "the browser id of {title}'s own cookie",
        "email": "an e-mail address",
        "phone": "a phone number",
        "external_id": "an external id",
        "ip_address": "an IP address",
        "user_agent": "a user agent",
    }
)
_REMEDIES: Mapping[str, str] = FrozenDict(
    {
        "click_ids": "If you advertise there, the pages that ads lead to do not run pixeltwin: "
        "`pixeltwin doctor --url` looks at one.",
        "browser_ids": "Webhooks have no cookies: call remember() or hold() at checkout; ad blockers keep the rest "
        "from being set.",
        "email": "Pass email= where you know it, or register a visitor_loader.",
        "phone": "Pass phone= where you ask for one, and set PIXELTWIN_PHONE_REGION.",
        "external_id": "Pass external_id= for customers; guests: PIXELTWIN_VISITOR_ID=on.",
        "ip_address": "A webhook lends none: call remember() or hold() at checkout.",
        "user_agent": "A webhook lends none: call remember() or hold() at checkout.",
    }
)


@dataclass(frozen=True, slots=True)
class Scored:
    """`shares`: of the conversions, how many of 1 carry each signal; the recommended ones come first."""

    conversions: int
    shares: Mapping[str, float]
    recommended: tuple[str, ...]

    @property
    def score(self) -> int | None:
        """The mean in percent over those that are recommended and the site has a hand in; None where there are none."""
        ours = [self.shares[name] for name in self.recommended if name not in BY_CHANCE]
        return round(100 * sum(ours) / len(ours)) if ours else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The recommended ones that few carry; of those that come by chance, the ones that nobody does."""
        one = 0.5 / self.conversions
        return tuple(name for name in self.recommended if self.shares[name] < (one if name in BY_CHANCE else FEW))


def scored(conversions: int, counts: Mapping[str, int], recommended: Iterable[str]) -> Scored:
    """`counts`: how many of the conversions (one at least) carry each signal."""
    first = tuple(recommended)
    others = sorted(set(counts) - set(first))
    shares = {name: min(1.0, counts.get(name, 0) / conversions) for name in (*first, *others)}
    return Scored(conversions, FrozenDict(shares), first)


def rating(score: int) -> Rating:
    """A score in a word."""
    return "good" if score >= GOOD else "fair" if score >= FAIR else "poor"


def lack(title: str, name: str, half: str = "") -> str:
    """That few carry a signal of a platform, as a sentence; `half` says of which halves it is said."""
    if name in BY_CHANCE:
        return f"Not one {half + ' half ' if half else ''}came with {title}'s {NAMES[name]}."
    missed = _MISSED.get(name, name.replace("_", " ")).format(title=title)
    return f"Few {half + ' halves ' if half else ''}carry {missed}."


def remedy(name: str) -> str:
    """What to do in pixeltwin for more of a signal; empty where it is not ours to say."""
    return _REMEDIES.get(name, "")
