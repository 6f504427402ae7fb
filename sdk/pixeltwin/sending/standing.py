"""What all workers of all processes know of one destination: a value with pure transitions, kept in the outbox.

The times are those of the workers' own clocks. One that cannot be, because a clock was set back, is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from ..outbox.contract import LEASE
from ..replies import LONGEST_WAIT
from ..strictjson import decode, encode
from . import ceiling
from .backoff import backoff, pause

State = Literal["open", "failing", "paused"]
FULL = 1_000_000  # no limit but the platform's own
GROWTH = 4  # after trouble batches begin with one event and grow by this factor
_LONGEST = timedelta(seconds=LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Standing:
    """One destination's breaker and the requests that count against its rate.

    open      requests may be made
    failing   whole requests fail: shut until a due time, then one event at a time is the probe, among all workers
    paused    token or account is wrong: the same, with longer waits, until the settings change or a probe is answered

    `since`: when this state began. `size`: how many events the next request may hold. `sent`: the requests that still
    count against the rate. `probe_until`: the probe under way has until then; one whose worker died is free again.
    `turn`: counts troubles and probes, so that the answer to a question asked before the last one changes nothing.
    `settings`: the fingerprint of the settings that were refused. `heard_at`: the last answer of any kind, `took_at`:
    the last that took an event, both to the second. `skew`: seconds a worker's clock is ahead of the platform's, None
    within the second that can be told. `late`: which of the platform's `late_after` was warned of. `asked_with`: the
    fingerprint of the settings that it was last asked about, counting nothing.
    """

    state: State = "open"
    since: datetime | None = None
    reason: str = ""
    shut_until: datetime | None = None
    failures: int = 0
    pauses: int = 0
    size: int = FULL
    sent: tuple[ceiling.Sent, ...] = ()
    probe_until: datetime | None = None
    turn: int = 0
    settings: str = ""
    heard_at: datetime | None = None
    took_at: datetime | None = None
    skew: float | None = None
    late: int = 0
    asked_with: str = ""

    @property
    def clean(self) -> bool:
        """Whether an answer has nothing to change but the time it was heard."""
        return self.state == "open" and self.size >= FULL and self.since is not None

    # --- requests --------------------------------------------------------------------------------------------------

    def opens_at(self, now: datetime, rate: float) -> datetime:
        """When the next request may be made at `rate` requests a second; `now` when it may be made now."""
        opens = ceiling.opens_at(self.sent, now, rate)
        if self.shut_until and self.shut_until - now <= _LONGEST:
            opens = max(opens, self.shut_until)
        if self.probe_until and self.probe_until - now <= LEASE:
            opens = max(opens, self.probe_until)
        return opens

    def entered(self, now: datetime, rate: float) -> Standing | None:
        """With one request more, made now; None when it may not be made."""
        if self.opens_at(now, rate) > now:
            return None
        counted = replace(self, sent=ceiling.entered(self.sent, now, rate))
        if self.state == "open":
            return counted
        return replace(counted, probe_until=now + LEASE, turn=self.turn + 1)

    def left(self, entered_at: datetime, rate: float, *, turn: int) -> Standing:
        """Without the request that was entered then and not made."""
        probe_until = None if turn == self.turn else self.probe_until
        return replace(self, sent=ceiling.left(self.sent, entered_at, rate), probe_until=probe_until)

    # --- what came of them; `turn` is that of the moment when the request was entered --------------------------------

    def answered(
        self, now: datetime, *, turn: int, took: bool, wait: float | None = None, skew: float | None = None
    ) -> Standing:
        """The destination works. `took`: it took an event; `wait`: seconds until it takes requests again, where none
        remains now."""
        heard = replace(self, heard_at=now, took_at=now if took else self.took_at, skew=skew)
        if self.state != "open" and turn != self.turn:
            return heard
        shut = self.shut_until if self.state == "open" else None
        if wait is not None:
            until = now + timedelta(seconds=wait)
            shut = until if shut is None else max(shut, until)
        return replace(
            heard,
            state="open",
            since=self._begun("open", now),
            reason="",
            shut_until=shut if shut and shut > now else None,
            failures=0,
            pauses=0,
            size=min(self.size * GROWTH, FULL),
            probe_until=None,
        )

    def narrowed(self, size: int) -> Standing:
        """A batch was voided and nobody could be blamed: the next begins with so few."""
        return replace(self, size=max(1, size))

    def failed(
        self, now: datetime, *, turn: int, after: float | None, fraction: float, reason: str, heard: bool
    ) -> Standing:
        """A whole request failed: shut for `after` seconds, or for a back-off; `fraction` is a random number from 0 to
        1, `heard` whether there was any answer. Requests that were under way when the trouble began count as one
        failure."""
        known = replace(self, heard_at=now) if heard else self
        if self.state != "open" and turn != self.turn:
            until = None if after is None else now + timedelta(seconds=after)
            later = until is not None and (self.shut_until is None or until > self.shut_until)
            return replace(known, shut_until=until) if later else known
        wait = backoff(self.failures, fraction) if after is None else after
        shut = replace(known._shut(now, wait), failures=self.failures + 1)
        if self.state == "paused":  # only an answer about the events ends a pause
            return shut
        return replace(shut, state="failing", since=self._begun("failing", now), reason=reason)

    def paused(self, now: datetime, *, turn: int, reason: str, settings: str) -> Standing:
        """Token or account is wrong. `settings`: the fingerprint of those it was asked with."""
        known = replace(self, heard_at=now)
        if self.state != "open" and turn != self.turn:
            return known
        shut = replace(known._shut(now, pause(self.pauses)), pauses=self.pauses + 1)
        return replace(shut, state="paused", since=self._begun("paused", now), reason=reason, settings=settings)

    def resumed(self) -> Standing:
        """Somebody has put it right: the next request may be made at once, as a probe, unless one is under way. A
        destination that works is left as it is."""
        if self.state == "open":
            return self
        return replace(self, shut_until=None, failures=0, pauses=0)

    def reset(self, settings: str) -> Standing:
        """It is resumed if it is paused for other settings than these."""
        if self.state != "paused" or settings == self.settings:
            return self
        return replace(self.resumed(), settings=settings)

    def lated(self, level: int) -> Standing:
        """It was said that the oldest waiting event is so late."""
        return replace(self, late=level)

    def _begun(self, state: State, now: datetime) -> datetime:
        return self.since if self.since and self.state == state else now

    def _shut(self, now: datetime, seconds: float) -> Standing:
        until = now + timedelta(seconds=seconds)
        return replace(self, shut_until=until, probe_until=None, size=1, turn=self.turn + 1)

    # --- bytes -----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """As the outbox keeps it: JSON of what differs from an open destination that was never asked."""
        return encode({name: value for name, default in _DEFAULTS if (value := getattr(self, name)) != default})

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Standing:
        """What is kept; a destination never asked when nothing is, or what another version wrote and nobody can
        read."""
        try:
            kept: dict[str, Any] = decode(data) if data else {}
            kept = {name: kept[name] for name in kept.keys() & _NAMES}
            for name in _TIMES & kept.keys():
                kept[name] = datetime.fromisoformat(kept[name])
            kept["sent"] = tuple((datetime.fromisoformat(at), int(many)) for at, many in kept.get("sent", ()))
            return cls(**kept)
        except (ValueError, TypeError, AttributeError):
            return cls()


_DEFAULTS = tuple((one.name, one.default) for one in fields(Standing))
_NAMES = frozenset(name for name, _ in _DEFAULTS)
_TIMES = frozenset({"since", "shut_until", "probe_until", "heard_at", "took_at"})
