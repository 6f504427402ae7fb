"""What runs in processes of their own in the outbox tests. They begin in a server that forks clean ones: no threads."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from pixeltwin import Consent, Conversion, Purchase, Reddit, Tracker, Visitor
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.outbox import Settlement, open_outbox
from tests.outboxes import BLUE, NOW, RED, new

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([__name__])


def start(work: Callable[..., None], *args: object) -> BaseProcess:
    process = processes.Process(target=work, args=args, daemon=True)
    process.start()
    return process


def run(work: Callable[..., None], *args: object, seconds: float = 60) -> None:
    """Run to the end, which must be a good one."""
    process = start(work, *args)
    process.join(seconds)
    assert process.exitcode == 0, f"{work.__name__} ended with {process.exitcode}"


def tracking(url: str) -> Tracker:
    """A tracker with one platform and no worker."""
    reddit = Reddit(pixel_id="a2_shop", access_token="t")
    return Tracker([reddit], secret_keys=["k" * 32], outbox=url, clock=lambda: NOW)


def track(tracker: Tracker, order: int, **options: Any) -> Conversion:
    return tracker.track(
        Purchase(order_id=str(order), value="1", currency="EUR"),
        visitor=Visitor(email="jane@shop.example", click_ids={"reddit": "1"}),
        consent=Consent.granted(),
        source_url="https://shop.example/",
        **options,
    )


def _say(log: int, words: object) -> None:
    """One line that stays even if this process is killed at the next instruction."""
    os.write(log, f"{words}\n".encode())


def _log(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def write_for_ever(url: str, log_path: str, first: int) -> None:
    """Put rows and log each number once it was put, until killed."""
    outbox, log = open_outbox(url), _log(log_path)
    outbox.set_destinations([RED, BLUE])
    for number in count(first):
        with suppress(OutboxUnavailable):  # on a busy machine the lock may be held too long: it is not acknowledged
            outbox.put(new(number), now=NOW)
            _say(log, number)


def work_for_ever(url: str, log_path: str, destination: str) -> None:
    """Claim and settle rows and log each id once it was settled, until killed."""
    outbox, log = open_outbox(url), _log(log_path)
    outbox.set_destinations([RED, BLUE])
    while True:
        with suppress(OutboxUnavailable):
            claims = outbox.claim(destination, now=NOW, limit=5)
            settlements = [Settlement(claim.row.seq, claim.lease, "delivered") for claim in claims]
            if outbox.settle(destination, settlements, now=NOW) == len(claims):
                for claim in claims:
                    _say(log, claim.row.id)


def write_together(url: str, barrier: Barrier, first: int, rows: int) -> None:
    """Put rows beside other processes that begin at the same moment, with the file not there yet."""
    outbox = open_outbox(url)
    outbox.set_destinations([RED, BLUE])
    barrier.wait()
    for number in range(first, first + rows):
        outbox.put(new(number), now=NOW)


def write_for_a_while(url: str, barrier: Barrier, log_path: str, first: int, seconds: float) -> None:
    """Put rows beside others that do, with as much time between them as a row takes, and log how many there were. An
    error ends it badly."""
    outbox, log = open_outbox(url), _log(log_path)
    outbox.set_destinations([RED, BLUE])
    outbox.get([])
    barrier.wait()
    end = time.monotonic() + seconds
    for number in count(first):
        outbox.put(new(number), now=NOW)
        time.sleep(0.0001)
        if time.monotonic() > end:
            _say(log, number - first)
            return


def fork_while_threads_write(url: str, forks: int, rows: int) -> None:
    """Fork again and again from a process whose other thread is writing all the time; every child writes, too."""
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
    outbox = open_outbox(url)
    outbox.set_destinations([RED, BLUE])
    enough = threading.Event()

    def write() -> None:
        for number in count(1_000_000):
            outbox.put(new(number, unique=None), now=NOW)
            if enough.is_set():
                break

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    children: list[int] = []
    for child in range(forks):
        outbox.put(new(500_000 + child), now=NOW)
        can_see = _holds_locks()
        pid = os.fork()
        if pid == 0:
            _put_and_exit(outbox.put, child * rows, rows, can_see)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    enough.set()
    thread.join()
    assert codes == [0] * forks


def _put_and_exit(put: Callable[..., object], first: int, rows: int, can_see: bool) -> None:
    try:
        for number in range(first, first + rows):
            put(new(number), now=NOW)
        # SQLite in a child that inherited a connection takes the parent's locks for its own, and so has none.
        os._exit(2 if can_see and not _holds_locks() else 0)
    except BaseException as error:
        print("child:", repr(error))
        os._exit(1)


def _holds_locks() -> bool:
    """Whether the system knows of a file lock of this process; False where it does not tell."""
    locks = Path("/proc/locks")
    return locks.exists() and f" {os.getpid()} " in locks.read_text()


def write_as_nobody(folder: str) -> None:
    """Put into a folder that belongs to somebody else."""
    outbox = open_outbox(f"sqlite:///{folder}/outbox.db")
    if os.getuid() == 0:
        os.setuid(65534)
    with pytest.raises(OutboxUnavailable, match=f"{folder}.*allowed to write there"):
        outbox.put(new(), now=NOW)


def write_to_a_file_of_somebody_else(folder: str) -> None:
    """Track into an outbox that only its owner may write."""
    tracker = tracking(f"sqlite:///{folder}/outbox.db")
    words = "must be allowed to write the file and its folder"
    if os.getuid() == 0:
        os.setuid(65534)
        words = "belongs to root, and this process runs as nobody"
    assert not track(tracker, 1).stored
    assert tracker.losses.snapshot()["", "fault: outbox"] == 1
    with pytest.raises(OutboxUnavailable, match=words):
        tracker.outbox.put(new(), now=NOW)


def fill_the_disk(url: str, log_path: str) -> None:
    """Put rows until no file may grow, then go on with more room."""
    outbox, log = open_outbox(url), _log(log_path)
    outbox.set_destinations([RED])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    refused = 0
    for number in range(2000):
        try:
            outbox.put(new(number, visitor=b"v" * 1000), now=NOW)
            _say(log, number)
        except OutboxUnavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused > 100
    outbox.put(new(9999), now=NOW)
    _say(log, 9999)
