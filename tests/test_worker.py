"""The worker: delivery in a loop, in threads of the web process or in a process of its own."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pixeltwin.conversion import Conversion
from pixeltwin.delivery import Delivery, Report
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.outbox import Outbox
from pixeltwin.sending.sole import COLLECT_EVERY
from pixeltwin.worker import STOP_WITHIN, Worker, run, utc_now
from tests.delivering import local_vendor, memory_outbox, states
from tests.local_vendor import Vendor, conversion, ok, put, says
from tests.samples import Clock

FIXTURES = (memory_outbox, local_vendor)
ROOT = Path(__file__).resolve().parent.parent
NEVER = 3600.0  # a poll this slow cannot be what delivered


@pytest.fixture
def start(outbox: Outbox) -> Iterator[Callable[..., Worker]]:
    """Makes and starts workers, and stops them after the test."""
    made: list[Worker] = []

    def start(*platforms: Any, catch_up: Callable[[datetime], object] | None = None, **options: Any) -> Worker:
        worker = Worker(delivery(outbox, *platforms, catch_up=catch_up), **{"poll": NEVER, **options})
        made.append(worker)
        worker.start()
        return worker

    yield start
    for worker in made:
        assert worker.stop(5.0)
        worker.delivery.close()


def delivery(outbox: Outbox, *platforms: Any, **options: Any) -> Delivery:
    outbox.set_destinations([one.destination for one in platforms])
    return Delivery(platforms, outbox, **options)


def store(outbox: Outbox, number: int) -> None:
    now = utc_now()
    put(outbox, conversion(number, occurred_at=now), now=now)


def eventually(condition: Callable[[], bool], timeout: float = 10.0) -> bool:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.002)
    return condition()


def test_what_is_stored_arrives_at_once(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """A conversion stored and notified arrives in milliseconds, long before any poll, and waits for no company."""
    worker = start(vendor.platform(), rest=0.0)
    store(outbox, 0)
    worker.notify()
    assert vendor.wait_for(1)
    waits: list[float] = []
    for number in range(1, 21):
        assert eventually(lambda: states(outbox).get("delivered") == len(vendor.requests))
        began = time.monotonic()
        store(outbox, number)
        worker.notify()
        assert vendor.wait_for(number + 1)
        waits.append(time.monotonic() - began)
    assert sorted(waits)[10] < 0.1
    assert [len(events) for events in vendor.requests] == [1] * 21


def test_a_rush_shares_requests(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """What is stored right after a pass waits for the end of a short rest, and goes in one request."""
    worker = start(vendor.platform(), rest=2.0)
    store(outbox, 0)
    worker.notify()
    assert eventually(lambda: states(outbox) == {"delivered": 1})
    began = time.monotonic()
    for number in range(1, 21):
        store(outbox, number)
        worker.notify()
    assert vendor.wait_for(2)
    assert time.monotonic() - began > 1.0
    assert [len(events) for events in vendor.requests] == [1, 20]


def test_a_rest_delays_no_stop(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """A worker that rests ends at once when it is told to."""
    worker = start(vendor.platform(), rest=NEVER)
    store(outbox, 0)
    worker.notify()
    assert eventually(lambda: states(outbox) == {"delivered": 1})
    assert worker.stop(5.0)


def test_a_long_queue_goes_in_portions(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """Beside a site's own requests no pass takes more than its portion, and all of the queue goes nevertheless."""
    platform = vendor.platform()
    outbox.set_destinations([platform.destination])
    for number in range(7):
        store(outbox, number)
    passes: list[int] = []
    start(platform, rest=0.0, portion=3, on_report=lambda report: passes.append(report.total()))
    assert eventually(lambda: states(outbox) == {"delivered": 7})
    assert eventually(lambda: passes == [3, 3, 1])


