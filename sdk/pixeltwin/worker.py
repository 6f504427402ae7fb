"""Delivery in a loop: a daemon thread a destination, in the web process or in one of its own."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from queue import SimpleQueue
from random import random
from types import FrameType
from typing import NamedTuple

from .delivery import Delivery, Report
from .errors import described
from .logfields import fields
from .once import once
from .sending.backoff import backoff
from .sending.sole import frugal

log = logging.getLogger("pixeltwin")

POLL = 1.0  # seconds; how soon the rows of other processes are noticed
REST = 0.1  # seconds between two passes that found something; what comes alone goes at once, a rush shares requests
PORTION = 200  # conversions a pass beside a site's own requests: some milliseconds of the interpreter they share
STOP_WITHIN = 1.0  # seconds; whatever is not answered by then is sent again when its lease ends, with the same id
SOON = timedelta(seconds=2.5)  # what is due so soon is waited for by `once`: no platform's rate makes longer waits
PURGE_EVERY = timedelta(minutes=5)


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class _Pause(NamedTuple):
    """How many seconds nothing is done. `deaf`: whatever is stored meanwhile."""

    seconds: float
    deaf: bool = False


class Worker:
    """Delivers whatever is due until it is stopped; at most once a process, however often it is started.

    `poll`: seconds between looks at the store when nobody calls `notify`. `rest`: seconds after a pass that found
    something. `portion`: how many conversions a pass takes at most. `once`: end when nothing more is due within `SOON`.
    `on_report` is told of every pass that did something, `on_end` when the last thread ends; both are called from the
    worker's threads. The first `start` or `notify` in a process starts it, in a forked child too.
    """

    _threads: list[threading.Thread]
    _stop: threading.Event

    def __init__(
        self,
        delivery: Delivery,
        *,
        clock: Callable[[], datetime] = utc_now,
        poll: float = POLL,
        rest: float = REST,
        portion: int | None = None,
        once: bool = False,
        on_report: Callable[[Report], None] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.delivery = delivery
        self.error: BaseException | None = None  # what ended a run with `once`
        self._clock = clock
        self._poll = poll
        self._rest = rest
        self._portion = portion
        self._once = once
        self._on_report = on_report
        self._on_end = on_end
        self._purged_at: datetime | None = None
        self._forget()

    def start(self) -> None:
        """Start the threads, unless they run already."""
        self._after_fork()
        with self._bell:
            if any(thread.is_alive() for thread in self._threads):
                return
            self._stop.clear()
            self._threads = [
                threading.Thread(target=self._run, args=(one,), name=f"pixeltwin-{one}", daemon=True)
                for one in self.delivery.destinations
            ]
            self._running = len(self._threads)
            for thread in self._threads:
                thread.start()
        if self._threads:
            atexit.register(self.stop)
        elif self._on_end:
            self._on_end()

    def notify(self) -> None:
        """Something was stored: deliver it now. Costs the caller microseconds; starts the worker where it has not been,
        as in a forked child, but not after `stop`."""
        self._after_fork()
        if self._threads:
            with self._bell:
                self._rung += 1
                self._bell.notify_all()
        elif not self._stop.is_set():
            self.start()

    def stop(self, timeout: float = STOP_WITHIN) -> bool:
        """End after the requests in flight, at the latest in `timeout` seconds. True when all threads have ended; a row
        whose request was cut off is sent again when its lease ends."""
        self._after_fork()
        atexit.unregister(self.stop)
        self._stop.set()
        with self._bell:
            self._bell.notify_all()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def running(self) -> bool:
        """Whether any thread of this process's worker is alive."""
        self._after_fork()
        return any(thread.is_alive() for thread in self._threads)

    # --- a thread --------------------------------------------------------------------------------------------------

    def _run(self, destination: str) -> None:
        """One destination's thread. Nothing that goes wrong ends it; only `stop` does, or `once`."""
        failures = 0
        while not self._stop.is_set():
            rung = self._rung
            try:
                pause = self._pass(destination)
                failures = 0
            except BaseException as error:  # a site's own code may even raise SystemExit
                if self._once:
                    self.error = error
                    break
                pause = _Pause(backoff(failures, random()), deaf=True)
                failures += 1
                said = "delivery to %s failed, next try in %.1f s: %s"
                log.error(said, destination, pause.seconds, described(error), extra=fields(destination=destination))
            if pause is None:
                break
            self._wait(pause, rung)
        with self._bell:
            self._running -= 1
            last = not self._running
        if last and self._on_end:
            self._on_end()

    def _pass(self, destination: str) -> _Pause | None:
        """Deliver what is due; how long there is nothing to do then. None: the end."""
        now = self._clock()
        self.delivery.introduce(destination, now)
        self._purge(destination, now)
        self.delivery.mode.remind(now)
        self.delivery.watch(now, destinations=[destination])
        opens_at = self.delivery.opens_at(destination, now)
        is_shut = opens_at > now
        due = opens_at if is_shut else self.delivery.next_due(now, destinations=[destination])
        if due is None or due > now:
            wait = self._poll if due is None else min(self._poll, (due - now).total_seconds())
            over = due is None or due - now > SOON
            return None if self._once and over else _Pause(wait, deaf=is_shut)
        now = self._clock()  # again: what the store was asked took its time, and waits are counted from the answer
        report = self.delivery.deliver(now, limit=self._portion, destinations=[destination], stop=self._stop.is_set)
        if not report:
            now = self._clock()
            return _Pause(self._poll, deaf=self.delivery.opens_at(destination, now) > now)
        if self._on_report:
            self._on_report(report)
        return _Pause(self._rest, deaf=True)

    def _wait(self, pause: _Pause, rung: int) -> None:
        """Until the time is over, or it is stopped; unless deaf, until something is stored."""
        if pause.deaf:
            self._stop.wait(pause.seconds)
            return
        with self._bell:
            self._bell.wait_for(lambda: self._stop.is_set() or self._rung != rung, pause.seconds)

    def _purge(self, destination: str, now: datetime) -> None:
        """Erase what has outlived its time, now and then; one thread does it for all."""
        if destination != self.delivery.destinations[0]:
            return
        if self._purged_at is not None and timedelta() <= now - self._purged_at < PURGE_EVERY:
            return
        self._purged_at = now
        self.delivery.purge(now)

    # --- forks -----------------------------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """Threads do not survive a fork, and a lock one of them held would be held for ever."""
        if self._pid != os.getpid():
            with once():
                if self._pid != os.getpid():
                    self._forget()

    def _forget(self) -> None:
        self._bell = threading.Condition()
        self._threads = []
        self._running = 0
        self._rung = 0
        self._stop = threading.Event()
        self._pid = os.getpid()  # last: who sees it takes the rest as it is


