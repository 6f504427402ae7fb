"""The two roles of the campaign, each in a process of its own: one that tracks, one that delivers, both to be killed.

They begin in a server that forks clean processes. A process is killed from outside, at whatever instant that finds it,
or kills itself at its n-th Python call, wherever in tracking, claiming, sending or settling that is: the same n, the
same instant.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from pixeltwin import Consent, Tracker
from tests import samples

KINDS = ("reddit", "snap", "pinterest")
URL = "https://shop.example/thanks"
PATIENCE = 20.0  # seconds

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([__name__])


def begin(role: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that has just begun to act."""
    ready = processes.Event()
    process = processes.Process(target=role, args=(ready, *arguments), daemon=True)
    process.start()
    assert ready.wait(PATIENCE), f"{role.__name__} did not begin"
    return process


def tracker(outbox: str, sandbox: str, clock: Callable[[], datetime]) -> Tracker:
    """The three platforms, played by the sandbox."""
    return Tracker(samples.platforms(sandbox), secret_keys=[samples.KEY], outbox=outbox, clock=clock)


def going_on(now: datetime) -> Callable[[], datetime]:
    """A clock that goes on from `now`."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def drain(ours: Tracker, clock: samples.Clock) -> None:
    """Deliver all that waits, at the time it waits for."""
    for _ in range(20_000):
        due = ours.delivery.next_due(clock.now)
        if due is None:
            return
        clock.now = max(due, clock.now + timedelta(milliseconds=100))
        ours.deliver()
    raise AssertionError(f"it does not end: {ours.outbox.counts()}")


def shop(
    ready: Event, outbox: str, sandbox: str, log: str, now: datetime, first: int, many: int, dies_at: int | None
) -> None:
    """Track so many purchases, and note each order once it is stored: by a line that outlives this process."""
    logging.disable()
    ours = tracker(outbox, sandbox, going_on(now))
    notes = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ready.set()
    _mortal(dies_at)
    for order in range(first, first + many):
        done = ours.track(
            samples.purchase(f"order-{order}"), visitor=samples.visitor(), consent=Consent.granted(), source_url=URL
        )
        if done.stored:
            os.write(notes, f"{done.id}\n".encode())
    _immortal()
    ours.close()


def courier(ready: Event, outbox: str, sandbox: str, now: datetime, dies_at: int | None) -> None:
    """Deliver what is due, in two passes."""
    logging.disable()
    ours = tracker(outbox, sandbox, going_on(now))
    ready.set()
    _mortal(dies_at)
    for _ in range(2):
        ours.deliver()
    _immortal()
    ours.close()


def _mortal(dies_at: int | None) -> None:
    """From now on every Python call of every thread counts; the process kills itself at this one."""
    if dies_at is None:
        return
    calls = count(1)

    def tick(frame: object, event: str, argument: object) -> None:
        if event == "call" and next(calls) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(tick)
    sys.setprofile(tick)


def _immortal() -> None:
    threading.setprofile(None)
    sys.setprofile(None)
