"""One destination's pass: claim → send → settle, until nothing is due or the destination says wait."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ..contract import Delivered, Misconfigured, Outcome, Platform, RetryLater, ServerRequest
from ..errors import ConfigurationError, OutboxUnavailable, described
from ..ledger import Ledger
from ..mode import Mode
from ..outbox.contract import LEASE, Claim, Outbox, Settlement
from . import reading
from .alarm import Alarm
from .gate import Entry, Gate
from .outbound import Ready, WhenUnsure, prepare, waits_for_test_id
from .remarks import Remarks
from .report import DestinationReport, Settled
from .skew import Clock, skew

log = logging.getLogger("pixeltwin")

Answer = tuple[int, Mapping[str, str], bytes]  # status, headers with lower-case names, body
Test = bool | str | None  # what `server_request` takes
Settling = list[tuple[Claim, Settlement]]


class NoAnswer(Exception):
    """A request got no usable answer, and may or may not have arrived. The message names neither URL nor token."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one request: an outcome an event. `heard`: whether there was an answer, `wait` and `skew`: what its
    headers say of the rate limit and of the clock."""

    outcomes: list[Outcome]
    heard: bool = False
    wait: float | None = None
    skew: float | None = None


@dataclass(slots=True)
class Channel:
    """What a process remembers of one destination between passes. `unsettled`: outcomes the outbox could not take."""

    platform: Platform
    gate: Gate
    remarks: Remarks
    clock: Clock
    alarm: Alarm
    unsettled: Settling = field(default_factory=lambda: Settling())


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every pass needs, whichever its destination. `longest_request` is the most seconds one request takes."""

    outbox: Outbox
    post: Callable[[ServerRequest], Answer]
    mode: Mode
    when_unsure: WhenUnsure
    random: Random
    on_outcome: Callable[[Settled], None] | None
    longest_request: float


