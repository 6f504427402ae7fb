"""Test mode: for a while server halves go to the platforms' own test modes, and then by themselves where they went."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Tracker
from pixeltwin.cli.deliver import deliver_command
from pixeltwin.contract import ServerRequest
from pixeltwin.errors import ConfigurationError
from pixeltwin.outbox import Outbox
from pixeltwin.platforms import installed
from pixeltwin.sandbox import Clock as SandboxClock
from pixeltwin.sandbox import create_sandbox
from pixeltwin.tracking.mode import LONGEST_TEST, Mode
from pixeltwin.worker import run
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, rows, states
from tests.local_vendor import NOW, TOKEN, Local, Vendor, conversion, put
from tests.samples import KEY, Clock, purchase, visitor
from tests.sandboxed import KINDS, platform, serving

FIXTURES = (memory_outbox, local_vendor)
HOUR = timedelta(hours=1)
TEST_ID = "t2_secret_of_the_tester"
TESTING = "TEST MODE until 2026-08-20 13:00 UTC"


class Marking(Local):
    """The tests' own platform, which says in each event under which test it came; None where it counts."""

    test_batch = 3

    def server_request(
        self, events: Sequence[Mapping[str, Any] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        request = super().server_request(events, test)
        marked = [{**event, "test": test} for event in json.loads(request.body)]
        return replace(request, body=json.dumps(marked).encode())


class ById(Marking):
    """The same, with a test mode that needs an id."""

    test_needs_id = True


def marking(vendor: Vendor, made: type[Local] = Marking, **settings: Any) -> Local:
    return made(**{"account": "a1", "access_token": TOKEN, "api_url": vendor.url, **settings})


def mode(one: Local, **settings: Any) -> Mode:
    return Mode([one], **{"test_until": NOW + HOUR, **settings})


def seen(vendor: Vendor) -> list[Any]:
    """How each event came, in order."""
    return [event["test"] for events in vendor.requests for event in events]


def tracker(*platforms: Any, **settings: Any) -> Tracker:
    return Tracker(platforms, **{"secret_keys": [KEY], "outbox": "memory:", "clock": Clock(NOW), **settings})


# --- where server halves go ----------------------------------------------------------------------------------------


def test_until_its_end_all_goes_to_the_test_mode_and_then_counts_by_itself(outbox: Outbox, vendor: Vendor) -> None:
    """Before the end each event goes as a test, few a request, and is delivered as "test"; from then on it counts."""
    one = marking(vendor)
    sender = delivery(outbox, one, mode=mode(one))
    for number in range(7):
        put(outbox, conversion(number))
    sender.deliver(NOW)
    assert [len(events) for events in vendor.requests] == [3, 3, 1]
    assert seen(vendor) == [True] * 7
    assert {(row.state, row.reason) for row in rows(outbox).values()} == {("delivered", "test")}
    for number in range(7, 14):
        put(outbox, conversion(number))
    sender.deliver(NOW + HOUR)
    assert [len(events) for events in vendor.requests[3:]] == [7]
    assert seen(vendor)[7:] == [None] * 7
    assert rows(outbox)["id-9"].reason == ""


@given(before=st.timedeltas(timedelta(0), timedelta(days=2)), live=st.booleans())
def test_the_mode_is_a_function_of_the_time(before: timedelta, live: bool) -> None:
    """Test mode is on before its end and at no moment after; then what was set before holds, live or off."""
    found = Mode(live=live, test_until=NOW)
    assert found.testing(NOW - before) == (before > timedelta(0))
    for now in (NOW, NOW + before):
        assert not found.testing(now)
        assert found.sends(now) == found.shows(now) == live
    if before:
        assert found.sends(NOW - before)
        assert not found.shows(NOW - before)


def test_when_delivery_is_off_nothing_goes_once_the_test_is_over(outbox: Outbox, vendor: Vendor) -> None:
    """On a staging site that is off, what was not tested in time stays where it is, and nothing looks due."""
    one = marking(vendor)
    sender = delivery(outbox, one, mode=mode(one, live=False))
    put(outbox, conversion(1))
    assert sender.next_due(NOW) == NOW
    assert sender.deliver(NOW).delivered == 1
    put(outbox, conversion(2))
    assert not sender.deliver(NOW + HOUR)
    assert sender.next_due(NOW + HOUR) is None
    assert vendor.ids == ["id-1"]
    assert states(outbox) == {"delivered": 1, "pending": 1}


@pytest.mark.parametrize("live", [True, False])
def test_a_platform_whose_test_needs_an_id_waits_for_it(outbox: Outbox, vendor: Vendor, live: bool) -> None:
    """Without the id nothing is sent and every row says why; given the id they go as tests, untouched by the wait."""
    one = marking(vendor, ById)
    without = delivery(outbox, one, mode=mode(one, live=live))
    for number in range(5):
        put(outbox, conversion(number))
    report = without.deliver(NOW)
    assert not vendor.requests
    assert {(row.state, row.reason.partition(":")[0], row.attempts) for row in rows(outbox).values()} == {
        ("waiting", "no_test_id", 0)
    }
    assert "no_test_id" in str(report)
    given_now = delivery(outbox, one, mode=mode(one, live=live, test_ids={"local": TEST_ID}))
    assert given_now.deliver(NOW + 60 * SECOND).delivered == 5
    assert seen(vendor) == [TEST_ID] * 5


def test_what_waited_for_a_test_id_counts_when_the_test_is_over(outbox: Outbox, vendor: Vendor) -> None:
    """A live site's conversions that could not be tested are not lost: they go when test mode ends."""
    one = marking(vendor, ById)
    sender = delivery(outbox, one, mode=mode(one))
    put(outbox, conversion(1))
    sender.deliver(NOW + 59 * 60 * SECOND + 30 * SECOND)
    assert not vendor.requests
    assert sender.deliver(NOW + HOUR + 60 * SECOND).delivered == 1
    assert seen(vendor) == [None]


def test_the_test_id_is_never_stored(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Even where an answer repeats the id it is in no row, report or log."""
    caplog.set_level(logging.DEBUG)
    vendor.script = lambda events: (200, {}, json.dumps([f"no such test: {TEST_ID}" for _ in events]).encode())
    one = marking(vendor, ById)
    sender = delivery(outbox, one, mode=mode(one, test_ids={"local": TEST_ID}))
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert seen(vendor) == [TEST_ID]
    assert rows(outbox)["id-1"].reason == "no such test: ***"
    assert TEST_ID not in f"{report} {report.destinations} {outbox.deliveries()} {sender.mode!r} {caplog.text}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_platforms_test_counts_nothing_and_the_next_event_does(kind: str) -> None:
    """The platform's own endpoint takes a tested purchase and records nothing; after the end it counts the next."""
    clock = Clock(NOW)
    with serving(create_sandbox(clock=SandboxClock(clock))) as sandbox:
        ours = tracker(
            platform(kind, f"http://127.0.0.1:{sandbox.port}"),
            clock=clock,
            test_until="2026-08-20T13:00:00Z",
            test_ids={kind: TEST_ID} if installed()[kind].test_needs_id else None,
        )
        for order in ("1", "2"):
            ours.track(
                purchase(order), visitor=visitor(), consent=Consent.granted(), source_url="https://shop.example/"
            )
        ours.deliver()
        assert [(row.state, row.reason.partition(":")[0]) for row in ours.outbox.deliveries()] == [
            ("delivered", "test")
        ] * 2
        assert sandbox.records() == []
        clock.advance(hours=1)
        said = ours.track(
            purchase("3"), visitor=visitor(), consent=Consent.granted(), source_url="https://shop.example/"
        )
        ours.deliver()
        assert said is not None
        assert [(one["id"], one["verdict"]) for one in sandbox.records()] == [(said.id, "server only")]
        ours.close()


# --- pixels --------------------------------------------------------------------------------------------------------


def test_no_pixel_is_rendered_for_a_tested_conversion_then_or_later(vendor: Vendor) -> None:
    """A conversion of the test has no browser half, during the test and after it; the next one has."""
    clock = Clock(NOW)
    ours = tracker(marking(vendor), clock=clock, test_until=NOW + HOUR)
    said = ours.track(purchase("1"), visitor=visitor(), consent=Consent.granted())
    assert said.stored
    assert not ours.snippet([said], consent=Consent.granted())
    clock.advance(hours=1)
    assert [one.browser for one in ours.offer([said.id])] == [False]
    assert ours.track(purchase("2"), visitor=visitor(), consent=Consent.granted()).browser
    ours.close()


def test_a_tracker_that_is_off_stores_and_shows_nothing(vendor: Vendor) -> None:
    """Without delivery no personal data is kept and no pixel rendered; a test switches storing on, for its time."""
    clock = Clock(NOW)
    ours = tracker(marking(vendor), clock=clock, live=False, test_until=NOW + HOUR)
    assert ours.track(purchase("1"), visitor=visitor(), consent=Consent.granted()).stored
    clock.advance(hours=1)
    said = ours.track(purchase("2"), visitor=visitor(), consent=Consent.granted())
    assert not said.stored
    assert not ours.snippet([said], consent=Consent.granted())
    assert len(ours.outbox.deliveries()) == 1
    ours.close()


# --- being loud ----------------------------------------------------------------------------------------------------


def test_it_is_said_at_the_start_every_hour_and_at_the_end(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """Passes every minute for three hours of testing say four things: each hour that it is on, and that it is over."""
    one = marking(vendor)
    sender = delivery(outbox, one, mode=mode(one, test_until=NOW + 3 * HOUR))
    for minute in range(240):
        sender.deliver(NOW + minute * 60 * SECOND)
    said = [record.getMessage()[:9] for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ["TEST MODE"] * 3 + ["Test mode"]
    assert "nothing counts. Then delivery is live." in caplog.text
    assert "Test mode is over. Delivery is live." in caplog.text


def test_an_idle_worker_says_it_too(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing has to be due for the log to say that test mode is on."""
    one = marking(vendor)
    run(delivery(outbox, one, mode=mode(one)), once=True, clock=Clock(NOW))
    assert TESTING in caplog.text


def test_a_tracker_says_it_when_it_is_made(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """The first line of a process in test mode says so, and what waits for an id; a live one says nothing."""
    tracker(marking(vendor)).close()
    assert not caplog.records
    tracker(marking(vendor, ById), test_until=NOW + HOUR).close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert TESTING in caplog.text
    assert "Without a test id nothing goes to local." in caplog.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"test_until": NOW + HOUR}, TESTING),
        ({"test_until": NOW - HOUR}, None),
        ({"live": False}, "Delivery is off: nothing is sent."),
        ({"live": False, "test_until": NOW + HOUR}, "Then delivery is off."),
    ],
)
def test_the_command_says_it(vendor: Vendor, settings: dict[str, Any], said: str | None) -> None:
    """`pixeltwin deliver` begins by saying that test mode is on, or that nothing is sent."""
    command = deliver_command(lambda: tracker(marking(vendor), **settings))
    result = CliRunner().invoke(command, ["--once"], catch_exceptions=False)
    text = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert (said or "Delivering to local.") in text
    assert said or ("TEST MODE" not in text and "off" not in text)


# --- what settings may say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"test_until": NOW + LONGEST_TEST + SECOND}, r"more than 24 hours ahead: .*must end within a day"),
        ({"test_until": (NOW + HOUR).replace(tzinfo=None)}, r"needs a time zone"),
        ({"test_until": "2026-08-20T13:00:00"}, r"needs a time zone"),
        ({"test_until": "tomorrow"}, r"must be a time such as 2026-08-20T14:00:00\+02:00"),
        ({"test_ids": {"locla": TEST_ID}}, r"no platform is called locla$"),
    ],
)
def test_a_test_that_would_not_be_one_is_an_error(vendor: Vendor, settings: dict[str, Any], complaint: str) -> None:
    """A test without an end in sight, at no certain time, or for nobody, is refused with what to do."""
    with pytest.raises(ConfigurationError, match=complaint) as wrong:
        tracker(marking(vendor), **settings)
    assert TEST_ID not in str(wrong.value)


@pytest.mark.parametrize(
    "until", [NOW + LONGEST_TEST, "2026-08-20T13:00:00Z", "2026-08-20t15:00+02:00", " 2026-08-20T13:00:00+00:00 "]
)
def test_the_end_of_a_test_is_read_as_it_is_written(vendor: Vendor, until: datetime | str) -> None:
    """An aware time, or its usual spellings, a day ahead at most, begins test mode; one that has passed does not."""
    assert tracker(marking(vendor), test_until=until).mode.testing(NOW)
    assert not tracker(marking(vendor), test_until=until, clock=Clock(NOW + LONGEST_TEST)).mode.testing(
        NOW + LONGEST_TEST
    )


def test_every_platform_says_how_it_is_tested() -> None:
    """What the three platforms publish of their test modes: how much a request, and whether an id is needed."""
    found = {kind: (one.test_batch, one.test_needs_id) for kind, one in installed().items() if kind in KINDS}
    assert found == {"reddit": (1, True), "snap": (2000, False), "pinterest": (20, False)}
