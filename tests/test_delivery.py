"""Delivery against a real local server: what is sent, what is kept, and that the states tell the truth."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixeltwin.consent import Consent
from pixeltwin.contract import Delivered, Misconfigured, Outcome, Refused, RetryLater, collected_rules
from pixeltwin.delivery import Delivery, Report, Settled, Timeouts
from pixeltwin.errors import ConfigurationError, OutboxUnavailable
from pixeltwin.outbox import Outbox, open_outbox
from pixeltwin.outbox.contract import LEASE, Claim, DeliveryState, Stored
from pixeltwin.platforms import installed
from pixeltwin.sending.backoff import CAP, backoff
from pixeltwin.sending.gate import Gate
from pixeltwin.sending.outbound import Ready
from pixeltwin.sending.reading import read
from pixeltwin.visitor import Visitor
from tests.local_vendor import NOW, TOKEN, Answer, Events, Vendor, conversion, ok, put, says

SECOND = timedelta(seconds=1)
SOON = Timeouts(read=1.0, total=0.3)  # for servers that never answer, or never end


class Draws(Random):
    """The longest wait there is, each time."""

    def random(self) -> float:
        return 1.0


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    box = open_outbox("memory:")
    yield box
    box.close()


_made: list[Delivery] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Whatever delivery a test makes is closed after it."""
    yield
    while _made:
        _made.pop().close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        yield server


def delivery(outbox: Outbox, *platforms: Any, **options: Any) -> Delivery:
    """A delivery whose passes take no time of their own."""
    outbox.set_destinations([one.destination for one in platforms])
    made = Delivery(platforms, outbox, **{"stopwatch": lambda: 0.0, "random": Draws(), **options})
    _made.append(made)
    return made


def rows(outbox: Outbox) -> dict[str, DeliveryState]:
    """Each conversion's state, by id (there is one destination)."""
    return {row.id: row for row in outbox.deliveries(limit=10_000)}


def states(outbox: Outbox) -> Counter[str]:
    return Counter(row.state for row in outbox.deliveries(limit=10_000))


# --- what an answer means -------------------------------------------------------------------------------------------


def test_a_conversion_is_delivered_once(outbox: Outbox, vendor: Vendor) -> None:
    """What the platform took is delivered, and no later pass sends it again."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert vendor.requests == [
        [{"id": "id-1", "at": NOW.isoformat(), "email": vendor.requests[0][0]["email"], "source": "web"}]
    ]
    assert rows(outbox)["id-1"].state == "delivered"
    assert (report.delivered, report.requests, bool(report)) == (1, 1, True)
    assert not sender.deliver(NOW + timedelta(days=1))
    assert len(vendor.requests) == 1


def test_a_success_with_failures_in_it_is_no_success(outbox: Outbox, vendor: Vendor) -> None:
    """Each event gets its own answer: the refused one keeps the platform's words, the others are delivered."""
    vendor.script = lambda events: (
        200,
        {},
        json.dumps(["no such\n product" if event["id"] == "id-1" else "ok" for event in events]).encode(),
    )
    sender = delivery(outbox, vendor.platform())
    for number in range(3):
        put(outbox, conversion(number))
    report = sender.deliver(NOW)
    assert {id: (row.state, row.reason) for id, row in rows(outbox).items()} == {
        "id-0": ("delivered", ""),
        "id-1": ("refused", "no such product"),
        "id-2": ("delivered", ""),
    }
    assert report.requests == 1
    assert str(report) == "local: 2 delivered, 1 refused (no such product), 1 request"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(poison=st.integers(0, 199))
def test_one_bad_event_is_found_in_a_handful_of_requests(vendor: Vendor, poison: int) -> None:
    """Where one of 200 events voids its batch and nobody is named, at most 20 requests deliver the other 199."""

    def script(events: Events) -> Answer:
        bad = any(event["id"] == f"id-{poison}" for event in events)
        return (400, {}, b'{"error": "broken"}') if bad else ok(events)

    vendor.script, outbox = script, open_outbox("memory:")
    sender = delivery(outbox, vendor.platform())
    for number in range(200):
        put(outbox, conversion(number))
    report = sender.deliver(NOW)
    assert report.requests <= 20
    assert states(outbox) == {"delivered": 199, "refused": 1}
    assert rows(outbox)[f"id-{poison}"].reason == "broken"


