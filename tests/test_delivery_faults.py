"""Delivery when it does not work: nothing is lost, nobody is held back, and an outage is cheap."""

from __future__ import annotations

import logging
import socket
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest

from pixeltwin.delivery import Timeouts
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.outbox import Outbox
from pixeltwin.outbox.contract import LEASE
from pixeltwin.sending.backoff import CAP
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, rows, states
from tests.local_vendor import NOW, TOKEN, Answer, Events, Vendor, conversion, ok, put, says

FIXTURES = (memory_outbox, local_vendor)
SOON = Timeouts(read=0.3, total=0.6)  # for servers that never answer, or never end


@pytest.mark.parametrize("named", ["30", format_datetime(NOW + 30 * SECOND, usegmt=True)])
def test_retry_after_is_obeyed(outbox: Outbox, vendor: Vendor, named: str) -> None:
    """Nothing is asked of a destination before the time it named, in seconds or as a date, and all right then."""
    vendor.script = says(429, Retry_After=named)
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert report.destinations["local"].waits_until == NOW + 30 * SECOND
    assert sender.next_due(NOW) == NOW + 30 * SECOND
    put(outbox, conversion(2))
    vendor.script = ok
    assert not sender.deliver(NOW + 29.9 * SECOND)
    assert sender.deliver(NOW + 30 * SECOND).delivered == 2
    assert vendor.ids == ["id-1", "id-1", "id-2"]


def test_an_outage_costs_one_probe_a_wait(outbox: Outbox, vendor: Vendor) -> None:
    """A day of errors with a queue of 1000 costs a probe of one event a wait, ever longer to five minutes, and then
    everything arrives with its id and its time."""
    vendor.script = says(500, b"oh no")
    sender = delivery(outbox, vendor.platform())
    for number in range(1000):
        put(outbox, conversion(number))
    now, waits = NOW, []
    while now < NOW + timedelta(days=1):
        assert sender.deliver(now).requests == 1
        due = sender.next_due(now)
        assert due is not None
        assert not sender.deliver(due - timedelta(milliseconds=1))
        waits.append((due - now).total_seconds())
        now = due
    assert waits[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert set(waits[9:]) == {CAP}
    assert {len(events) for events in vendor.requests[1:]} == {1}
    assert all(row.reason in ("", "HTTP 500: oh no") for row in rows(outbox).values())
    vendor.script, began = ok, len(vendor.requests)
    for minute in range(6):
        sender.deliver(now + minute * 60 * SECOND)
    assert states(outbox) == {"delivered": 1000}
    recovered = vendor.requests[began:]
    assert sorted(event["id"] for events in recovered for event in events) == sorted(f"id-{n}" for n in range(1000))
    assert {event["at"] for events in recovered for event in events} == {NOW.isoformat()}
    assert len(recovered) < 25


def test_an_event_that_breaks_the_platform_holds_back_nobody(outbox: Outbox, vendor: Vendor) -> None:
    """One event that the platform answers with a 500, alone or in company, delays the others by seconds only."""

    def script(events: Events) -> Answer:
        return (500, {}, b"") if any(event["id"] == "id-70" for event in events) else ok(events)

    vendor.script = script
    sender = delivery(outbox, vendor.platform(), random=Random(1))
    for number in range(300):
        put(outbox, conversion(number))
    for second in range(20):
        sender.deliver(NOW + second * SECOND)
    assert states(outbox) == {"delivered": 299, "waiting": 1}
    assert rows(outbox)["id-70"].state == "waiting"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "network: ReadTimeout"),
        ("drip", "network: the answer takes too long"),
        ("drip header", "network: the answer takes too long"),
        ("short", "network: RemoteProtocolError"),
        ("reset", "network: ReadError"),
        ((200, {}, b"<html>all is well</html>"), "not understood: <html>all is well</html>"),
        ((200, {}, b'["ok", "ok"]'), "HTTP 200: an answer for 2 events, not 1"),
        ((400, {}, b"[]"), "HTTP 400: unreadable answer (AttributeError)"),
        ((502, {}, b"Bad Gateway"), "HTTP 502: Bad Gateway"),
    ],
)
def test_whatever_is_no_answer_is_tried_again(outbox: Outbox, vendor: Vendor, fault: Answer, reason: str) -> None:
    """Silence, dripping, cut off, reset, garbage and wrong counts leave the event waiting, to be sent with its id."""
    vendor.script = lambda events: fault
    endless = fault in ("hang", "drip", "drip header")
    sender = delivery(outbox, vendor.platform(), timeouts=SOON if endless else Timeouts())
    put(outbox, conversion(1))
    sender.deliver(NOW)
    row = rows(outbox)["id-1"]
    assert (row.state, row.attempts, row.due_at) == ("waiting", 1, NOW + SECOND)
    assert row.reason.startswith(reason)
    vendor.script = ok
    delivery(outbox, vendor.platform()).deliver(NOW + SECOND)
    assert rows(outbox)["id-1"].state == "delivered"
    assert vendor.ids == ["id-1", "id-1"]


