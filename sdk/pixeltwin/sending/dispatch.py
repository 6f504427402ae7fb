"""One destination's pass: claim → send → settle, until nothing is due or the destination says wait."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ..contract import Misconfigured, Outcome, Platform, RetryLater, ServerRequest
from ..errors import ConfigurationError, OutboxUnavailable, described
from ..mode import Mode
from ..outbox.contract import LEASE, Claim, Outbox, Settlement
from . import reading
from .gate import Gate
from .outbound import Ready, WhenUnsure, prepare, waits_for_test_id
from .remarks import Remarks
from .report import DestinationReport, Settled

log = logging.getLogger("pixeltwin")

Answer = tuple[int, Mapping[str, str], bytes]  # status, headers with lower-case names, body
Settling = list[tuple[Claim, Settlement]]
Test = bool | str | None  # what `server_request` takes


class NoAnswer(Exception):
    """A request got no usable answer, and may or may not have arrived. The message names neither URL nor token."""


@dataclass(slots=True)
class Channel:
    """What a process remembers of one destination between passes. `unsettled`: outcomes the outbox could not take."""

    platform: Platform
    gate: Gate
    remarks: Remarks
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
        self.clock = clock
        self.stop = stop
        self.report = DestinationReport(self.platform.name, self.platform.destination)

    def run(self, limit: int | None = None) -> DestinationReport:
        """Send what is due, up to `limit` conversions. `OutboxUnavailable` when the store fails: what was sent by then
        is settled in the next pass, under the same lease."""
        left_over, self.channel.unsettled = self.channel.unsettled, []
        self._settle(left_over)
        left = sys.maxsize if limit is None else limit
        while left > 0 and not self.stop():
            now = self.clock()
            if self.gate.opens_at(now) > now or not self.wiring.mode.sends(now):
                break
            test = self.wiring.mode.test(self.platform, now)
            wanted = min(left, self.gate.batch(self._largest(test)))
            claims = self.wiring.outbox.claim(self.platform.destination, now=now, limit=wanted)
            if not claims:
                break
            left -= len(claims)
            if test and self.wiring.mode.lacks_id(self.platform):
                self._settle([(one, waits_for_test_id(self.platform, one, now=now)) for one in claims])
            else:
                self._work(claims, now, test)
        now = self.clock()
        opens_at = self.gate.opens_at(now)
        if opens_at > now:
            self.report.waits_until, self.report.trouble = opens_at, self.gate.reason
        return self.report

    def _largest(self, test: Test) -> int:
        limit = self.platform.max_batch
        return limit if test is None else min(limit, self.platform.test_batch)

    def _work(self, claims: Iterable[Claim], now: datetime, test: Test) -> None:
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
            if self.stop() or now > begin_by or not self.gate.enter(now):
                given_back += [(ready.claim, ready.given_back()) for ready in group]
            else:
                groups.extendleft(reversed(self._send(group, test)))
        self._settle(given_back)

    def _groups(self, claims: Iterable[Claim], now: datetime) -> list[list[Ready]]:
        """The events that may go, by lane: those of one lane share a request. The others are settled at once."""
        lanes: dict[str, list[Ready]] = {}
        staying: Settling = []
        for claim in claims:
            found = prepare(
                self.platform,
                claim,
                now=now,
                when_unsure=self.wiring.when_unsure,
                fraction=self.wiring.random.random(),
            )
            if isinstance(found, Ready):
                lanes.setdefault(found.lane, []).append(found)
            else:
                staying.append((claim, found))
        self._settle(staying)
        return list(lanes.values())

    def _send(self, group: Sequence[Ready], test: Test) -> list[list[Ready]]:
        """One request; the groups that are to be sent again in this pass."""
        self.report.requests += 1
        outcomes = self._ask(group, test)
        now = self.clock()
        fraction = self.wiring.random.random()
        self._note(outcomes, now, fraction)
        shut_until = self.gate.opens_at(now)
        result = reading.read(group, outcomes, now=now, shut_until=shut_until, fraction=fraction, tested=bool(test))
        if len(result.again) > 1:
            self.gate.narrow(len(group) // 2)
        self._settle([(ready.claim, settlement) for ready, settlement in result.settled])
        return result.again

    def _ask(self, group: Sequence[Ready], test: Test) -> list[Outcome]:
        """One outcome an event, whatever goes wrong on the way."""
        try:
            request = self.platform.server_request([ready.body for ready in group], test)
        except Exception as error:  # the token may be a callable of the site's
            return _all(group, _unwritten(self.platform, error))
        try:
            status, headers, body = self.wiring.post(request)
        except ConfigurationError as error:
            return _all(group, Misconfigured(str(error)))
        except NoAnswer as error:
            return _all(group, RetryLater(None, f"network: {error}"))
        try:
            outcomes = self.platform.read_reply(status, headers, body, len(group))
        except Exception as error:
            log.error("%s: an answer (HTTP %d) cannot be read: %s", self.platform.name, status, described(error))
            return _all(group, RetryLater(None, f"HTTP {status}: unreadable answer ({type(error).__name__})"))
        if len(outcomes) != len(group):
            return _all(
                group, RetryLater(None, f"HTTP {status}: an answer for {len(outcomes)} events, not {len(group)}")
            )
        hidden = test if isinstance(test, str) else ""
        return [reading.clean(outcome, request, hidden) for outcome in outcomes]

    def _note(self, outcomes: Sequence[Outcome], now: datetime, fraction: float) -> None:
        """What this answer says of the destination itself."""
        name, gate = self.platform.name, self.gate
        self.report.warnings.update(self.channel.remarks.note(outcomes))
        wrong = reading.misconfigured(outcomes)
        failed = reading.failure(outcomes)
        if wrong is not None:
            if gate.pause(now, reason=wrong):
                log.error("%s is paused, its events wait: %s. Check the access token and the account.", name, wrong)
        elif failed is not None:
            if gate.fail(now, after=failed.after, fraction=fraction, reason=str(failed)):
                log.warning("%s does not take events now; they wait and are tried again: %s", name, failed)
        elif gate.answered():
            log.info("%s takes events again", name)

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