def test_rows_of_other_processes_are_noticed(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """Without any notice the worker finds what others stored, at its next poll."""
    start(vendor.platform(), poll=0.05)
    store(outbox, 1)
    assert vendor.wait_for(1)


def test_a_retry_comes_when_it_is_due(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """A row that waits is sent again when its time has come, without a poll or a notice."""
    vendor.script = lambda events: ok(events) if len(vendor.requests) > 1 else (503, {"Retry-After": "0.3"}, b"")
    worker = start(vendor.platform())
    store(outbox, 1)
    began = time.monotonic()
    worker.notify()
    assert eventually(lambda: states(outbox) == {"delivered": 1})
    assert time.monotonic() - began >= 0.3


def test_a_site_that_takes_its_time_with_one_destination_delays_no_other(
    outbox: Outbox, vendor: Vendor, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a `before_send` of the site's waits for something, conversions reach the other destinations."""
    monkeypatch.setattr(outbox, "one_writer", True)  # as of an SQLite file, which is delivered from in turns
    asked, over = threading.Event(), threading.Event()

    def slow(conversion: Conversion) -> Conversion:
        asked.set()
        over.wait(30)
        return conversion

    other = vendor.platform("slow", name="slow", before_send=slow)
    worker = start(other, vendor.platform())
    for number in range(3):
        store(outbox, number)
        worker.notify()
        assert asked.wait(10)
        assert vendor.wait_for(number + 1), "the other one waits for the site's code"
    over.set()
    assert eventually(lambda: states(outbox) == {"delivered": 6})


@pytest.mark.parametrize("one_writer", [False, True])
def test_a_silent_destination_delays_no_other(
    outbox: Outbox, vendor: Vendor, start: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, one_writer: bool
) -> None:
    """While one destination never answers, new conversions reach the others at once."""
    monkeypatch.setattr(outbox, "one_writer", one_writer)
    with Vendor(lambda events: "hang") as silent:
        worker = start(silent.platform("slow", name="slow"), vendor.platform())
        for number in range(5):
            store(outbox, number)
            worker.notify()
            assert vendor.wait_for(number + 1, timeout=5.0), "the silent one is waited for ten seconds"
        assert silent.wait_for(1)
        assert len(silent.requests) == 1


def test_notices_during_an_outage_cause_no_requests(
    outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]
) -> None:
    """However much is stored while a destination is shut, it is asked again only when its time has come."""
    vendor.script = says(503, Retry_After="30")
    worker = start(vendor.platform())
    store(outbox, 0)
    worker.notify()
    assert eventually(lambda: "waiting" in states(outbox))
    for number in range(1, 200):
        store(outbox, number)
        worker.notify()
    assert worker.stop(5.0)
    assert len(vendor.requests) == 1


def test_nothing_that_goes_wrong_ends_the_worker(
    outbox: Outbox, vendor: Vendor, start: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    """A store that fails, or code of the site that raises SystemExit, is logged and outlived."""
    faults: list[BaseException] = [SystemExit("jane@example.com"), OutboxUnavailable("the disk is full")]
    real = outbox.claim

    def claim(*args: Any, **options: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(*args, **options)

    outbox.claim = claim  # type: ignore[method-assign]
    worker = start(vendor.platform())
    store(outbox, 1)
    worker.notify()
    assert vendor.wait_for(1)
    assert not faults
    assert "OutboxUnavailable: the disk is full" in caplog.text
    assert "SystemExit" in caplog.text
    assert "jane" not in caplog.text


def test_notices_do_not_hammer_a_store_that_fails(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """While the store fails it is asked ever less often, however much is tracked meanwhile."""
    asked: list[float] = []

    def next_due(*args: Any, **options: Any) -> Any:
        asked.append(time.monotonic())
        raise OutboxUnavailable("the disk is full")

    outbox.next_due = next_due  # type: ignore[method-assign]
    worker = start(vendor.platform())
    assert eventually(lambda: bool(asked))
    for _ in range(200):
        worker.notify()
        time.sleep(0.001)
    assert len(asked) <= 4, "waits of 0.1 s at least"


def test_it_runs_once_a_process(vendor: Vendor, start: Callable[..., Worker]) -> None:
    """However often it is started or notified, there is one thread a destination; after a stop there is none, until it
    is started again."""
    before = threading.active_count()
    worker = start(vendor.platform(), vendor.platform("b", name="b"))
    for _ in range(3):
        worker.start()
        worker.notify()
    assert eventually(lambda: threading.active_count() >= before + 2)
    names = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("pixeltwin-") and ":" in name for name in names) == 2
    assert worker.stop(5.0)
    worker.notify()
    assert not worker.running
    worker.start()
    assert worker.running


def test_a_stop_settles_what_is_in_flight(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """The request in flight is finished and its outcome stored before a stop returns; what was not sent stays."""
    go_on = threading.Event()

    def script(events: Any) -> Any:
        go_on.wait(5.0)
        return ok(events)

    vendor.script = script
    platform = vendor.platform()
    platform.max_batch = 1  # type: ignore[misc]
    worker = start(platform)
    store(outbox, 1)
    store(outbox, 2)
    worker.notify()
    assert vendor.wait_for(1)
    threading.Timer(0.2, go_on.set).start()
    assert worker.stop(5.0)
    assert states(outbox) == {"delivered": 1, "pending": 1}


def test_a_stop_has_a_deadline(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """A destination that hangs keeps a stop waiting for its deadline and no longer."""
    vendor.script = lambda events: "hang"
    worker = start(vendor.platform())
    store(outbox, 1)
    worker.notify()
    assert vendor.wait_for(1)
    began = time.monotonic()
    assert not worker.stop(0.1)
    assert time.monotonic() - began < 5.0, "the answer is waited for ten seconds"
    vendor.closing.set()


def test_what_has_outlived_its_time_is_purged(outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]) -> None:
    """The worker looks at what waits without need and has the store erase what is over, at its start and every few
    minutes."""
    purged: list[datetime] = []

    def purge(*, now: datetime) -> int:
        purged.append(now)
        return 0

    outbox.purge = purge  # type: ignore[method-assign]
    looked: list[datetime] = []
    worker = start(vendor.platform(), vendor.platform("b", name="b"), catch_up=looked.append)
    store(outbox, 1)
    worker.notify()
    assert vendor.wait_for(2)
    assert looked == purged and len(purged) == 1


def test_a_clock_that_is_set_back_delays_no_purge_and_no_retry(
    outbox: Outbox, vendor: Vendor, start: Callable[..., Worker]
) -> None:
    """Where the clock was a day ahead while the platform was down, what waits goes as soon as it is set right."""
    vendor.script = lambda events: ok(events) if len(vendor.requests) > 1 else (503, {"Retry-After": "30"}, b"")
    clock = Clock(utc_now() + timedelta(days=1))
    start(vendor.platform(), poll=0.02, clock=clock)
    store(outbox, 1)
    assert eventually(lambda: states(outbox) == {"waiting": 1})
    clock.advance(days=-1)
    assert eventually(lambda: states(outbox) == {"delivered": 1})


# --- the process of its own -------------------------------------------------------------------------------------------


def test_run_once_delivers_what_is_due_and_ends(outbox: Outbox, vendor: Vendor) -> None:
    """For cron: everything due goes, at the platform's rate, then it returns what it did."""
    platform = vendor.platform()
    platform.max_batch, platform.rate = 10, 20.0  # type: ignore[misc]
    sender = delivery(outbox, platform)
    for number in range(250):
        store(outbox, number)
    seen: list[Report] = []
    total = run(sender, once=True, on_report=seen.append)
    sender.close()
    assert (total.delivered, total.requests) == (250, 25)
    assert sum(report.delivered for report in seen) == 250
    assert states(outbox) == {"delivered": 250}


def test_run_once_does_not_wait_for_an_outage(outbox: Outbox, vendor: Vendor) -> None:
    """For cron: a destination that is down is left for the next run."""
    vendor.script = says(503, Retry_After="30")
    sender = delivery(outbox, vendor.platform())
    store(outbox, 1)
    assert run(sender, once=True).requests == 1
    sender.close()
    assert states(outbox) == {"waiting": 1}


def test_run_once_raises_what_the_store_raises(outbox: Outbox, vendor: Vendor) -> None:
    """For cron: a store that cannot be used is an error, not an idle run."""

    def next_due(*args: Any, **options: Any) -> Any:
        raise OutboxUnavailable("no such disk")

    outbox.next_due = next_due  # type: ignore[method-assign]
    with pytest.raises(OutboxUnavailable):
        run(delivery(outbox, vendor.platform()), once=True)


def test_run_once_with_nothing_to_send_to(outbox: Outbox) -> None:
    """Without a destination there is nothing to run."""
    assert not run(delivery(outbox), once=True)


SETTING_OUT = """
import sys
from pixeltwin.delivery import Delivery
from pixeltwin.outbox import open_outbox
from pixeltwin.worker import STOP_WITHIN, Worker, run, utc_now
from tests.local_vendor import Local, conversion, put
platform = Local(account="a1", access_token="t", api_url=sys.argv[1])
outbox = open_outbox("memory:")
outbox.set_destinations([platform.destination])
delivery = Delivery([platform], outbox)
def store(number):
    put(outbox, conversion(number, occurred_at=utc_now()), now=utc_now())
"""


@contextmanager
def child(code: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own; dead at the end whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SETTING_OUT + code, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["hang", "refusing"])
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_even_in_an_outage(
    vendor: Vendor, outage: str, signal_number: signal.Signals
) -> None:
    """SIGTERM and SIGINT end `run` cleanly at its deadline of a second, whatever the platform does at that moment."""
    vendor.script = (lambda events: "hang") if outage == "hang" else says(500)
    with child("store(1); run(delivery); print('ended')", vendor.url) as process:
        assert vendor.wait_for(1, timeout=20.0)
        began = time.monotonic()
        process.send_signal(signal_number)
        out, _ = process.communicate(timeout=20.0)
        assert time.monotonic() - began < STOP_WITHIN + 7.0, "an answer is waited for ten seconds"
        assert (process.returncode, out) == (0, "ended\n")


def test_a_signal_lets_the_request_in_flight_end(vendor: Vendor) -> None:
    """SIGTERM in the middle of a request: its answer is waited for, stored and reported."""
    stopping = threading.Event()

    def script(events: Any) -> Any:
        stopping.wait(5.0)
        return ok(events)

    vendor.script = script
    with child("store(1); print(run(delivery))", vendor.url) as process:
        assert vendor.wait_for(1, timeout=20.0)
        process.send_signal(signal.SIGTERM)
        threading.Timer(0.2, stopping.set).start()
        out, _ = process.communicate(timeout=20.0)
        assert out == "local: 1 delivered, 1 request\n"


FORKING = """
import os, time
worker = Worker(delivery, poll=3600.0)
def deliver(number):
    store(number)
    worker.notify()
    until = time.monotonic() + 10.0
    while any(row.state != "delivered" for row in outbox.deliveries()):
        assert time.monotonic() < until
        time.sleep(0.005)
deliver(1)
child = os.fork()
if not child:
    deliver(2)
    assert worker.stop(5.0)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
deliver(3)
assert worker.stop(5.0)
"""


def test_a_forked_child_has_a_worker_of_its_own(vendor: Vendor) -> None:
    """After a fork, with the parent's worker running and its connection open, both deliver what they store."""
    with child(FORKING, vendor.url) as process:
        process.communicate(timeout=30.0)
        assert process.returncode == 0
    assert vendor.ids == ["id-1", "id-2", "id-3"]


FORKING_MIDWAY = """
import os, threading, time
importing = threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "httpx._transports":
            importing.set()
            time.sleep(0.3)
sys.meta_path.insert(0, Slow())
worker = Worker(delivery, poll=3600.0)
store(1)
worker.notify()
assert importing.wait(10.0)
child = os.fork()
if not child:
    store(2)
    delivery.deliver(utc_now())
    os._exit([row.state for row in outbox.deliveries()][0] != "delivered")
assert os.waitpid(child, 0)[1] == 0
worker.stop(5.0)
"""


def test_a_child_that_is_forked_while_the_first_request_is_made_delivers(vendor: Vendor) -> None:
    """A server that forks while its first event goes out has children that can send."""
    with child(FORKING_MIDWAY, vendor.url) as process:
        process.communicate(timeout=30.0)
        assert process.returncode == 0
    assert "id-2" in vendor.ids


def test_a_process_with_a_worker_ends_in_an_outage(vendor: Vendor) -> None:
    """A web process ends by itself and cleanly, although a request of its worker hangs."""
    vendor.script = lambda events: "hang"
    code = "worker = Worker(delivery); store(1); worker.notify(); sys.stdin.read()"
    with child(code, vendor.url) as process:
        assert vendor.wait_for(1, timeout=20.0)
        process.communicate(timeout=STOP_WITHIN + 7.0)
        assert process.returncode == 0


def test_a_process_that_only_delivers_looks_seldom_for_garbage(outbox: Outbox, vendor: Vendor) -> None:
    """While it delivers the collector looks seldom; afterwards, in a process that goes on, as often as before."""
    before, seen = gc.get_threshold(), list[int]()
    delivering = delivery(outbox, vendor.platform())
    store(outbox, 1)
    report = run(delivering, once=True, on_report=lambda _: seen.append(gc.get_threshold()[0]))
    delivering.close()
    assert report.delivered == 1
    assert seen == [COLLECT_EVERY]
    assert gc.get_threshold() == before
