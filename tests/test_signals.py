"""Signals: who listens hears what happened, and who fails harms nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from blinker import NamedSignal

from pixeltwin import Consent, signals
from tests.local_vendor import Vendor, ok, says
from tests.observed import Shop, refuses, shop_fixture

FIXTURES = (shop_fixture,)


@contextmanager
def heard(signal: NamedSignal, sender: Any) -> Iterator[list[dict[str, Any]]]:
    """What this signal tells of this sender meanwhile."""
    told: list[dict[str, Any]] = []

    def note(tracker: Any, **facts: Any) -> None:
        told.append(facts)

    with signal.connected_to(note, sender=sender):
        yield told


@contextmanager
def failing(signal: NamedSignal) -> Iterator[None]:
    """A receiver that raises, first in the row."""

    def fail(tracker: Any, **facts: Any) -> None:
        raise RuntimeError("ada@example.com")

    with signal.connected_to(fail):
        yield


def test_a_conversion_is_told_when_it_is_first_stored(shop: Shop) -> None:
    """Each conversion is told once, held ones included, and never one that nobody may be told."""
    with heard(signals.conversion_tracked, shop.tracker) as told:
        first = shop.order("1")
        shop.order("1")
        shop.order("2", consent=Consent.pending())
        shop.order("3", consent=Consent.denied())
    assert told[0] == {"conversion": first}
    assert [one["conversion"].key for one in told] == ["1", "2"]


def test_a_half_is_told_when_its_state_is_stored(shop: Shop) -> None:
    """What became of each server half is told with platform, destination, id, state and the platform's reason."""
    with heard(signals.half_settled, shop.tracker) as told:
        first = shop.order("1")
        shop.deliver()
        shop.vendor.script = refuses("no such shop")
        second = shop.order("2")
        shop.deliver()
    assert [(one["settled"].id, one["settled"].state, one["settled"].reason) for one in told] == [
        (first.id, "delivered", ""),
        (second.id, "refused", "no such shop"),
    ]
    assert {(one["settled"].platform, one["settled"].destination) for one in told} == {("local", "local:a1")}


def test_a_lost_conversion_is_told_with_its_reason(shop: Shop) -> None:
    """Who may not be told and what could not be made are losses; a field that is left out is not."""
    with heard(signals.conversion_lost, shop.tracker) as told:
        shop.order("1", consent=Consent.denied())
        shop.order("2", visitor=None)
        shop.tracker.track(lambda: 1 / 0, visitor=None, consent=Consent.granted())  # type: ignore[arg-type, return-value]
    assert [(one["platform"], one["reason"]) for one in told] == [
        ("local", "consent_denied"),
        ("local", "no_match_key"),
        ("", "fault: event"),
    ]


def test_a_destination_that_fails_or_recovers_is_told(shop: Shop) -> None:
    """Each change of a destination's state is told once, with the state it is in now and why."""
    with heard(signals.destination_changed, shop.tracker) as told:
        shop.order("1")
        shop.vendor.script = says(503, b"closed")
        for _ in range(3):
            shop.deliver()
            shop.clock.advance(hours=1)
        shop.vendor.script = ok
        shop.deliver()
    assert {one["destination"] for one in told} == {"local:a1"}
    assert [one["standing"].state for one in told] == ["failing", "open"]
    assert told[0]["standing"].reason == "HTTP 503: closed"


def test_one_tracker_is_not_heard_at_another(shop: Shop) -> None:
    """Whoever listens to one tracker hears nothing of a second one in the same process."""
    with Vendor() as vendor:
        other = Shop(vendor)
        with heard(signals.conversion_tracked, shop.tracker) as told:
            other.order()
        other.tracker.close()
    assert told == []


@pytest.mark.parametrize(
    "signal", [signals.conversion_tracked, signals.conversion_lost, signals.half_settled, signals.destination_changed]
)
def test_a_receiver_that_raises_harms_nobody(shop: Shop, signal: NamedSignal, caplog: pytest.LogCaptureFixture) -> None:
    """Tracking and delivery go on, the other receivers are told, and the failure is logged without its words and
    counted."""
    with failing(signal), heard(signal, shop.tracker) as told:
        assert shop.order("1").stored
        shop.order("2", consent=Consent.denied())
        shop.deliver()
        shop.vendor.script = says(500)
        shop.order("3")
        shop.deliver()
    assert shop.vendor.ids[0] and told
    assert shop.tracker.losses.snapshot()["", "fault: signal"] == len(told)
    failures = [record for record in caplog.records if "receiver" in record.getMessage()]
    assert len(failures) == len(told) and not any("ada@" in record.getMessage() for record in failures)


def test_nobody_listens_and_nothing_is_made(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a receiver no signal is even tried, and no log line is built below its level."""
    logging.getLogger("pixeltwin").setLevel(logging.WARNING)
    tried: list[Any] = []
    monkeypatch.setattr(signals, "tell", lambda *given, **facts: tried.append(given))
    shop.order()
    shop.order("2", consent=Consent.denied())
    shop.deliver()
    assert tried == []
