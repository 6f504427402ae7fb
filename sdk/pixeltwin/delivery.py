"""Delivery: claim → send → settle, for every destination that has a server half.

`pixeltwin.sending` holds the parts, `pixeltwin.network` sends; `pixeltwin.worker` runs this in a loop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from .contract import Platform
from .network.wire import Timeouts, Wire
from .once import once
from .outbox.contract import Outbox
from .sending.alarm import Alarm
from .sending.checkup import SURE, Checked, check
from .sending.crew import Crew
from .sending.dispatch import Channel, Dispatch, Wiring
from .sending.fingerprint import fingerprint
from .sending.gate import Gate
from .sending.outbound import WhenUnsure
from .sending.remarks import Remarks
from .sending.report import DestinationReport, Report, Settled
from .sending.skew import Clock
from .sending.standing import Standing
from .sending.tally import Tallying
from .sending.turn import Turn
from .tracking.mode import Mode
from .tracking.withdrawals import Withdrawals

if TYPE_CHECKING:
    import httpx

__all__ = ["Checked", "Delivery", "DestinationReport", "Report", "Settled", "Timeouts"]


def _never() -> bool:
    return False


class Delivery:
    """Sends the server halves in `outbox` to those of `platforms` that take them.

    `mode`: whether they count, go to the platforms' test modes, or stay.
    `when_unsure`: what becomes of a server half past the dedup window whose browser half was shown, never confirmed.
    `transport`: an httpx transport, for a proxy or certificates of your own. It knows no `timeouts.total`, which then
    ends an answer only once its headers are there. `on_outcome` is told of each state that was stored, `on_change`
    of each change of a destination's state that this process makes, from whichever thread delivers. `catch_up` is
    called before each purge, for what waits in the outbox without need. `introduces`: workers ask each destination
    about settings that are new, counting nothing.

    Rate and breaker of a destination are kept in the outbox, and shared by all who deliver from it. It holds no thread
    and opens nothing before its first request. After a fork the child begins with connections of its own.
    """

    def __init__(
        self,
        platforms: Iterable[Platform],
        outbox: Outbox,
        *,
        mode: Mode | None = None,
        when_unsure: WhenUnsure = "suppress",
        transport: httpx.BaseTransport | None = None,
        timeouts: Timeouts | None = None,
        random: Random | None = None,
        on_outcome: Callable[[Settled], None] | None = None,
        on_change: Callable[[str, Standing], None] | None = None,
        catch_up: Callable[[datetime], object] | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        introduces: bool = False,
    ) -> None:
        self.platforms = tuple(platform for platform in platforms if platform.sends)
        self.outbox = outbox
        self._withdrawals = Withdrawals(outbox)
        self.mode = mode or Mode()
        self._when_unsure: WhenUnsure = when_unsure
        self._given_transport = transport
        self._timeouts = timeouts or Timeouts()
        self._given_random = random
        self._on_outcome = on_outcome
        self._on_change = on_change
        self._catch_up = catch_up
        self._stopwatch = stopwatch
        self._introduces = introduces
        self._start()

    @property
    def destinations(self) -> tuple[str, ...]:
        """Where server halves go."""
        return tuple(platform.destination for platform in self.platforms)

    def deliver(
        self,
        now: datetime,
        *,
        limit: int | None = None,
        destinations: Iterable[str] | None = None,
        stop: Callable[[], bool] = _never,
    ) -> Report:
        """One pass: to each destination everything due, up to `limit` conversions, until it says wait.

        `now` is when the pass begins; a long one goes on with the time it takes. Several destinations are served side
        by side, so that a slow one delays the end of the pass and nothing else; a long queue for one that is far away
        goes in a few requests side by side. `stop` is asked before each request.
        Raises `OutboxUnavailable`; what was sent by then is settled in the next pass.
        """
        began = self._stopwatch()
        self._after_fork()
        self.mode.remind(now)
        wanted = self.destinations if destinations is None else tuple(destinations)
        self.watch(now, destinations=wanted)

        def clock() -> datetime:
            return now + timedelta(seconds=self._stopwatch() - began)

        def crew(destination: str) -> Crew:
            channel = self._channels[destination]
            return Crew(lambda more: Dispatch(channel, self._wiring, clock=clock, stop=stop, more=more))

        passes = [crew(one) for one in wanted]
        if len(passes) < 2:
            return Report([one.run(limit) for one in passes])
        with ThreadPoolExecutor(len(passes), thread_name_prefix="pixeltwin-pass") as pool:
            running = [pool.submit(one.run, limit) for one in passes]
            return Report([one.result() for one in running])

    def check(self, destination: str, now: datetime) -> Checked:
        """Ask this destination now whether token and account are right, counting nothing, and let all workers know
        what it answers. It takes as long as one request."""
        began = self._stopwatch()
        self._after_fork()
        channel = self._channels[destination]

        def clock() -> datetime:
            return now + timedelta(seconds=self._stopwatch() - began)

        test_id = self.mode.test_id(channel.platform)
        return check(channel.platform, channel.gate, self._wire.post, clock=clock, test_id=test_id)

    def purge(self, now: datetime) -> int:
        """Erase what has outlived its time, and what waits of who took his consent back, after a last look at what
        waits without need. How many rows were changed or erased."""
        if self._catch_up:
            self._catch_up(now)
        changes = self.outbox.rouse(now=now) + self._withdrawals.call_off(now)
        return changes + self.outbox.purge(now=now)

    def introduce(self, destination: str, now: datetime) -> None:
        """Ask a destination about settings that nobody has asked it about, so that health knows before the first
        conversion. One process does it, once for each change; nobody where `introduces` is not set."""
        self._after_fork()
        if not self._introduces or destination in self._introduced or not self.mode.sends(now):
            return
        gate = self._channels[destination].gate
        first = gate.introduces()
        self._introduced.add(destination)
        if first and self.check(destination, now).verdict not in SURE:
            gate.not_introduced()

    def opens_at(self, destination: str, now: datetime) -> datetime:
        """When this destination may be asked again; `now` when it may be asked now."""
        self._after_fork()
        return self._channels[destination].gate.opens_at(now)

    def next_due(self, now: datetime, *, destinations: Iterable[str] | None = None) -> datetime | None:
        """When there is next something to send for any of these; None when nothing waits, or nothing is sent."""
        if not self.mode.sends(now):
            return None
        found: list[datetime] = []
        for destination in self.destinations if destinations is None else destinations:
            due = self.outbox.next_due([destination], now=now)
            if due is not None:
                found.append(max(due, self.opens_at(destination, now)))
        return min(found, default=None)

    def watch(self, now: datetime, *, destinations: Iterable[str] | None = None) -> None:
        """Say it when events wait too long for their platform; looks at the store at most once a minute. A pass does
        so too, but a destination that is shut has none. What was counted and not written yet is written now."""
        self._after_fork()
        for destination in self.destinations if destinations is None else destinations:
            channel = self._channels[destination]
            channel.alarm.look(now)
            channel.tally.write(now)

    def warnings(self, destination: str) -> Mapping[str, int]:
        """How often this platform remarked what about events it took, since this process began."""
        self._after_fork()
        return self._channels[destination].remarks.snapshot()

    def close(self) -> None:
        """Give back connections; the next pass opens new ones."""
        self._after_fork()
        for channel in self._channels.values():
            channel.tally.write()
        self._wire.close()

    def _after_fork(self) -> None:
        """A child must not use its parent's connections, nor wait for locks that died with the parent's threads."""
        if self._pid != os.getpid():
            with once():
                if self._pid != os.getpid():
                    self._start()

    def _channel(self, platform: Platform) -> Channel:
        gate = Gate(
            self.outbox,
            platform.destination,
            platform.rate,
            settings=lambda: fingerprint(platform),
            on_change=self._on_change,
        )
        tally = Tallying(self.outbox, platform.destination)
        return Channel(platform, gate, Remarks(platform.name), Clock(), Alarm(platform, self.outbox, gate), tally)

    def _start(self) -> None:
        self._introduced: set[str] = set()
        self._wire = Wire(self._given_transport, self._timeouts)
        self._channels = {one.destination: self._channel(one) for one in self.platforms}
        self._wiring = Wiring(
            outbox=self.outbox,
            post=self._wire.post,
            mode=self.mode,
            when_unsure=self._when_unsure,
            random=self._given_random or Random(),
            on_outcome=self._on_outcome,
            longest_request=self._timeouts.longest,
            turn=Turn(alone=self.outbox.one_writer),
        )
        self._pid = os.getpid()  # last: who sees it takes the rest as it is
