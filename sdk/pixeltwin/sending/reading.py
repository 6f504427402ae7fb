"""From a platform's outcomes to settlements: pure, and the one place that decides what an answer means for a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..contract import Delivered, Misconfigured, Outcome, Refused, RetryLater, ServerRequest
from ..outbox.contract import Settlement
from ..printable import printable
from .backoff import backoff
from .outbound import Ready
from .secrecy import masked

TESTED = "test"  # the reason of what a platform took in its test mode, where it counts for nothing
LONGEST_REASON = 300  # characters of a platform's words that a row keeps


@dataclass(slots=True)
class Reading:
    """What an answer means for each row of a request: settled (by id), or sent again in this pass, in these groups."""

    settled: list[tuple[str, Settlement]] = field(default_factory=lambda: list[tuple[str, Settlement]]())
    again: list[list[Ready]] = field(default_factory=lambda: list[list[Ready]]())


def misconfigured(outcomes: Sequence[Outcome]) -> str | None:
    """The platform's words when token or account is wrong; None when they are not."""
    return next((str(one) for one in outcomes if isinstance(one, Misconfigured)), None)


def failure(outcomes: Sequence[Outcome]) -> RetryLater | None:
    """The outcome that speaks for a request that failed as a whole: not one event got an answer of its own.

    `after` is the longest wait asked for. "At once" for everything (a Retry-After of 0) is no progress, so it is no
    wait either: None, the caller's own back-off.
    """
    later = [one for one in outcomes if isinstance(one, RetryLater) and not one.alone]
    if len(later) < len(outcomes) or not later:
        return None
    longest = max(later, key=lambda one: one.after or 0.0)
    return RetryLater(longest.after or None, longest.reason)


def read(
    group: Sequence[Ready],
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    shut_until: datetime,
    fraction: float,
    tested: bool = False,
) -> Reading:
    """Each row's settlement. `shut_until`: when the destination may be asked again; `fraction`: a random number from
    0 to 1 for back-off, one for the whole request, so that rows which waited together are sent together again;
    `tested`: the platform's test mode answered."""
    failed = failure(outcomes)
    reading = Reading()
    suspects: list[Ready] = []
    blameless: list[Ready] = []
    for ready, outcome in zip(group, outcomes, strict=True):
        if isinstance(outcome, Delivered):  # as nearly always
            end = Settlement(ready.seq, ready.lease, "delivered", _remark(outcome, tested=tested))
            reading.settled.append((ready.id, end))
            continue
        if isinstance(outcome, RetryLater) and not failed:
            if outcome.alone and len(group) > 1:
                suspects.append(ready)
                continue
            if outcome.after == 0 and not outcome.alone:
                blameless.append(ready)
                continue
        due = _due(ready, outcome, failed, only=len(group) == 1, now=now, shut_until=shut_until, fraction=fraction)
        reading.settled.append((ready.id, _settlement(ready, outcome, due)))
    middle = (len(suspects) + 1) // 2
    reading.again = [part for part in (suspects[:middle], suspects[middle:], blameless) if part]
    return reading


def _due(
    ready: Ready,
    outcome: Outcome,
    failed: RetryLater | None,
    *,
    only: bool,
    now: datetime,
    shut_until: datetime,
    fraction: float,
) -> datetime | None:
    """When a waiting row is tried again, at the latest when its event becomes too old: then it expires."""
    if not isinstance(outcome, RetryLater):
        return None
    own = now + timedelta(seconds=backoff(ready.attempts, fraction))
    if failed and failed.after is None and only:
        # It may itself be what the platform fails at. With a wait of its own, longer each time, others probe before it.
        due = max(shut_until, own)
    elif failed:
        due = shut_until
    else:
        due = now + timedelta(seconds=outcome.after) if outcome.after else own
    return min(due, max(ready.expires_at, now))


def _remark(outcome: Delivered, *, tested: bool) -> str:
    """What is kept of a delivered half: that it was a test, and what the platform remarked."""
    if tested:
        return f"{TESTED}: {outcome.warning}" if outcome.warning else TESTED
    return outcome.warning


def _settlement(ready: Ready, outcome: Refused | Misconfigured | RetryLater, due: datetime | None) -> Settlement:
    seq, lease = ready.seq, ready.lease
    if isinstance(outcome, Refused):
        return Settlement(seq, lease, "refused", outcome.reason)
    if isinstance(outcome, Misconfigured):
        return ready.given_back(outcome.reason)
    return Settlement(seq, lease, "waiting", str(outcome), due)


def clean(outcomes: Sequence[Outcome], request: ServerRequest, hidden: str = "") -> list[Outcome]:
    """The outcomes with their words on one line, cut, and without any secret of the request, nor `hidden` (a test id).
    Most of an answer's outcomes are alike: each kind is cleaned once."""
    known: dict[Outcome, Outcome] = {}
    cleaned: list[Outcome] = []
    for outcome in outcomes:
        if isinstance(outcome, Delivered) and not outcome.warning:
            cleaned.append(outcome)
            continue
        if outcome not in known:
            known[outcome] = _clean_one(outcome, request, hidden)
        cleaned.append(known[outcome])
    return cleaned


def _clean_one(outcome: Outcome, request: ServerRequest, hidden: str) -> Outcome:
    if isinstance(outcome, Delivered):
        return Delivered(_clean(outcome.warning, request, hidden)) if outcome.warning else outcome
    if isinstance(outcome, RetryLater):
        return RetryLater(outcome.after, _clean(outcome.reason, request, hidden), outcome.alone)
    return type(outcome)(_clean(outcome.reason, request, hidden))


def _clean(text: str, request: ServerRequest, hidden: str) -> str:
    text = masked(text, request)
    if hidden:
        text = text.replace(hidden, "***")
    return printable(text)[:LONGEST_REASON]
