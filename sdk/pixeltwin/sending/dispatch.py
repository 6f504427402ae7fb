"""One destination's pass: claim → send → settle, until nothing is due or the destination says wait."""

from __future__ import annotations

import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from typing_extensions import Unpack

from ..contract import Delivered, Platform, ServerRequest
from ..errors import OutboxUnavailable, described
from ..logfields import Fields, fields
from ..outbox.contract import LEASE, Claim, Outbox, Settlement
from ..tracking.ledger import Ledger
from ..tracking.mode import Mode
from . import reading
from .alarm import Alarm
from .ceiling import SLACK
from .exchange import Answer, Answered, Exchange, Test
from .gate import Entry, Gate
from .outbound import Ready, WhenUnsure, prepare, waits_for_test_id
from .remarks import Remarks
from .report import DestinationReport, Settled
from .skew import Clock
from .tally import Tallying
from .turn import Turn

log = logging.getLogger("pixeltwin")

Settling = list[tuple[str, Settlement]]  # by the conversion's id
LARGEST = 1000  # events a request whatever the platform takes: about a megabyte, and as much again on its way
FAR = timedelta(seconds=0.05)  # an answer that takes longer is worth another request beside it


@dataclass(slots=True)
class Channel:
    """What a process remembers of one destination between passes. `unsettled`: outcomes the outbox could not take."""

    platform: Platform
    gate: Gate
    remarks: Remarks
    clock: Clock
    alarm: Alarm
    tally: Tallying
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
    turn: Turn