def test_a_slow_rate_still_finds_the_bad_event(outbox: Outbox, vendor: Vendor) -> None:
    """Where the rate leaves fewer requests a second than the search takes, it goes on and does not begin anew."""

    def script(events: Events) -> Answer:
        return (400, {}, b'{"error": "broken"}') if events[0]["id"] == "id-0" else ok(events)

    vendor.script = script
    platform = vendor.platform()
    platform.rate = 3.0  # type: ignore[misc]
    sender = delivery(outbox, platform)
    for number in range(200):
        put(outbox, conversion(number))
    for second in range(8):
        assert sender.deliver(NOW + second * SECOND).requests <= 3
    assert states(outbox) == {"delivered": 199, "refused": 1}


def test_the_blameless_go_again_at_once(outbox: Outbox, vendor: Vendor) -> None:
    """Events voided by another one are sent again in the same pass, without the one that was named."""

    def script(events: Events) -> Answer:
        bad = [at for at, event in enumerate(events) if event["id"] in ("id-2", "id-4")]
        return (400, {}, json.dumps({"error": "bad uuid", "bad": bad}).encode()) if bad else ok(events)

    vendor.script = script
    sender = delivery(outbox, vendor.platform())
    for number in range(6):
        put(outbox, conversion(number))
    assert sender.deliver(NOW).requests == 2
    assert states(outbox) == {"delivered": 4, "refused": 2}


def test_lanes_and_batches(outbox: Outbox, vendor: Vendor) -> None:
    """No request holds events of two lanes or more of them than the platform takes, and none is left out."""
    sender = delivery(outbox, vendor.platform())
    for number in range(450):
        put(outbox, conversion(number, action_source="web" if number % 3 else "offline"))
    sender.deliver(NOW)
    assert all(len(events) <= 200 and len({event["source"] for event in events}) == 1 for events in vendor.requests)
    assert sorted(vendor.ids) == sorted(f"id-{number}" for number in range(450))


def test_a_limit_is_kept(outbox: Outbox, vendor: Vendor) -> None:
    """A pass with a limit takes so many conversions and leaves the rest for the next."""
    sender = delivery(outbox, vendor.platform())
    for number in range(5):
        put(outbox, conversion(number))
    assert sender.deliver(NOW, limit=3).delivered == 3
    assert sender.deliver(NOW).delivered == 2


_OUTCOMES = st.one_of(
    st.just(Delivered()),
    st.just(Refused("no")),
    st.just(Misconfigured("token")),
    st.builds(RetryLater, st.sampled_from([None, 0.0, 30.0]), st.just("later"), st.booleans()),
)


@given(outcomes=st.lists(_OUTCOMES, min_size=1, max_size=20), fraction=st.floats(0, 1))
def test_every_answer_accounts_for_every_event(outcomes: list[Outcome], fraction: float) -> None:
    """Whatever mixture of outcomes comes back, each event is settled or sent again, in a smaller request."""
    row = Stored(1, "x", b"", b"")
    group = [
        Ready(Claim(replace(row, seq=seq), 0, "lease", "none", None), "", b"", NOW, NOW + timedelta(days=7))
        for seq in range(len(outcomes))
    ]
    reading = read(group, outcomes, now=NOW, shut_until=NOW, fraction=fraction)
    found = [ready.claim.row.seq for ready, _ in reading.settled]
    found += [ready.claim.row.seq for part in reading.again for ready in part]
    assert sorted(found) == list(range(len(outcomes)))
    assert all(len(part) < len(group) for part in reading.again), "the same request would be made for ever"
    for ready, settlement in reading.settled:
        delivered = isinstance(outcomes[ready.claim.row.seq], Delivered)
        assert (settlement.state == "delivered") == delivered
        assert (settlement.due_at is not None) == (settlement.state in ("waiting", "pending"))


# --- when it does not work ------------------------------------------------------------------------------------------


