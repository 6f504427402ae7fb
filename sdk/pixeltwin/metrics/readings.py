"""What the outbox holds, as gauges: one reading of a tracker's health makes them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, get_args

from ..insight.health import Health, PlatformHealth, StandingState

if TYPE_CHECKING:
    from ..tracker import Tracker

FRESH = 5.0  # seconds a reading is good for, so that many gauges and many scrapers cost one look at the store


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge: its name without prefix and unit, and the labels that each of its values has."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ("platform", "destination")


OUTBOX_UP = Gauge(
    "outbox.up", "", "Whether the outbox can be written and read: 1 or 0. Without it the other gauges are absent.", ()
)
HALVES = Gauge(
    "outbox.halves",
    "{half}",
    "Server halves in the outbox that may go or wait, by state.",
    ("platform", "destination", "state"),
)
OLDEST = Gauge("outbox.oldest.age", "s", "Age of the oldest conversion that waits for the destination; 0: none waits.")
HEALTHY = Gauge("destination.healthy", "", "Whether the destination is healthy: 1 or 0; absent while that is unknown.")
STATE = Gauge(
    "destination.state", "", "1 for the state that the destination is in.", ("platform", "destination", "state")
)
TAKEN = Gauge("destination.last_taken", "unix", "When the destination last took an event; absent before the first.")
SKEW = Gauge("destination.clock_skew", "s", "How far this site's clock is ahead of the platform's.")
PIXELS = Gauge(
    "browser.halves",
    "{half}",
    "Of the newest purchases that pages showed, by what the page said of the pixel: fired or blocked; silent: of none.",
    ("platform", "destination", "state"),
)
GAUGES = (OUTBOX_UP, HALVES, OLDEST, HEALTHY, STATE, TAKEN, SKEW, PIXELS)

Reading = tuple[Mapping[str, str], float]


class Readings:
    """The gauges of one tracker, read anew when the last reading is older than `FRESH`; safe from any thread."""

    def __init__(self, tracker: Tracker, *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._tracker = tracker
        self._stopwatch = stopwatch
        self._read: tuple[float, Health] | None = None
        self._lock = Lock()

    def of(self, gauge: Gauge) -> list[Reading]:
        """The values of one gauge, each with its labels."""
        return list(_readings(self._health(), gauge))

    def _health(self) -> Health:
        with self._lock:
            now = self._stopwatch()
            if self._read is None or now - self._read[0] > FRESH:
                self._read = now, self._tracker.health()
            return self._read[1]


def _readings(health: Health, gauge: Gauge) -> Iterator[Reading]:
    if gauge is OUTBOX_UP:
        yield {}, 0.0 if health.outbox else 1.0
        return
    for one in health.platforms:
        if one.sends or gauge is PIXELS:
            labels = {"platform": one.platform, "destination": one.destination}
            yield from (({**labels, **more}, value) for more, value in _values(health, one, gauge))


def _values(health: Health, one: PlatformHealth, gauge: Gauge) -> Iterator[Reading]:
    if gauge is HALVES:
        yield from (({"state": state}, float(many)) for state, many in sorted(one.counts.items()))
    elif gauge is OLDEST:
        yield {}, 0.0 if one.oldest is None else max(0.0, (health.at - one.oldest).total_seconds())
    elif gauge is HEALTHY and one.finding.status in ("healthy", "unhealthy"):
        yield {}, float(one.finding.status == "healthy")
    elif gauge is STATE:
        yield from (({"state": state}, float(state == one.state)) for state in get_args(StandingState))
    elif gauge is TAKEN and one.took_at is not None:
        yield {}, one.took_at.timestamp()
    elif gauge is PIXELS:
        yield from (({"state": state}, float(getattr(one.pixels, state))) for state in ("fired", "blocked", "silent"))
    elif gauge is SKEW:
        yield {}, one.skew or 0.0
