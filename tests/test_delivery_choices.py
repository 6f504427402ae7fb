"""What delivery does not send, and why: consent, choice, age and window, asked again at the moment of sending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.outbox import Outbox
from pixeltwin.sending.outbound import ASK_AGAIN
from pixeltwin.visitor import Visitor
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, rows
from tests.local_vendor import NOW, Vendor, conversion, ok, put, says

FIXTURES = (memory_outbox, local_vendor)


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


@pytest.mark.parametrize(
    ("ahead", "due"), [(timedelta(minutes=10), timedelta(minutes=10)), (timedelta(days=9), ASK_AGAIN)]
)
def test_what_lies_ahead_is_looked_at_when_it_comes_and_every_hour(
    outbox: Outbox, vendor: Vendor, ahead: timedelta, due: timedelta
) -> None:
    """A clock that was wrong for a moment keeps nothing back, however far ahead it was."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1, occurred_at=NOW + ahead))
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].due_at == NOW + due


def test_a_platform_is_not_waited_for_longer_than_seven_days(outbox: Outbox, vendor: Vendor) -> None:
    """Without the visitor's answer about one platform nothing goes there, and his data is kept no longer for it."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1, consent=Consent.granted(platforms={"local": "pending"})))
    for hours in range(24 * 7 + 1):
        assert outbox.get(["id-1"])[0].visitor is not None or hours == 24 * 7
        sender.deliver(NOW + timedelta(hours=hours))
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason.partition(":")[0]) == ("suppressed", "never_decided")
    assert outbox.get(["id-1"])[0].visitor is None
    assert not vendor.requests


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
@pytest.mark.parametrize("browser", ["none", "offered", "acknowledged", "blocked"])
def test_past_the_window_nothing_is_counted_twice(
    outbox: Outbox, vendor: Vendor, late: timedelta, when_unsure: str, browser: str
) -> None:
    """Past the dedup window a server half goes only if its browser half cannot have been counted, or the caller said
    to send when that is unsure; inside the window it always goes."""
    platform = vendor.platform()
    sender = delivery(outbox, platform, when_unsure=when_unsure)
    put(outbox, conversion(1), offered=browser != "none")
    if browser in ("acknowledged", "blocked"):
        fired, blocked = ([platform.destination] if browser == one else [] for one in ("acknowledged", "blocked"))
        outbox.acknowledge("id-1", fired, blocked=blocked, now=NOW)
    sender.deliver(NOW + WINDOW + late)
    stays = late and (browser == "acknowledged" or (browser == "offered" and when_unsure == "suppress"))
    row = rows(outbox)["id-1"]
    assert row.state == ("suppressed" if stays else "delivered")
    if stays:
        assert row.reason.startswith("past_window: " if browser == "acknowledged" else "past_window_unsure: ")


@pytest.mark.parametrize("said", ["fired", "blocked"])
def test_what_a_page_says_while_a_row_waits_counts_at_its_next_try(outbox: Outbox, vendor: Vendor, said: str) -> None:
    """A row that was claimed before the page said anything, and could not be sent, is judged by it past the window."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1), offered=True)
    vendor.script = says(503)
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].state == "waiting"
    named = [platform.destination]
    outbox.acknowledge("id-1", named if said == "fired" else [], blocked=named if said == "blocked" else [], now=NOW)
    vendor.script = ok
    sender.deliver(NOW + WINDOW + timedelta(hours=1))
    assert rows(outbox)["id-1"].state == ("suppressed" if said == "fired" else "delivered")


def test_what_a_page_says_after_delivery_changes_nothing_but_what_is_shown(outbox: Outbox, vendor: Vendor) -> None:
    """An acknowledgement that comes after the server half is kept to be seen, and sends nothing again."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1), offered=True)
    sender.deliver(NOW)
    outbox.acknowledge("id-1", [], blocked=[platform.destination], now=NOW)
    sender.deliver(NOW + WINDOW)
    row = rows(outbox)["id-1"]
    assert (row.state, row.browser, len(vendor.requests)) == ("delivered", "blocked", 1)


@pytest.mark.parametrize("ends", ["answered", "lost"])
def test_what_was_cancelled_while_a_worker_had_it_is_not_tried_again(outbox: Outbox, vendor: Vendor, ends: str) -> None:
    """Whether that worker was told to try again or died, no other sends it, whatever `before_send` would add."""

    def known_elsewhere(one: Conversion) -> Conversion:
        return replace(one, visitor=Visitor(email="ada@example.com"))

    def cancelling(events: Any) -> Any:
        outbox.cancel(["id-1"], now=NOW, reason="refunded")
        return says(500)(events)

    platform = vendor.platform(before_send=known_elsewhere)
    sender = delivery(outbox, platform)
    put(outbox, conversion(1))
    vendor.script = cancelling
    if ends == "answered":
        sender.deliver(NOW)
    else:
        outbox.claim(platform.destination, now=NOW, limit=1)
        outbox.cancel(["id-1"], now=NOW, reason="refunded")
    before, vendor.script = len(vendor.requests), ok
    sender.deliver(NOW + timedelta(hours=1))
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason.partition(":")[0]) == ("cancelled", "called_off")
    assert len(vendor.requests) == before


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
