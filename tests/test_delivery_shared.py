"""Many workers at one destination: they share its rate and its breaker, and what they know of its clock and queue."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pixeltwin.conversion import Conversion
from pixeltwin.outbox import Outbox, open_outbox
from pixeltwin.sending.crew import HANDS
from pixeltwin.sending.standing import Standing
from pixeltwin.sending.turn import Turn
from pixeltwin.worker import run, utc_now
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, states
from tests.local_vendor import NOW, TOKEN, Answer, Events, Local, Script, Vendor, conversion, ok, put, says

FIXTURES = (memory_outbox, local_vendor)
ROOT = Path(__file__).resolve().parent.parent
HOUR = timedelta(hours=1)


def taking(**headers: str) -> Script:
    """Takes every event, with these headers."""
    return lambda events: (200, headers, b"[" + b",".join([b'"ok"'] * len(events)) + b"]")


def standing(outbox: Outbox) -> Standing:
    """What is kept of the one destination."""
    return Standing.from_bytes(outbox.shared().get("local:a1"))


# --- rate and breaker -----------------------------------------------------------------------------------------------


def test_many_workers_keep_one_rate(outbox: Outbox, vendor: Vendor) -> None:
    """Four workers together make as many requests a second as the platform allows one."""
    platform = vendor.platform()
    platform.rate, platform.max_batch = 3.0, 1  # type: ignore[misc]
    workers = [delivery(outbox, platform) for _ in range(4)]
    for number in range(20):
        put(outbox, conversion(number))
    for turn in range(5):
        assert sum(worker.deliver(NOW + turn * 1.1 * SECOND).requests for worker in workers) == 3
    assert states(outbox) == {"delivered": 15, "pending": 5}


def test_a_request_that_leaves_late_counts_when_it_leaves(outbox: Outbox, vendor: Vendor) -> None:
    """Where events took long to make ready, the request counts for the second in which it leaves."""
    elapsed = [0.0]

    class Slow(Local):
        rate = 5.0

        def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, Any]:
            elapsed[0] += 0.4
            return super().server_event(conversion, now)

    sender = delivery(outbox, Slow(account="a1", access_token=TOKEN, api_url=vendor.url), stopwatch=lambda: elapsed[0])
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert [at for at, _ in standing(outbox).sent] == [NOW + 0.4 * SECOND]


def test_a_wait_is_counted_from_the_answer(outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the store takes before the request, a platform that asks for ten seconds is left alone for ten."""
    elapsed = [0.0]
    sender = delivery(outbox, vendor.platform(), stopwatch=lambda: elapsed[0])
    watch = sender.watch

    def slow(*args: Any, **options: Any) -> None:
        elapsed[0] += 5.0
        watch(*args, **options)

    monkeypatch.setattr(sender, "watch", slow)
    vendor.script = lambda events: (503, {"Retry-After": "10"}, b"")
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert standing(outbox).shut_until == NOW + 15 * SECOND


