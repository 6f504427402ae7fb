"""How long to wait before the next try: pure functions of how often it failed and of a random number."""

from __future__ import annotations

BASE = 1.0  # seconds; what the first wait is drawn from
CAP = 300.0  # an outage of a day costs a few hundred probes, and its end is noticed within five minutes
FLOOR = 0.1  # an unlucky draw never hammers
PAUSE = 60.0  # a wrong token is seldom put right sooner


def backoff(attempts: int, fraction: float) -> float:
    """Seconds to wait after `attempts` earlier failures: exponential with full jitter.

    `fraction` is a random number from 0 to 1. Full jitter spreads the tries of many workers best ("Exponential Backoff
    And Jitter", AWS Architecture Blog, 2015).
    """
    return max(FLOOR, fraction * _doubled(BASE, attempts))


def pause(times: int) -> float:
    """Seconds until a destination with wrong settings is probed again, after `times` earlier pauses."""
    return _doubled(PAUSE, times)


def _doubled(seconds: float, times: int) -> float:
    return min(CAP, seconds * 2.0 ** min(times, 30))