class Dispatch:
    """A pass over one destination. `clock` says how late it is; `stop` is asked before each request; `more` is called
    when a queue waits that another dispatch beside this one would shorten."""

    def __init__(
        self,
        channel: Channel,
        wiring: Wiring,
        *,
        clock: Callable[[], datetime],
        stop: Callable[[], bool],
        more: Callable[[], None],
    ) -> None:
        self.channel = channel
        self.platform = channel.platform
        self.gate = channel.gate
        self.exchange = Exchange(channel.platform, wiring.post, clock)
        self.wiring = wiring
        self.ledger = Ledger(wiring.outbox)
        self.clock = clock
        self.stop = stop
        self.more = more
        self.far = False  # whether the last answer took long
        self.entry: Entry | None = None  # leave to make a request that was not made yet
        self.report = DestinationReport(self.platform.name, self.platform.destination)

    def run(self, limit: int | None = None) -> DestinationReport:
        """Send what is due, up to `limit` conversions. `OutboxUnavailable` when the store fails: what was sent by then
        is settled in the next pass, under the same lease."""
        with self.wiring.turn:
            return self._run(limit)

    def _run(self, limit: int | None) -> DestinationReport:
        left_over, self.channel.unsettled = self.channel.unsettled, []
        self._settle(left_over)
        try:
            self._send_all(sys.maxsize if limit is None else limit)
        finally:
            self._leave()
        now = self.clock()
        self.channel.tally.write(now)
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
            many = self._take(wanted, now, test)
            left -= many
            if many < wanted:
                break
            if self.far and wanted == self._largest(test):
                self.more()

    def _take(self, wanted: int, now: datetime, test: Test) -> int:
        """Claim and work on one batch; how many were claimed."""
        claims = self.wiring.outbox.claim(self.platform.destination, now=now, limit=wanted)
        many = len(claims)
        if test and self.wiring.mode.lacks_id(self.platform):
            self._settle([(one.row.id, waits_for_test_id(self.platform, one, now=now)) for one in claims])
        else:
            self._work(deque(self._groups(claims, now)), now, test)
        return many

    def _largest(self, test: Test) -> int:
        limit = min(self.platform.max_batch, LARGEST)
        return limit if test is None else min(limit, self.platform.test_batch)

    def _work(self, groups: deque[list[Ready]], now: datetime, test: Test) -> None:
        """Send what was claimed, batch by batch; what cannot go any more in this pass is given back untried.

        What was claimed for a test goes as a test, even when the last request leaves just after test mode ended.
        """
        given_back: Settling = []
        # A request that began later could outlast the lease, and another worker send the same events beside it.
        begin_by = now + LEASE - timedelta(seconds=self.wiring.longest_request)
        while groups:
            group = groups.popleft()
            now = self.clock()
            if self.stop() or now > begin_by or not self._entered(now, len(group)):
                given_back += [(ready.id, ready.given_back()) for ready in group]
            else:
                groups.extendleft(reversed(self._send(group, test)))
        self._settle(given_back)

    def _entered(self, now: datetime, many: int = 1) -> bool:
        """Whether a request with so many events may be made now. A probe is one event."""
        if self.entry is None:
            self.entry = self.gate.enter(now)
        elif now - self.entry.at > SLACK:  # it leaves later than it counts
            self.entry = self.gate.renew(self.entry, now)
        return self.entry is not None and (many == 1 or not self.entry.probe)

    def _leave(self) -> None:
        """Give back an entry that was not used."""
        entry, self.entry = self.entry, None
        if entry:
            self.gate.leave(entry)

    def _groups(self, claims: list[Claim], now: datetime) -> list[list[Ready]]:
        """The events that may go, by lane: those of one lane share a request. The others are settled at once. `claims`
        is used up."""
        lanes: dict[str, list[Ready]] = {}
        staying: Settling = []
        decided = self.ledger.latest([claim.row for claim in claims])
        platform, when_unsure, random = self.platform, self.wiring.when_unsure, self.wiring.random
        claims.reverse()
        with self.wiring.turn.aside() if platform.before_send else nullcontext():  # that may take its time
            while claims:  # what was stored is let go as it is mapped: a batch is megabytes
                claim = claims.pop()
                found = prepare(
                    platform,
                    claim,
                    now=now,
                    when_unsure=when_unsure,
                    fraction=random.random(),
                    decided=decided.get(claim.row.seq),
                )
                if isinstance(found, Ready):
                    lanes.setdefault(found.lane, []).append(found)
                else:
                    staying.append((claim.row.id, found))
        self._settle(staying)
        return list(lanes.values())

    def _send(self, group: Sequence[Ready], test: Test) -> list[list[Ready]]:
        """One request; the groups that are to be sent again in this pass."""
        entry, self.entry = self.entry, None
        assert entry is not None
        self.report.requests += 1
        asked = self.clock()
        with self.wiring.turn.aside():
            answered = self.exchange.ask([ready.body for ready in group], test)
            self.far = self.clock() - asked >= FAR  # without what the turn is waited for
        now = self.clock()
        fraction = self.wiring.random.random()
        self._note(entry, answered, now, fraction)
        if not test:
            taken = zip(group, answered.outcomes, strict=True)
            counts = Counter([ready.carried for ready, outcome in taken if isinstance(outcome, Delivered)])
            for carried, many in counts.items():
                self.channel.tally.count(carried, now, many=many)
        result = reading.read(
            group,
            answered.outcomes,
            now=now,
            shut_until=self.gate.seen.opens_at(now, self.platform.rate),
            fraction=fraction,
            tested=bool(test),
        )
        if len(result.again) > 1:
            self.gate.narrow(len(group) // 2)
        self._settle(result.settled)
        return result.again

    def _note(self, entry: Entry, answered: Answered, now: datetime, fraction: float) -> None:
        """What this answer says of the destination itself."""
        name, gate, outcomes = self.platform.name, self.gate, answered.outcomes
        self.report.warnings.update(self.channel.remarks.note(outcomes))
        wrong = reading.misconfigured(outcomes)
        failed = reading.failure(outcomes)
        if wrong is not None:
            if gate.pause(entry, now, reason=wrong):
                said = "%s is paused, its events wait: %s. Check the access token and the account."
                log.error(said, name, wrong, extra=self._fields(reason=wrong))
        elif failed is not None:
            if gate.fail(entry, now, after=failed.after, fraction=fraction, reason=str(failed), heard=answered.heard):
                said = "%s does not take events now; they wait and are tried again: %s"
                log.warning(said, name, failed, extra=self._fields(reason=str(failed)))
        else:
            took = any(isinstance(one, Delivered) for one in outcomes)
            if gate.answered(entry, now, took=took, wait=answered.wait, skew=answered.skew):
                log.info("%s takes events again", name, extra=self._fields())
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
            said = "%s: %d of %d events are refused: %s"
            extra = self._fields(state="refused", reason=refused[0], count=len(refused))
            log.warning(said, self.platform.name, len(refused), len(settling), refused[0], extra=extra)
        self.report.outcomes.update((settlement.state, settlement.reason) for _, settlement in settling)
        if self.wiring.on_outcome:
            self._tell(self.wiring.on_outcome, settling)

    def _fields(self, **more: Unpack[Fields]) -> dict[str, object]:
        return {"platform": self.platform.name, "destination": self.platform.destination, **fields(**more)}

    def _tell(self, on_outcome: Callable[[Settled], None], settling: Settling) -> None:
        name, destination = self.platform.name, self.platform.destination
        for id, settlement in settling:
            if settlement.state != "pending":
                try:
                    on_outcome(Settled(name, destination, id, settlement.state, settlement.reason))
                except Exception as error:
                    log.error("on_outcome failed: %s", described(error))
