"""Whether a destination may be asked now, and with how many events: its rate limit and its breaker, kept by the outbox
and so shared by the workers of all processes and hosts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..errors import OutboxUnavailable, described
from ..outbox.contract import Outbox
from .standing import Standing

log = logging.getLogger("pixeltwin")

OnChange = Callable[[str, Standing], None]
_HEARD_EVERY = timedelta(seconds=1)
_RESET_EVERY = timedelta(seconds=10)  # who mints a new token a request would see new settings all the time


@dataclass(frozen=True, slots=True)
class Entry:
    """Leave to make one request, with at most `size` events. `probe`: whether the destination is in trouble, and this
    request finds out how it is."""

    at: datetime
    turn: int
    size: int
    probe: bool


def _entry(now: datetime, standing: Standing) -> Entry:
    return Entry(now, standing.turn, standing.size, standing.state != "open")


class Gate:
    """One destination's gate. `rate` is requests a second, as a ceiling for any second, not as an average.

    After a failure it is shut until a due time; then a single event is the probe, one at a time whatever the number of
    workers, so that an outage costs one small request a wait, and an event that the platform cannot digest is soon
    alone with its fault.

    An open gate costs one short transaction a request, and one a second for the time it was heard. `settings` makes
    the fingerprint of those that hold now; a pause is over when it changes. `on_change` is told of each change of state
    that this process makes.
    """

    def __init__(
        self,
        outbox: Outbox,
        destination: str,
        rate: float,
        *,
        settings: Callable[[], str],
        on_change: OnChange | None = None,
    ) -> None:
        self._outbox = outbox
        self._destination = destination
        self._rate = rate
        self._settings = settings
        self._on_change = on_change
        self._reset_at: datetime | None = None
        self.seen = Standing()  # as this process last saw it

    def opens_at(self, now: datetime) -> datetime:
        """When the next request may be made; `now` when it may be made now. An open gate is not looked up: who enters
        learns whether others have shut it."""
        if self.seen.opens_at(now, self._rate) > now:
            self.seen = Standing.from_bytes(self._outbox.shared().get(self._destination))
            if self.seen.state == "paused":
                self._reset(now)
        return self.seen.opens_at(now, self._rate)

    def _reset(self, now: datetime) -> None:
        if self._reset_at and timedelta() <= now - self._reset_at < _RESET_EVERY:
            return
        settings = self._settings()
        if self.seen.reset(settings) != self.seen:
            self._reset_at = now
            self._share(lambda kept: kept.reset(settings))

    def enter(self, now: datetime) -> Entry | None:
        """Ask to make one request now; it counts from now on."""
        entry = self._enter(now)
        if entry is None and self.opens_at(now) <= now:  # what shut it were settings that have changed since
            entry = self._enter(now)
        return entry

    def _enter(self, now: datetime) -> Entry | None:
        before, after = self._share(lambda kept: kept.entered(now, self._rate) or kept)
        return None if after == before else _entry(now, after)

    def renew(self, entry: Entry, now: datetime) -> Entry | None:
        """The request is made now, and not when it was entered; None where it can be made later only."""
        left = self.seen

        def change(kept: Standing) -> Standing:
            nonlocal left
            left = kept.left(entry.at, self._rate, turn=entry.turn)
            return left.entered(now, self._rate) or left

        _, after = self._share(change)
        return None if after == left else _entry(now, after)

    def leave(self, entry: Entry) -> None:
        """The request is not made: another may."""
        self._share(lambda kept: kept.left(entry.at, self._rate, turn=entry.turn))

    def asked(self, now: datetime) -> Entry:
        """Leave for a question that a person asks, whatever is shut. Its answer counts as one to what is asked now."""
        self.seen = Standing.from_bytes(self._outbox.shared().get(self._destination))
        return Entry(now, self.seen.turn, 1, True)

    def introduces(self) -> bool:
        """Whether this process shall ask about the settings that hold now: true for one process, once for each change
        of them."""
        settings = self._settings()
        before, after = self._share(lambda kept: replace(kept, asked_with=settings))
        return before != after

    def not_introduced(self) -> None:
        """There was no answer about the settings: whoever starts next shall ask again."""
        self._share(lambda kept: replace(kept, asked_with=""))

    # --- what came of a request --------------------------------------------------------------------------------------

    def answered(
        self, entry: Entry, now: datetime, *, took: bool, wait: float | None = None, skew: float | None = None
    ) -> bool:
        """The destination works. True when it had not before."""
        seen = self.seen
        fresh = seen.heard_at is not None and timedelta() <= now - seen.heard_at < _HEARD_EVERY
        if seen.clean and fresh and wait is None and (skew or None) == seen.skew and (seen.took_at or not took):
            return False
        return self._changes(lambda kept: kept.answered(now, turn=entry.turn, took=took, wait=wait, skew=skew or None))

    def narrow(self, size: int) -> None:
        """A batch was voided and nobody could be blamed: begin with so few next time."""
        self._changes(lambda kept: kept.narrowed(size))

    def fail(
        self, entry: Entry, now: datetime, *, after: float | None, fraction: float, reason: str, heard: bool
    ) -> bool:
        """A whole request failed: shut for `after` seconds, or for a back-off. True when this begins the trouble."""
        return self._changes(
            lambda kept: kept.failed(now, turn=entry.turn, after=after, fraction=fraction, reason=reason, heard=heard)
        )

    def pause(self, entry: Entry, now: datetime, *, reason: str) -> bool:
        """The token or account is wrong. True when this begins the pause."""
        settings = self._settings()
        return self._changes(lambda kept: kept.paused(now, turn=entry.turn, reason=reason, settings=settings))

    def late(self, level: int) -> bool:
        """The oldest event is so late. True when nobody has noticed before."""
        if self.seen.late == level:
            return False
        before, after = self._share(lambda kept: kept.lated(level))
        return before != after

    # --- the store ---------------------------------------------------------------------------------------------------

    def _changes(self, change: Callable[[Standing], Standing]) -> bool:
        try:
            before, after = self._share(change)
        except OutboxUnavailable:
            # What the platform said must not be lost with it: this process keeps to it, and the settlement follows.
            before, after = self.seen, change(self.seen)
            self.seen = after
        return before.state != after.state

    def _share(self, change: Callable[[Standing], Standing]) -> tuple[Standing, Standing]:
        """What was kept, and what is kept now."""
        before = after = self.seen

        def changed(kept: bytes | None) -> bytes | None:
            nonlocal before, after
            before = Standing.from_bytes(kept)
            after = change(before)
            return kept if after == before else after.to_bytes()

        self._outbox.share(self._destination, changed)
        self.seen = after
        if self._on_change and before.state != after.state:
            try:
                self._on_change(self._destination, after)
            except Exception as error:
                log.error("on_change failed: %s", described(error))
        return before, after
