"""Delivery against a real local server: what an answer means for each event, and at what pace they go."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixeltwin.consent import Consent
from pixeltwin.contract import Delivered, Misconfigured, Outcome, Refused, RetryLater
from pixeltwin.delivery import Report, Settled, Timeouts
from pixeltwin.errors import ConfigurationError
from pixeltwin.outbox import Outbox, open_outbox
from pixeltwin.sending.backoff import CAP, backoff
from pixeltwin.sending.outbound import Ready
from pixeltwin.sending.reading import read
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, rows, states
from tests.local_vendor import NOW, Answer, Events, Vendor, conversion, ok, put

FIXTURES = (memory_outbox, local_vendor)


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

    def script(events: Events) -> Answer:
        answers = ["no such\n product" if event["id"] == "id-1" else "ok" for event in events]
        return 200, {}, json.dumps(answers).encode()

    vendor.script = script
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


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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
        assert sender.deliver(NOW + 1.1 * second * SECOND).requests <= 3
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
    end = NOW + timedelta(days=7)
    group = [
        Ready(seq, str(seq), "lease", 0, "", b"", NOW, end, ("Purchase", frozenset())) for seq in range(len(outcomes))
    ]
    reading = read(group, outcomes, now=NOW, shut_until=NOW, fraction=fraction)
    found = [settlement.seq for _, settlement in reading.settled]
    found += [ready.seq for part in reading.again for ready in part]
    assert sorted(found) == list(range(len(outcomes)))
    assert all(len(part) < len(group) for part in reading.again), "the same request would be made for ever"
    for id, settlement in reading.settled:
        assert id == str(settlement.seq)
        delivered = isinstance(outcomes[settlement.seq], Delivered)
        assert (settlement.state == "delivered") == delivered
        assert (settlement.due_at is not None) == (settlement.state in ("waiting", "pending"))


# --- pace, and what is told -----------------------------------------------------------------------------------------


@given(attempts=st.integers(0, 10_000), fraction=st.floats(0, 1))
def test_back_off_is_bounded(attempts: int, fraction: float) -> None:
    """A wait is never longer than its ceiling (1 s doubled a failure, five minutes at most) nor shorter than 0.1 s."""
    assert 0.1 <= backoff(attempts, fraction) <= max(0.1, min(CAP, 2.0 ** min(attempts, 60)))
    assert backoff(attempts, fraction) <= backoff(attempts + 1, fraction)


def test_the_rate_is_kept_over_passes(outbox: Outbox, vendor: Vendor) -> None:
    """A backlog goes at the platform's rate: what is over waits for the next second."""
    platform = vendor.platform()
    platform.rate, platform.max_batch = 3.0, 1  # type: ignore[misc]
    sender = delivery(outbox, platform)
    for number in range(10):
        put(outbox, conversion(number))
    made = [sender.deliver(NOW + 0.55 * half * SECOND).requests for half in range(8)]
    assert made == [3, 0, 3, 0, 3, 0, 1, 0], "each counts for a second, and a tenth in which it may leave late"


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
