"""A rate as a ceiling for any second, whichever workers make the requests: pure functions of those that still count.

A request counts for `span`: a second for rates of one and more, and `SLACK`, by which it may leave later than it was
entered; so any second of leaving is under the ceiling too. Above `EXACT` requests a span those of a twentieth of
it are counted together, as if made at its end: the list stays short, and the ceiling holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

Sent = tuple[datetime, int]  # when, how many
EXACT = 20
SLACK = timedelta(seconds=0.1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def opens_at(sent: tuple[Sent, ...], now: datetime, rate: float) -> datetime:
    """When one request more stays under the ceiling; `now` when it does now."""
    most, span = _most(rate), _span(rate)
    room = most - 1  # beside the new one
    for at, many in reversed(_counting(sent, now, span)):
        room -= many
        if room < 0:
            return max(now, at + span)
    return now


def entered(sent: tuple[Sent, ...], now: datetime, rate: float) -> tuple[Sent, ...]:
    """With a request made now, and without those that count no more."""
    counted = dict(_counting(sent, now, _span(rate)))
    at = _slot(now, rate)
    counted[at] = counted.get(at, 0) + 1
    return tuple(sorted(counted.items()))


def left(sent: tuple[Sent, ...], entered_at: datetime, rate: float) -> tuple[Sent, ...]:
    """Without a request that was entered then."""
    mine = _slot(entered_at, rate)
    return tuple((at, many - (at == mine)) for at, many in sent if many > (at == mine))


def _most(rate: float) -> int:
    return max(1, int(rate))


def _span(rate: float) -> timedelta:
    return timedelta(seconds=_most(rate) / rate) + SLACK


def _slot(now: datetime, rate: float) -> datetime:
    if _most(rate) <= EXACT:
        return now
    grain = _span(rate) / EXACT
    return _EPOCH + ((now - _EPOCH) // grain + 1) * grain


def _counting(sent: tuple[Sent, ...], now: datetime, span: timedelta) -> list[Sent]:
    """Those of the last span. What lies further ahead than clocks of two hosts differ was sent before a clock was set
    back: it is forgotten."""
    return [(at, many) for at, many in sent if now - span < at <= now + 2 * span]