def test_retry_after_is_obeyed(outbox: Outbox, vendor: Vendor) -> None:
    """Nothing is asked of a destination before the time it named, and everything right then."""
    vendor.script = says(429, Retry_After="30")
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
    sender = delivery(outbox, vendor.platform(), timeouts=SOON if fault in ("hang", "drip") else Timeouts())
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
    said once, and a new delivery (new settings) tries at once."""
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
    assert delivery(outbox, vendor.platform()).deliver(NOW + 1200 * SECOND).delivered == 50


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


# --- what is not sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"server": False}, "suppressed", "server_off"),
        ({"platforms": ("other",)}, "suppressed", "not_wanted"),
        ({"consent": Consent.denied()}, "suppressed", "consent_denied"),
        ({"consent": Consent.granted(platforms={"local": "denied"})}, "suppressed", "consent_denied"),
        ({"consent": Consent.granted(platforms={"local": "pending"})}, "waiting", "consent_pending"),
        ({"visitor": Visitor()}, "refused", "no_match_key"),
        ({"occurred_at": NOW - timedelta(days=7, seconds=1)}, "expired", "too_old"),
        ({"occurred_at": NOW + timedelta(hours=1)}, "waiting", "in_the_future"),
    ],
)
def test_what_may_not_go_is_kept_with_its_reason(
    outbox: Outbox, vendor: Vendor, fields: dict[str, Any], state: str, reason: str
) -> None:
    """Consent, choice, match keys and age are asked again at the moment of sending, and what stays says why."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1, **fields))
    put(outbox, conversion(2))
    report = sender.deliver(NOW)
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason.partition(":")[0]) == (state, reason)
    assert vendor.ids == ["id-2"]
    assert reason in str(report)


def test_limited_use_that_cannot_be_kept_to_is_no_consent(outbox: Outbox, vendor: Vendor) -> None:
    """A platform that cannot keep to what the visitor allowed gets nothing."""
    platform = vendor.platform()
    platform.honours = lambda consent, visitor: not platform.limited(consent)  # type: ignore[method-assign]
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=Consent.limited()))
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].state == "suppressed"
    assert not vendor.requests


WINDOW = timedelta(hours=48)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)])
@pytest.mark.parametrize("when_unsure", ["suppress", "send"])
@pytest.mark.parametrize("browser", ["none", "offered", "acknowledged"])
def test_past_the_window_nothing_is_counted_twice(
    outbox: Outbox, vendor: Vendor, late: timedelta, when_unsure: str, browser: str
) -> None:
    """Past the dedup window a server half goes only if its browser half cannot have been counted, or the caller said
    to send when that is unsure; inside the window it always goes."""
    platform = vendor.platform()
    sender = delivery(outbox, platform, when_unsure=when_unsure)
    put(outbox, conversion(1), offered=browser != "none")
    if browser == "acknowledged":
        outbox.acknowledge("id-1", [platform.destination], now=NOW)
    sender.deliver(NOW + WINDOW + late)
    stays = late and (browser == "acknowledged" or (browser == "offered" and when_unsure == "suppress"))
    row = rows(outbox)["id-1"]
    assert row.state == ("suppressed" if stays else "delivered")
    if stays:
        assert row.reason.startswith("past_window: " if browser == "acknowledged" else "past_window_unsure: ")


def test_without_a_browser_half_there_is_no_window(outbox: Outbox, vendor: Vendor) -> None:
    """A platform whose pixel is switched off cannot have counted, so its server half goes at any age it takes."""
    sender = delivery(outbox, vendor.platform(browser=False))
    put(outbox, conversion(1), offered=True)
    sender.deliver(NOW + WINDOW + SECOND)
    assert rows(outbox)["id-1"].state == "delivered"


def test_a_failing_before_send_refuses_nothing(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """A row whose mapping raises waits, longer each time, until the code is mended; the others go, and the log says
    which row and where, without what the row holds."""
    broken = True

    def before_send(one: Any) -> Any:
        if broken and one.id == "id-1":
            raise ValueError("cannot handle jane.doe@example.com")
        return None if one.id == "id-2" else one

    sender = delivery(outbox, vendor.platform(before_send=before_send))
    for number in range(4):
        put(outbox, conversion(number))
    sender.deliver(NOW)
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason, row.due_at) == ("waiting", "mapping error: ValueError", NOW + SECOND)
    assert rows(outbox)["id-2"].reason.startswith("before_send: ")
    assert sorted(vendor.ids) == ["id-0", "id-3"]
    assert "id-1" in caplog.text
    assert Path(__file__).name in caplog.text
    assert "jane" not in caplog.text
    sender.deliver(NOW + SECOND)
    assert rows(outbox)["id-1"].due_at == NOW + 3 * SECOND
    broken = False
    sender.deliver(NOW + 3 * SECOND)
    assert rows(outbox)["id-1"].state == "delivered"