def test_nobody_there(outbox: Outbox) -> None:
    """Where nothing listens the event waits, and the reason names the fault but not the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with Vendor() as elsewhere:
            platform = elsewhere.platform(api_url=f"http://127.0.0.1:{free.getsockname()[1]}")
        sender = delivery(outbox, platform)
        put(outbox, conversion(1))
        sender.deliver(NOW)
    assert rows(outbox)["id-1"].reason == "network: ConnectError (ConnectionRefusedError)"


def test_a_hanging_destination_holds_back_no_other(outbox: Outbox, vendor: Vendor) -> None:
    """While one destination is silent the others get theirs in the same pass."""
    with Vendor(lambda events: "hang") as silent:
        slow, good = silent.platform("slow", name="slow"), vendor.platform()

        def script(events: Events) -> Answer:
            assert silent.wait_for(1)
            return ok(events)

        vendor.script = script
        sender = delivery(outbox, slow, good, timeouts=Timeouts(read=2.0))
        put(outbox, conversion(1))
        report = sender.deliver(NOW)
    assert {row.destination: row.state for row in outbox.deliveries()} == {
        "local:slow": "waiting",
        "local:a1": "delivered",
    }
    assert report.destinations["slow"].trouble.startswith("network: ReadTimeout")
    assert report.destinations["slow"].waits_until


def test_a_wrong_token_pauses_and_burns_nothing(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """With a wrong token the events wait untried, the destination is probed after a minute and then less often, it is
    said once, and a process with other settings tries at once."""
    vendor.script = says(401, b"invalid token")
    sender = delivery(outbox, vendor.platform())
    for number in range(50):
        put(outbox, conversion(number))
    probes: list[float] = []
    for second in range(0, 1200, 10):
        if sender.deliver(NOW + second * SECOND).requests:
            probes.append(second)
    assert probes == [0, 60, 180, 420, 720, 1020]
    assert states(outbox) == {"pending": 50}
    assert {row.attempts for row in outbox.deliveries(limit=50)} == {0}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "local is paused" in caplog.text
    assert "HTTP 401: invalid token" in caplog.text
    assert sender.deliver(NOW + 1200 * SECOND).destinations["local"].trouble == "HTTP 401: invalid token"
    vendor.script = ok
    assert not delivery(outbox, vendor.platform()).deliver(NOW + 1200 * SECOND), "the same settings"
    assert delivery(outbox, vendor.platform(access_token="another")).deliver(NOW + 1200 * SECOND).delivered == 50


def test_a_paused_destination_resumes(outbox: Outbox, vendor: Vendor) -> None:
    """When a probe is answered the pause is over, and everything goes in the same pass."""
    vendor.script = says(401)
    sender = delivery(outbox, vendor.platform())
    for number in range(50):
        put(outbox, conversion(number))
    sender.deliver(NOW)
    vendor.script = ok
    assert sender.deliver(NOW + 60 * SECOND).delivered == 50


@pytest.mark.parametrize("token", ["line\nbreak-secret", "ümlaut-secret"])
def test_a_token_that_http_cannot_carry_pauses(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    """A token with a stray character is a wrong setting: said without quoting it, and no event is burnt."""
    caplog.set_level(logging.DEBUG)
    sender = delivery(outbox, vendor.platform(access_token=token))
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].state == "pending"
    assert "check the access token" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("api_url", ["vendor.invalid", "http://:::", "ftp://vendor.invalid"])
def test_an_address_that_is_none_pauses(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, api_url: str
) -> None:
    """An API address that is no URL is a wrong setting: said with what to check, and no event is burnt."""
    sender = delivery(outbox, vendor.platform(api_url=api_url))
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].state == "pending"
    assert "check api_url=" in caplog.text


def test_a_failing_token_callable_is_tried_again(outbox: Outbox, vendor: Vendor) -> None:
    """A token that cannot be had just now is an outage, not a lost event."""
    faults = [OSError("the vault at https://secret is down")]

    def token() -> str:
        if faults:
            raise faults.pop()
        return TOKEN

    sender = delivery(outbox, vendor.platform(access_token=token))
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert (rows(outbox)["id-1"].state, rows(outbox)["id-1"].reason) == ("waiting", "request error: OSError")
    assert sender.deliver(NOW + SECOND).delivered == 1


def test_the_last_try_is_before_the_event_is_too_old(outbox: Outbox, vendor: Vendor) -> None:
    """A wait never outlasts the platform's maximum age: there is a try at the end of it, and then the row expires."""
    vendor.script = says(503, Retry_After="3600")
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    end = NOW + timedelta(days=7)
    sender.deliver(end - 60 * SECOND)
    assert rows(outbox)["id-1"].due_at == end
    sender.deliver(end + timedelta(hours=1))
    assert rows(outbox)["id-1"].state == "expired"
    assert rows(outbox)["id-1"].reason.startswith("too_old: ")
    assert len(vendor.requests) == 1