def test_a_worker_tells_the_time_when_it_sends(outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker asks the store before its pass shortens no wait either."""
    elapsed, next_due = [0.0], outbox.next_due

    def slow(*args: Any, **options: Any) -> datetime | None:
        elapsed[0] += 5.0
        return next_due(*args, **options)

    monkeypatch.setattr(outbox, "next_due", slow)
    vendor.script = lambda events: (503, {"Retry-After": "10"}, b"")
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    run(sender, once=True, clock=lambda: NOW + elapsed[0] * SECOND)
    assert standing(outbox).shut_until == NOW + 15 * SECOND


def test_an_outage_costs_all_workers_together_one_probe(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """While a destination is down its workers make one request a wait between them, of one event, and say it once; when
    one is answered, all go on at once and that too is said once."""
    caplog.set_level(logging.INFO)
    vendor.script = says(503, b"down")
    workers = [delivery(outbox, vendor.platform()) for _ in range(4)]
    for number in range(100):
        put(outbox, conversion(number))
    for second in range(64):
        for worker in workers:
            worker.deliver(NOW + second * SECOND)
    assert len(vendor.requests) == 7, "at 0, 1, 3, 7, 15, 31 and 63 seconds"
    assert {len(events) for events in vendor.requests[1:]} == {1}
    vendor.script = ok
    assert workers[2].deliver(NOW + 127 * SECOND).delivered
    put(outbox, conversion(100))
    assert workers[3].deliver(NOW + 127 * SECOND)
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
        "local does not take events now; they wait and are tried again",
        "local takes events again",
    ]


def test_a_worker_that_dies_with_the_probe_frees_it(outbox: Outbox, vendor: Vendor) -> None:
    """A probe whose worker was killed in the middle of it is lost for a minute and not for ever."""

    def token() -> str:
        if vendor.requests:
            raise SystemExit
        return TOKEN

    dead, alive = delivery(outbox, vendor.platform(access_token=token)), delivery(outbox, vendor.platform())
    vendor.script = says(503)
    put(outbox, conversion(1))
    put(outbox, conversion(2))
    dead.deliver(NOW)
    with pytest.raises(SystemExit):
        dead.deliver(NOW + SECOND)
    vendor.script = ok
    assert not alive.deliver(NOW + 60 * SECOND)
    assert alive.deliver(NOW + 61 * SECOND).delivered == 2


def test_a_wrong_token_pauses_all(outbox: Outbox, vendor: Vendor) -> None:
    """What one worker learns of a wrong token keeps the others from asking; nothing of the token is kept."""
    vendor.script = says(401, b"invalid token")
    workers = [delivery(outbox, vendor.platform()) for _ in range(3)]
    put(outbox, conversion(1))
    for second in range(59):
        for worker in workers:
            worker.deliver(NOW + second * SECOND)
    assert len(vendor.requests) == 1
    assert (standing(outbox).state, standing(outbox).since) == ("paused", NOW)
    assert TOKEN.encode() not in json.dumps(outbox.shared()["local:a1"].decode()).encode()


def test_another_token_ends_a_pause_at_once(outbox: Outbox, vendor: Vendor) -> None:
    """A token callable that has another one by now is asked for again at once; one that always has another is not
    asked for more often than every ten seconds."""
    tokens = ["wrong"]
    vendor.script = says(401)
    sender = delivery(outbox, vendor.platform(access_token=lambda: tokens[0]))
    put(outbox, conversion(1))
    sender.deliver(NOW)
    asked = [0]
    for second in range(1, 40):
        tokens[0] = f"wrong {second}"
        if sender.deliver(NOW + second * SECOND).requests:
            asked.append(second)
    assert asked == [0, 1, 11, 21, 31]
    vendor.script = ok
    tokens[0] = "right"
    assert sender.deliver(NOW + 41 * SECOND).delivered == 1


def test_a_person_ends_a_pause_at_once(outbox: Outbox, vendor: Vendor) -> None:
    """Whoever resumes a destination through the outbox has all workers ask again, with one event first."""
    vendor.script = says(401)
    sender = delivery(outbox, vendor.platform())
    for number in range(5):
        put(outbox, conversion(number))
    sender.deliver(NOW)
    vendor.script = ok
    assert not sender.deliver(NOW + SECOND)
    outbox.share("local:a1", lambda kept: Standing.from_bytes(kept).resumed().to_bytes())
    assert sender.deliver(NOW + SECOND).delivered == 5
    assert [len(events) for events in vendor.requests] == [5, 1, 4]


def test_an_idle_pass_leaves_no_trace(outbox: Outbox, vendor: Vendor) -> None:
    """A pass that finds nothing to send uses up nothing of the rate."""
    sender = delivery(outbox, vendor.platform())
    sender.deliver(NOW)
    assert standing(outbox).sent == ()


PROCESS = """
import sys
import threading
from pixeltwin.delivery import Delivery
from pixeltwin.outbox import open_outbox
from pixeltwin.worker import run
from tests.local_vendor import Local
platform = Local(account="a1", access_token="t", api_url=sys.argv[1])
outbox = open_outbox(sys.argv[2])
outbox.set_destinations([platform.destination])
run(Delivery([platform], outbox))
"""


@pytest.mark.slow
def test_two_processes_share_an_outage(vendor: Vendor, tmp_path: Path) -> None:
    """Two processes on one SQLite outbox make one probe of one event a wait between them while the platform is down,
    and both go on within seconds of its recovery."""
    url, began = f"sqlite:///{tmp_path}/outbox.db", time.monotonic()
    outbox = open_outbox(url)
    outbox.set_destinations(["local:a1"])
    for number in range(300):
        put(outbox, conversion(number, occurred_at=utc_now()), now=utc_now())
    asked: list[tuple[float, int]] = []

    def down(events: Events) -> Answer:
        asked.append((time.monotonic() - began, len(events)))
        return 503, {"Retry-After": "1"}, b""

    vendor.script = down
    command = [sys.executable, "-W", "ignore", "-c", PROCESS, vendor.url, url]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    try:
        assert vendor.wait_for(5, timeout=30.0)
        vendor.script = ok
        until = time.monotonic() + 20.0
        while states(outbox) != {"delivered": 300} and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10.0)
    assert states(outbox) == {"delivered": 300}
    # Both may have been under way when the first failure was heard; from then on a second lies between any two.
    probes = [when for when, many in asked if many == 1]
    assert len(probes) >= len(asked) - 2
    assert all(later - earlier > 0.8 for earlier, later in pairwise(probes))
    outbox.close()


# --- what answers tell beside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"},
        {"X-RateLimit-Remaining": '0, 0;w=60;name="account"', "X-RateLimit-Reset": "30"},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"},
        {"RateLimit": "limit=10, remaining=0, reset=30"},
        {"RateLimit": '"default";r=0;t=30'},
        {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(NOW.timestamp()) + 30),
            "Date": format_datetime(NOW),
        },
    ],
)
def test_when_nothing_remains_the_reset_is_waited_for(
    outbox: Outbox, vendor: Vendor, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that says that no request remains keeps all workers waiting until the reset; it is no trouble."""
    vendor.script = taking(**headers)
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert (report.delivered, report.destinations["local"].waits_until) == (1, NOW + 30 * SECOND)
    for number in range(2, 5):
        put(outbox, conversion(number))
    other = delivery(outbox, vendor.platform())
    assert not other.deliver(NOW + 29 * SECOND)
    assert (other.deliver(NOW + 30 * SECOND).delivered, len(vendor.requests)) == (3, 2)
    assert standing(outbox).state == "open"
    assert not caplog.records


@pytest.mark.parametrize(
    "headers", [{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "30"}, {"RateLimit": "r=7;t=9"}]
)
def test_what_remains_is_used(outbox: Outbox, vendor: Vendor, headers: dict[str, str]) -> None:
    """As long as requests remain, nobody waits for a reset."""
    vendor.script = taking(**headers)
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert (report.delivered, report.destinations["local"].waits_until) == (1, None)


@pytest.mark.parametrize(("ahead", "told"), [(0, None), (1, None), (5, 4.0), (90, 89.0), (-1, -1.0), (-90, -90.0)])
def test_a_wrong_clock_is_told(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, ahead: int, told: float | None
) -> None:
    """The platform's Date tells how far this machine's clock is off, to the second; more than a minute is said once."""
    vendor.script = taking(Date=format_datetime(NOW - ahead * SECOND))
    sender = delivery(outbox, vendor.platform())
    for number in range(3):
        put(outbox, conversion(number))
        sender.deliver(NOW)
    assert standing(outbox).skew == told
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (abs(ahead) > 60)
    assert all("Synchronise it (NTP)" in text for text in said)


def test_when_it_was_heard_of_is_known(outbox: Outbox, vendor: Vendor) -> None:
    """The time of the last answer and of the last event taken are kept, to the second."""
    sender = delivery(outbox, vendor.platform())
    for second in range(3):
        put(outbox, conversion(second))
        sender.deliver(NOW + second * SECOND)
    assert (standing(outbox).heard_at, standing(outbox).took_at) == (NOW + 2 * SECOND, NOW + 2 * SECOND)
    vendor.script = says(500)
    put(outbox, conversion(9))
    sender.deliver(NOW + 9 * SECOND)
    assert (standing(outbox).heard_at, standing(outbox).took_at) == (NOW + 9 * SECOND, NOW + 2 * SECOND)


def test_an_answer_costs_the_store_nothing(outbox: Outbox, vendor: Vendor) -> None:
    """A request to a destination that works costs one transaction for its standing, before it, and one a second."""
    shared: list[str] = []
    real = outbox.share

    def share(destination: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        shared.append(destination)
        return real(destination, change)

    outbox.share = share  # type: ignore[method-assign]
    sender = delivery(outbox, vendor.platform())
    for number in range(10):
        put(outbox, conversion(number))
        sender.deliver(NOW)
    assert len(shared) == 11


# --- lateness ---------------------------------------------------------------------------------------------------------


def test_events_that_wait_too_long_are_said(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Each age that means trouble for a platform is said once by all workers, with what it means, and so is its end."""
    caplog.set_level(logging.INFO)
    vendor.script = says(503, Retry_After="600")
    platform = vendor.platform()
    platform.late_after = ((HOUR, "an hour is late"), (24 * HOUR, "a day is very late"))  # type: ignore[misc]
    workers = [delivery(outbox, platform) for _ in range(2)]
    put(outbox, conversion(1))
    for minute in range(0, 26 * 60, 10):
        for worker in workers:
            worker.watch(NOW + timedelta(minutes=minute))
            worker.deliver(NOW + timedelta(minutes=minute))
    vendor.script = ok
    workers[0].deliver(NOW + 27 * HOUR)
    workers[0].watch(NOW + 28 * HOUR)
    said = [record.getMessage() for record in caplog.records if "wait" in record.getMessage()][1:]
    assert said == [
        "local: the oldest waiting event is 1:10:00 old. an hour is late",
        "local: the oldest waiting event is 1 day, 0:10:00 old. a day is very late",
        "local: no event waits too long any more",
    ]


# --- a queue ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "most"), [(0.0, 1), (0.06, HANDS)])
def test_a_queue_for_a_far_platform_goes_side_by_side(
    outbox: Outbox, vendor: Vendor, seconds: float, most: int
) -> None:
    """Where answers take long a few requests are under way at once, each event in one of them; where they come at once
    one is enough."""
    under_way, seen, lock = [0], [0], threading.Lock()

    def script(events: Events) -> Answer:
        with lock:
            under_way[0] += 1
            seen[0] = max(seen[0], under_way[0])
        time.sleep(seconds)
        with lock:
            under_way[0] -= 1
        return ok(events)

    vendor.script = script
    platform = vendor.platform()
    platform.max_batch = 20  # type: ignore[misc]
    sender = delivery(outbox, platform, stopwatch=time.monotonic if seconds else lambda: 0.0)
    for number in range(230):
        put(outbox, conversion(number))
    report = sender.deliver(NOW)
    assert (report.delivered, report.requests, seen[0]) == (230, 12, most)
    assert sorted(vendor.ids) == sorted(f"id-{number}" for number in range(230))


def test_a_platform_is_not_far_because_others_of_this_process_are_slow(
    outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long a thread waits for its turn behind an answer says nothing of the platform: no request goes beside it."""
    seconds, entered, hands = [0.0], Turn.__enter__, set()

    def waited(turn: Turn) -> None:
        seconds[0] += 0.1
        entered(turn)

    def token() -> str:  # asked for by the thread that makes the request
        hands.add(threading.current_thread().name)
        return TOKEN

    monkeypatch.setattr(Turn, "__enter__", waited)
    platform = vendor.platform(access_token=token)
    platform.max_batch = 20  # type: ignore[misc]
    sender = delivery(outbox, platform, stopwatch=lambda: seconds[0])
    for number in range(230):
        put(outbox, conversion(number))
    assert (sender.deliver(NOW).delivered, hands) == (230, {threading.current_thread().name})


def test_what_goes_wrong_in_one_of_several_requests_is_raised(outbox: Outbox, vendor: Vendor) -> None:
    """An error beside the first request is not swallowed, and the others finish what they have begun."""

    def token() -> str:
        if threading.current_thread().name == "pixeltwin-hand":
            raise SystemExit
        return TOKEN

    def script(events: Events) -> Answer:
        time.sleep(0.06)
        return ok(events)

    vendor.script = script
    platform = vendor.platform(access_token=token)
    platform.max_batch = 20  # type: ignore[misc]
    sender = delivery(outbox, platform, stopwatch=time.monotonic)
    for number in range(100):
        put(outbox, conversion(number))
    with pytest.raises(SystemExit):
        sender.deliver(NOW)
    assert states(outbox) == {"delivered": 80, "claimed": 20}