def check_no_token(caplog: pytest.LogCaptureFixture, outbox: Outbox, report: Report) -> None:
    seen = [record.getMessage() for record in caplog.records]
    seen += [str(report), repr(report.destinations), *(row.reason for row in outbox.deliveries())]
    for form in (TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN)):
        assert not [text for text in seen if form in text]


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        ok,
        says(400, b'{"error": "bad request at {path}"}'),
        says(401, b"no such token: {path}"),
        says(301, b"moved", Location="https://elsewhere.invalid{path}"),
        says(502, b"cannot reach {path}"),
        says(200, json.dumps([f"wrong token {TOKEN}"]).encode(), Set_Cookie=f"t={quote(TOKEN)}"),
        lambda events: "reset",
        lambda events: "short",
    ],
)
def test_no_log_and_no_row_holds_a_token(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, script: Any
) -> None:
    """Whatever a vendor answers, even an echo of the request, the token is in no log record down to DEBUG, in no stored
    reason and in no report."""
    caplog.set_level(logging.DEBUG)
    vendor.script = script
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert vendor.requests
    check_no_token(caplog, outbox, report)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("kind", sorted(installed()))
def test_no_platform_lets_its_token_out(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, kind: str, status: int
) -> None:
    """Every platform we ship keeps its token out of logs, rows and reports, where the answer echoes the request."""
    caplog.set_level(logging.DEBUG)
    vendor.script = says(status, b"cannot serve {path} for " + TOKEN.encode(), Location="https://x.invalid{path}")
    cls = installed()[kind]
    golden = json.loads((resources.files(cls.__module__) / "golden.json").read_text(encoding="utf-8"))
    platform = cls(**{**golden["settings"], "access_token": TOKEN, "api_url": vendor.url})
    sender = delivery(outbox, platform)
    visitor = Visitor(email="jane.doe@example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0")
    for number in range(2):
        put(outbox, conversion(number, visitor=visitor.seal(collected_rules([platform]))))
    report = sender.deliver(NOW)
    assert vendor.requests
    assert not report.delivered
    check_no_token(caplog, outbox, report)


