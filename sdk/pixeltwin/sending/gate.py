"""Whether a destination may be asked now, and with how many events: its rate limit and its breaker.

The state is this process's own. What reads or changes it goes through `Gate`, so that it can move into the store.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock

from ..replies import LONGEST_WAIT
from .backoff import backoff, pause

GROWTH = 4  # after trouble batches begin with one event and grow by this factor
_UNLIMITED = 1_000_000


class Gate:
    """One destination's gate. `rate` is requests a second, as a ceiling for any second, not as an average.

    After a failure it is shut until a due time; then a single event is the probe, so that an outage costs one small
    request a wait, and an event that the platform cannot digest is soon alone with its fault.
    """

    def __init__(self, rate: float) -> None:
        self._most = max(1, int(rate))
        self._span = timedelta(seconds=self._most / rate)
        self._sent: deque[datetime] = deque(maxlen=self._most)
        self._shut_until: datetime | None = None
        self._size = _UNLIMITED
        self._failures = 0
        self._pauses = 0
        self._lock = Lock()
        self.reason = ""  # why it is shut, or what is wrong while it is probed; empty when all is well

    def opens_at(self, now: datetime) -> datetime:
        """When the next request may be made; `now` when it may be made now."""
        with self._lock:
            return max(now, self._opens_at(now))

    def enter(self, now: datetime) -> bool:
        """Ask to make one request now; True counts it."""
        with self._lock:
            if self._opens_at(now) > now:
                return False
            self._sent.append(now)
            return True

    def batch(self, largest: int) -> int:
        """How many events the next request may hold."""
        return min(largest, self._size)

    def answered(self) -> bool:
        """The destination works. True when it had not before."""
        with self._lock:
            recovered = bool(self.reason)
            self._size = min(self._size * GROWTH, _UNLIMITED)
            self._shut_until, self._failures, self._pauses, self.reason = None, 0, 0, ""
            return recovered

    def narrow(self, size: int) -> None:
        """A batch was voided and nobody could be blamed: begin with so few next time."""
        with self._lock:
            self._size = max(1, size)

    def fail(self, now: datetime, *, after: float | None, fraction: float, reason: str) -> bool:
        """A whole request failed: shut for `after` seconds, or for a back-off. True when this begins the trouble."""
        with self._lock:
            wait = backoff(self._failures, fraction) if after is None else after
            self._failures += 1
            return self._shut(now, wait, reason)

    def pause(self, now: datetime, *, reason: str) -> bool:
        """The token or account is wrong. True when this begins the pause."""
        with self._lock:
            begins = not self._pauses
            self._shut(now, pause(self._pauses), reason)
            self._pauses += 1
            return begins

    def _shut(self, now: datetime, seconds: float, reason: str) -> bool:
        begins = not self.reason
        self._shut_until, self._size, self.reason = now + timedelta(seconds=seconds), 1, reason
        return begins

    def _opens_at(self, now: datetime) -> datetime:
        """Times that cannot be are forgotten: a clock that was set back must not shut the gate for a day."""
        longest = timedelta(seconds=LONGEST_WAIT)
        opens = now
        if self._shut_until and self._shut_until - now <= longest:
            opens = self._shut_until
        if len(self._sent) == self._most and self._sent[0] <= now:
            opens = max(opens, self._sent[0] + self._span)
        return opens