def run(
    delivery: Delivery,
    *,
    once: bool = False,
    clock: Callable[[], datetime] = utc_now,
    on_report: Callable[[Report], None] | None = None,
    stop_within: float = STOP_WITHIN,
) -> Report:
    """Deliver in the foreground until SIGTERM or SIGINT, or until nothing is due with `once`; what was done in all.

    A signal ends it after the requests in flight, at the latest in `stop_within` seconds. With `once` an error of the
    store is raised (`OutboxUnavailable`); without, it is logged and outlived.
    """
    total = Report()
    lock = threading.Lock()
    ended: SimpleQueue[None] = SimpleQueue()  # its put may be called from a signal handler

    def note(report: Report) -> None:
        with lock:
            total.add(report)
        if on_report:
            on_report(report)

    rest = 0.0 if once else REST
    worker = Worker(delivery, clock=clock, rest=rest, once=once, on_report=note, on_end=lambda: ended.put(None))
    with _signals(lambda: ended.put(None)), frugal():
        worker.start()
        ended.get()
        worker.stop(stop_within)
    if worker.error:
        raise worker.error
    return total


@contextmanager
def _signals(stop: Callable[[], None]) -> Generator[None, None, None]:
    """SIGTERM and SIGINT call `stop`, where handlers can be set at all: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