def test_the_logs_of_others_are_left_alone(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Only our own requests are kept out of httpx's logs: the site's own use of httpx is logged as before."""
    import httpx

    caplog.set_level(logging.DEBUG)
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert not [record for record in caplog.records if record.name.startswith("http")]
    with httpx.Client(trust_env=False) as client:
        client.post(f"{vendor.url}/mine", content=b"[]")
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"httpx", "httpcore"}


def test_nothing_of_the_network_is_loaded_before_it_is_needed() -> None:
    """Importing delivery and making one imports no httpx, starts no thread and opens no connection."""
    code = (
        "import sys, threading; from pixeltwin.delivery import Delivery; from pixeltwin.worker import Worker;"
        "from pixeltwin.outbox import open_outbox; Worker(Delivery([], open_outbox('memory:')));"
        "assert 'httpx' not in sys.modules; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_redirects_are_not_followed(outbox: Outbox, vendor: Vendor) -> None:
    """An answer that points elsewhere is an answer: nothing is sent to where it points."""
    with Vendor() as elsewhere:
        vendor.script = says(301, Location=elsewhere.url)
        sender = delivery(outbox, vendor.platform())
        put(outbox, conversion(1))
        sender.deliver(NOW)
        assert (len(vendor.requests), len(elsewhere.requests)) == (1, 0)


def test_no_proxy_by_surprise(outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not used."""
    with Vendor() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        sender = delivery(outbox, vendor.platform())
        put(outbox, conversion(1))
        assert sender.deliver(NOW).delivered == 1
        assert not proxy.requests


# --- pace, and what is told -----------------------------------------------------------------------------------------


@given(
    rate=st.sampled_from([0.5, 1.0, 3.0, 10.0, 2.5]),
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_second_sees_more_requests_than_the_rate(rate: float, steps: list[float]) -> None:
    """However the tries fall, any second holds at most `rate` requests (a slower rate: any 1/rate seconds hold one)."""
    gate, now, sent = Gate(rate), NOW, []
    for step in steps:
        now += timedelta(seconds=step)
        if gate.enter(now):
            sent.append(now)
        else:
            assert gate.opens_at(now) > now
            assert gate.opens_at(now) - now <= max(1.0, 1 / rate) * SECOND
    most = max(1, int(rate))
    span = timedelta(seconds=most / rate)
    for at in range(len(sent) - most):
        assert sent[at + most] - sent[at] >= span


@given(attempts=st.integers(0, 10_000), fraction=st.floats(0, 1))
def test_back_off_is_bounded(attempts: int, fraction: float) -> None:
    """A wait is never longer than its ceiling (1 s doubled a failure, five minutes at most) nor shorter than 0.1 s."""
    assert 0.1 <= backoff(attempts, fraction) <= max(0.1, min(CAP, 2.0 ** min(attempts, 60)))
    assert backoff(attempts, fraction) <= backoff(attempts + 1, fraction)


def test_a_clock_set_back_shuts_no_gate_for_long() -> None:
    """When the clock jumps back a day, a destination that was waiting is asked within the hour."""
    gate = Gate(1.0)
    assert gate.enter(NOW)
    gate.fail(NOW, after=600.0, fraction=1.0, reason="x")
    yesterday = NOW - timedelta(days=1)
    assert gate.opens_at(yesterday) == yesterday
    assert gate.enter(yesterday)


def test_the_rate_is_kept_over_passes(outbox: Outbox, vendor: Vendor) -> None:
    """A backlog goes at the platform's rate: what is over waits for the next second."""
    platform = vendor.platform()
    platform.rate, platform.max_batch = 3.0, 1  # type: ignore[misc]
    sender = delivery(outbox, platform)
    for number in range(10):
        put(outbox, conversion(number))
    assert [sender.deliver(NOW + 0.5 * half * SECOND).requests for half in range(8)] == [3, 0, 3, 0, 3, 0, 1, 0]


def test_outcomes_are_told(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Each stored state is told to `on_outcome`, and one that raises disturbs nothing."""
    told: list[Settled] = []

    def on_outcome(settled: Settled) -> None:
        told.append(settled)
        raise RuntimeError("jane.doe@example.com")

    sender = delivery(outbox, vendor.platform(), on_outcome=on_outcome)
    put(outbox, conversion(1))
    put(outbox, conversion(2, consent=Consent.denied()))
    sender.deliver(NOW)
    assert {(one.platform, one.destination, one.id, one.state) for one in told} == {
        ("local", "local:a1", "id-1", "delivered"),
        ("local", "local:a1", "id-2", "suppressed"),
    }
    assert states(outbox) == {"delivered": 1, "suppressed": 1}
    assert "on_outcome failed: RuntimeError" in caplog.text
    assert "jane" not in caplog.text


def test_a_platform_without_a_server_half_gets_no_pass(outbox: Outbox, vendor: Vendor) -> None:
    """A platform without a token, or switched off, is not asked for."""
    sender = delivery(outbox, vendor.platform(access_token=None), vendor.platform("b", name="b", server=False))
    assert sender.destinations == ()
    assert str(sender.deliver(NOW)) == "no destination"
    assert sender.next_due(NOW) is None


def test_reports_add_up(outbox: Outbox, vendor: Vendor) -> None:
    """The reports of several passes make one of all of them."""
    sender, total = delivery(outbox, vendor.platform()), Report()
    for number in range(3):
        put(outbox, conversion(number))
        total.add(sender.deliver(NOW))
    assert (total.delivered, total.requests, total.total()) == (3, 3, 3)
    assert str(total) == "local: 3 delivered, 3 requests"


def test_patience_has_an_end() -> None:
    """Timeouts that would outlast the lease of a row are refused."""
    with pytest.raises(ConfigurationError):
        Timeouts(read=30.0)


def test_settlements_without_a_request_count_no_attempt(outbox: Outbox, vendor: Vendor) -> None:
    """What was never sent has no attempts to its name."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1, consent=Consent.denied()))
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].attempts == 0