class Dispatch:
    """A pass over one destination. `clock` says how late it is; `stop` is asked before each request."""

    def __init__(
        self, channel: Channel, wiring: Wiring, *, clock: Callable[[], datetime], stop: Callable[[], bool]
    ) -> None:
        self.channel = channel
        self.platform = channel.platform
        self.gate = channel.gate
        self.wiring = wiring
        self.ledger = Ledger(wiring.outbox)
        self.clock = clock
        self.stop = stop
        self.entry: Entry | None = None  # leave to make a request that was not made yet
        self.report = DestinationReport(self.platform.name, self.platform.destination)

    def run(self, limit: int | None = None) -> DestinationReport:
        """Send what is due, up to `limit` conversions. `OutboxUnavailable` when the store fails: what was sent by then
        is settled in the next pass, under the same lease."""
        left_over, self.channel.unsettled = self.channel.unsettled, []
        self._settle(left_over)
        try:
            self._send_all(sys.maxsize if limit is None else limit)
        finally:
            self._leave()
        now = self.clock()
        opens_at = self.gate.opens_at(now)
        if opens_at > now:
            self.report.waits_until, self.report.trouble = opens_at, self.gate.seen.reason
        return self.report

    def _send_all(self, left: int) -> None:
        """A request is entered before its events are claimed: who may not send keeps none from those who may."""
        while left > 0 and not self.stop():
            now = self.clock()
            if not self.wiring.mode.sends(now) or not self._entered(now):
                break
            test = self.wiring.mode.test(self.platform, now)
            wanted = min(left, self._largest(test), self.entry.size if self.entry else left)
            claims = self.wiring.outbox.claim(self.platform.destination, now=now, limit=wanted)
            left -= len(claims)
            if test and self.wiring.mode.lacks_id(self.platform):
                self._settle([(one, waits_for_test_id(self.platform, one, now=now)) for one in claims])
            else:
                self._work(claims, now, test)
            if len(claims) < wanted:
                break

    def _largest(self, test: Test) -> int:
        limit = self.platform.max_batch
        return limit if test is None else min(limit, self.platform.test_batch)

    def _work(self, claims: Sequence[Claim], now: datetime, test: Test) -> None:
        """Send what was claimed, batch by batch; what cannot go any more in this pass is given back untried.

        What was claimed for a test goes as a test, even when the last request leaves just after test mode ended.
        """
        given_back: Settling = []
        groups = deque(self._groups(claims, now))
        # A request that began later could outlast the lease, and another worker send the same events beside it.
        begin_by = now + LEASE - timedelta(seconds=self.wiring.longest_request)
        while groups:
            group = groups.popleft()
            now = self.clock()
            if self.stop() or now > begin_by or not self._entered(now, len(group)):
                given_back += [(ready.claim, ready.given_back()) for ready in group]
            else:
                groups.extendleft(reversed(self._send(group, test)))
        self._settle(given_back)

    def _entered(self, now: datetime, many: int = 1) -> bool:
        """Whether a request with so many events may be made now. A probe is one event."""
        if self.entry is None:
            self.entry = self.gate.enter(now)
        return self.entry is not None and (many == 1 or not self.entry.probe)

    def _leave(self) -> None:
        """Give back an entry that was not used."""
        entry, self.entry = self.entry, None
        if entry:
            self.gate.leave(entry)

    def _groups(self, claims: Sequence[Claim], now: datetime) -> list[list[Ready]]:
        """The events that may go, by lane: those of one lane share a request. The others are settled at once."""
        lanes: dict[str, list[Ready]] = {}
        staying: Settling = []
        decided = self.ledger.since([claim.row for claim in claims])
        for claim in claims:
            found = prepare(
                self.platform,
                claim,
                now=now,
                when_unsure=self.wiring.when_unsure,
                fraction=self.wiring.random.random(),
                decided=decided.get(claim.row.seq),
            )
            if isinstance(found, Ready):
                lanes.setdefault(found.lane, []).append(found)
            else:
                staying.append((claim, found))
        self._settle(staying)
        return list(lanes.values())

    def _send(self, group: Sequence[Ready], test: Test) -> list[list[Ready]]:
        """One request; the groups that are to be sent again in this pass."""
        entry, self.entry = self.entry, None
        assert entry is not None
        self.report.requests += 1
        answered = self._ask(group, test)
        outcomes = answered.outcomes
        now = self.clock()
        fraction = self.wiring.random.random()
        self._note(entry, answered, now, fraction)
        shut_until = self.gate.seen.opens_at(now, self.platform.rate)
        result = reading.read(group, outcomes, now=now, shut_until=shut_until, fraction=fraction, tested=bool(test))
        if len(result.again) > 1:
            self.gate.narrow(len(group) // 2)
        self._settle([(ready.claim, settlement) for ready, settlement in result.settled])
        return result.again

    def _ask(self, group: Sequence[Ready], test: Test) -> Answered:
        """One outcome an event, whatever goes wrong on the way."""
        try:
            request = self.platform.server_request([ready.body for ready in group], test)
        except Exception as error:  # the token may be a callable of the site's
            return Answered(_all(group, _unwritten(self.platform, error)))
        asked = self.clock()
        try:
            status, headers, body = self.wiring.post(request)
        except ConfigurationError as error:
            return Answered(_all(group, Misconfigured(str(error))))
        except NoAnswer as error:
            return Answered(_all(group, RetryLater(None, f"network: {error}")))
        hidden = test if isinstance(test, str) else ""
        outcomes = reading.clean(self._read(status, headers, body, group), request, hidden)
        return Answered(outcomes, True, self._spent(headers), skew(headers, asked, self.clock()))

    def _read(self, status: int, headers: Mapping[str, str], body: bytes, group: Sequence[Ready]) -> list[Outcome]:
        try:
            outcomes = self.platform.read_reply(status, headers, body, len(group))
        except Exception as error:
            log.error("%s: an answer (HTTP %d) cannot be read: %s", self.platform.name, status, described(error))
            return _all(group, RetryLater(None, f"HTTP {status}: unreadable answer ({type(error).__name__})"))
        if len(outcomes) != len(group):
            reason = f"HTTP {status}: an answer for {len(outcomes)} events, not {len(group)}"
            return _all(group, RetryLater(None, reason))
        return outcomes

    def _spent(self, headers: Mapping[str, str]) -> float | None:
        try:
            return self.platform.spent(headers)
        except Exception as error:
            log.error("%s: rate-limit headers cannot be read: %s", self.platform.name, described(error))
            return None

    def _note(self, entry: Entry, answered: Answered, now: datetime, fraction: float) -> None:
        """What this answer says of the destination itself."""
        name, gate, outcomes = self.platform.name, self.gate, answered.outcomes
        self.report.warnings.update(self.channel.remarks.note(outcomes))
        wrong = reading.misconfigured(outcomes)
        failed = reading.failure(outcomes)
        if wrong is not None:
            if gate.pause(entry, now, reason=wrong):
                log.error("%s is paused, its events wait: %s. Check the access token and the account.", name, wrong)
        elif failed is not None:
            if gate.fail(entry, now, after=failed.after, fraction=fraction, reason=str(failed), heard=answered.heard):
                log.warning("%s does not take events now; they wait and are tried again: %s", name, failed)
        else:
            took = any(isinstance(one, Delivered) for one in outcomes)
            if gate.answered(entry, now, took=took, wait=answered.wait, skew=answered.skew):
                log.info("%s takes events again", name)
        self.channel.clock.note(self.platform.title, answered.skew)

    def _settle(self, settling: Settling) -> None:
        if not settling:
            return
        outbox, destination = self.wiring.outbox, self.platform.destination
        try:
            outbox.settle(destination, [settlement for _, settlement in settling], now=self.clock())
        except OutboxUnavailable:
            self.channel.unsettled += settling
            raise
        refused = [settlement.reason for _, settlement in settling if settlement.state == "refused"]
        if refused:
            log.warning(
                "%s: %d of %d events are refused: %s", self.platform.name, len(refused), len(settling), refused[0]
            )
        for claim, settlement in settling:
            self.report.outcomes[settlement.state, settlement.reason] += 1
            self._tell(claim, settlement)

    def _tell(self, claim: Claim, settlement: Settlement) -> None:
        if self.wiring.on_outcome is None or settlement.state == "pending":
            return
        platform = self.platform
        try:
            self.wiring.on_outcome(
                Settled(platform.name, platform.destination, claim.row.id, settlement.state, settlement.reason)
            )
        except Exception as error:
            log.error("on_outcome failed: %s", described(error))


def _all(group: Sequence[Ready], outcome: Outcome) -> list[Outcome]:
    return [outcome] * len(group)


def _unwritten(platform: Platform, error: Exception) -> Outcome:
    """Why there is no request: a wrong setting, or a fault in code, which is tried again later."""
    if isinstance(error, ConfigurationError):
        return Misconfigured(str(error))
    log.error("%s: a request cannot be written: %s", platform.name, described(error))
    return RetryLater(None, f"request error: {type(error).__name__}")