def test_an_outcome_the_store_could_not_take_is_kept(outbox: Outbox, vendor: Vendor) -> None:
    """When the store fails right after a send, the next pass records the outcome and does not send again."""
    real, faults = outbox.settle, [OutboxUnavailable("locked")]

    def settle(destination: str, settlements: Any, *, now: datetime) -> int:
        if faults:
            raise faults.pop()
        return real(destination, settlements, now=now)

    outbox.settle = settle  # type: ignore[method-assign]
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    with pytest.raises(OutboxUnavailable):
        sender.deliver(NOW)
    assert states(outbox) == {"claimed": 1}
    sender.deliver(NOW + SECOND)
    assert states(outbox) == {"delivered": 1}
    assert vendor.ids == ["id-1"]


def test_nothing_is_sent_under_a_lease_about_to_end(outbox: Outbox, vendor: Vendor) -> None:
    """A batch that took long gives back what it has not sent, lest another worker send the same beside it."""
    elapsed = [0.0]

    def script(events: Events) -> Answer:
        elapsed[0] += LEASE.total_seconds() - 1
        return ok(events)

    vendor.script = script
    sender = delivery(outbox, vendor.platform(), stopwatch=lambda: elapsed[0])
    put(outbox, conversion(1))
    put(outbox, conversion(2, action_source="offline"))
    report = sender.deliver(NOW, limit=2)
    assert states(outbox) == {"delivered": 1, "pending": 1}
    assert report.requests == 1


def test_a_stop_ends_a_pass_between_requests(outbox: Outbox, vendor: Vendor) -> None:
    """Asked to stop, a pass finishes the request in flight, records it, and gives the rest back untried."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    put(outbox, conversion(2, action_source="offline"))
    put(outbox, conversion(3))
    sender.deliver(NOW, stop=lambda: bool(vendor.requests))
    assert states(outbox) == {"delivered": 2, "pending": 1}
