"""Health: which platforms take what this site sends, since when, and where not, why and what to do.

It is read from the outbox, where all workers leave what they learned, so any process of the site gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from ..errors import ConfigurationError, OutboxUnavailable
from ..frozen import FrozenDict
from ..outbox.contract import UNHEARD, Heard
from ..outbox.trial import try_out
from ..sending.standing import Standing
from .diagnosis import UNATTENDED, Facts, Finding, diagnose

if TYPE_CHECKING:
    from ..contract import Platform
    from ..outbox import Outbox
    from ..tracker import Tracker
    from ..tracking.mode import Mode

Status = Literal["healthy", "unhealthy", "unknown", "off"]

StandingState = Literal["open", "failing", "paused"]

_LOOKED_AT = 20  # of the newest refusals
HEARD_OF = "Purchase"  # the event that pages report on by default


@dataclass(frozen=True, slots=True)
class Pixels:
    """Of the newest purchases that pages showed: how many pixels fired and were blocked, and of how many the page said
    nothing at all, whichever pixels it told."""

    fired: int = 0
    blocked: int = 0
    silent: int = 0

    @property
    def blocked_share(self) -> float | None:
        """Of those that were heard of, from 0 to 1; None where nothing was."""
        heard = self.fired + self.blocked
        return self.blocked / heard if heard else None


@dataclass(frozen=True, slots=True)
class PlatformHealth:
    """One platform's. `finding` says status, since when, why and what to do; `counts` are its server halves that may go
    or wait, by state, without those that wait for their visitor's consent.

    `took_at`: when it last took an event; `worker_seen_at`: when a worker last asked it; `next_try`: when it is asked
    again, while it is not asked; `state`: of the destination, None for a platform without a server half; `skew`:
    seconds this site's clock is ahead of the platform's, None within a second; `pixels`: what browsers said;
    `elsewhere`: that its events go to somebody else, a sandbox for one.
    """

    platform: str
    destination: str
    finding: Finding
    counts: Mapping[str, int] = field(default_factory=lambda: FrozenDict[int]())
    oldest: datetime | None = None
    took_at: datetime | None = None
    worker_seen_at: datetime | None = None
    next_try: datetime | None = None
    skew: float | None = None
    state: StandingState | None = None
    pixels: Pixels = field(default_factory=Pixels)
    elsewhere: str = ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What changes no status: of the finding, and that its events go elsewhere."""
        return (*self.finding.remarks, self.elsewhere) if self.elsewhere else self.finding.remarks

    @property
    def sends(self) -> bool:
        """Whether it has a server half."""
        return self.state is not None

    @property
    def waiting(self) -> int:
        """How many server halves may go and have not gone."""
        return sum(self.counts.values())

    def to_dict(self, now: datetime) -> dict[str, Any]:
        """As plain JSON values: times in ISO 8601, ages in seconds."""
        found = self.finding
        return {
            "platform": self.platform,
            "destination": self.destination,
            "status": found.status,
            "state": self.state,
            "since": _iso(found.since),
            "why": found.why,
            "do": found.do,
            "remarks": list(self.remarks),
            "waiting": self.waiting,
            "oldest_waiting_seconds": None
            if self.oldest is None
            else max(0, round((now - self.oldest).total_seconds())),
            "counts": dict(self.counts),
            "took_at": _iso(self.took_at),
            "worker_seen_at": _iso(self.worker_seen_at),
            "next_try": _iso(self.next_try),
            "clock_skew_seconds": self.skew,
            "pixels": {
                "fired": self.pixels.fired,
                "blocked": self.pixels.blocked,
                "silent": self.pixels.silent,
            },
        }


@dataclass(frozen=True, slots=True)
class Health:
    """The whole site's at one moment. `outbox` is what is wrong with the store, empty when it works; `mode` says
    that test mode is on, or delivery off. `losses` (platform, reason, how many) are those of this process alone."""

    at: datetime
    platforms: tuple[PlatformHealth, ...] = ()
    outbox: str = ""
    mode: str = ""
    losses: tuple[tuple[str, str, int], ...] = ()

    @property
    def status(self) -> Status:
        """The worst of its platforms'; "off" when none sends anything."""
        found = {one.finding.status for one in self.platforms}
        if self.outbox or "unhealthy" in found:
            return "unhealthy"
        return "unknown" if "unknown" in found else "healthy" if "healthy" in found else "off"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "status": self.status,
            "at": _iso(self.at),
            "mode": self.mode,
            "outbox": self.outbox,
            "platforms": [one.to_dict(self.at) for one in self.platforms],
            "losses_of_this_process": [
                {"platform": platform, "reason": reason, "count": count} for platform, reason, count in self.losses
            ],
        }


def health(
    platforms: Sequence[Platform], facts: Mapping[str, Facts], *, mode: Mode, now: datetime, heard: Heard = UNHEARD
) -> Health:
    """What these facts, by destination, and what was heard of browsers say of each platform. Pure."""
    found = (replace(_one(one, facts.get(one.destination), mode, now), pixels=_pixels(one, heard)) for one in platforms)
    return Health(now, tuple(found), mode=mode.notice(now))


def health_of(tracker: Tracker, now: datetime | None = None) -> Health:
    """The health of this tracker's platforms as its outbox knows it, which is tried out: where nothing can be written,
    every conversion is lost. It never raises for an outbox that does not work: that is unhealthy, and said."""
    now = tracker.clock() if now is None else now
    losses = tuple((*what, many) for what, many in sorted(tracker.losses.snapshot().items()))
    try:
        try_out(tracker.outbox, now)
        facts = read_facts(tracker.outbox, tracker.platforms, now=now)
        heard = tracker.outbox.heard(HEARD_OF)
    except (OutboxUnavailable, ConfigurationError) as error:
        said = f"The outbox cannot be used, so nothing is stored or delivered: {error}."
        return Health(now, outbox=said, mode=tracker.mode.notice(now), losses=losses)
    found = health(tracker.platforms, facts, mode=tracker.mode, now=now, heard=heard)
    return Health(now, found.platforms, mode=found.mode, losses=losses)


def read_facts(outbox: Outbox, platforms: Sequence[Platform], *, now: datetime) -> dict[str, Facts]:
    """What the store knows of each platform's destination, now."""
    counts, shared, before = outbox.counts(due=True), outbox.shared(), now - UNATTENDED
    facts: dict[str, Facts] = {}
    for destination in (one.destination for one in platforms if one.sends):
        standing = Standing.from_bytes(shared.get(destination))
        due = outbox.next_due([destination], now=before)
        facts[destination] = Facts(
            standing=standing,
            counts=FrozenDict(counts.get(destination, {})),
            oldest=outbox.oldest(destination),
            overdue=due is not None and due <= before,
            refused_at=() if standing.took_at == standing.heard_at else _refused_at(outbox, destination),
        )
    return facts


def _refused_at(outbox: Outbox, destination: str) -> tuple[datetime, ...]:
    """When the platform refused the newest of what it refused. It is looked up where the last answer took nothing."""
    halves = outbox.deliveries(state="refused", destination=destination, limit=_LOOKED_AT)
    return tuple(sorted((half.updated_at for half in halves if half.attempts), reverse=True))


def _one(platform: Platform, facts: Facts | None, mode: Mode, now: datetime) -> PlatformHealth:
    finding = diagnose(platform, facts, mode=mode, now=now)
    if facts is None:
        return PlatformHealth(platform.name, platform.destination, finding)
    standing = facts.standing
    return PlatformHealth(
        platform=platform.name,
        destination=platform.destination,
        finding=finding,
        counts=facts.counts,
        oldest=facts.oldest,
        took_at=standing.took_at,
        worker_seen_at=facts.seen_at(now),
        next_try=standing.shut_until if standing.shut_until and standing.shut_until > now else None,
        skew=standing.skew,
        state=standing.state,
        elsewhere=_elsewhere(platform),
    )


def _elsewhere(platform: Platform) -> str:
    host, usual = (urlsplit(url or "").hostname for url in (platform.api_url, platform.default_api_url))
    if host == usual:
        return ""
    return f"Its events go to {host} and not to {usual}: unset PIXELTWIN_SANDBOX where they are to count."


def _pixels(platform: Platform, heard: Heard) -> Pixels:
    if not platform.browser:
        return Pixels()
    fired, blocked = (said.get(platform.destination, 0) for said in (heard.fired, heard.blocked))
    return Pixels(fired, blocked, heard.silent)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
