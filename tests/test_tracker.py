"""Tracker: one call, one id, one row; what a platform cannot take stops neither the page nor the others."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import (
    AddToCart,
    Consent,
    Conversion,
    Lead,
    PageView,
    Purchase,
    Reddit,
    Tracker,
    Visitor,
    WatchVideo,
    rows,
)
from pixeltwin.errors import ConfigurationError, InvalidInput, OutboxUnavailable
from pixeltwin.strictjson import decode
from tests.samples import KEY, NOW, Clock, platforms, purchase, visitor

GRANTED = Consent.granted()


def tracker(**changes: Any) -> Tracker:
    settings: dict[str, Any] = {"secret_keys": [KEY], "site": "shop", "outbox": "memory:", "clock": Clock()}
    return Tracker(**{"platforms": platforms(), **settings, **changes})


def waiting(ours: Tracker) -> int:
    """How many server halves are open, over all destinations."""
    return sum(sum(states.values()) for states in ours.outbox.counts().values())


def test_an_order_has_one_id_on_every_page_process_and_webhook() -> None:
    """The id of an order is derived from its number, so that two processes reach the same one with no hand-over."""
    first = tracker().track(purchase("1001"), visitor=visitor(), consent=GRANTED)
    second = tracker().track(purchase(" 1001 "), visitor=None, consent=GRANTED)
    other = tracker().track(purchase("1002"), visitor=visitor(), consent=GRANTED)
    assert first.id == second.id != other.id
    assert len(first.id) == 64 and set(first.id) <= set("0123456789abcdef")


def test_tracking_an_order_again_changes_nothing_but_fills_gaps() -> None:
    """Whoever reports an order second gets the first one's conversion, and only adds signals that were missing."""
    ours = tracker()
    first = ours.track(purchase(), visitor=Visitor(email="ada@example.com"), consent=GRANTED)
    again = ours.track(purchase(), visitor=visitor("someone.else@example.com"), consent=GRANTED)
    assert (first.created, again.created) == (True, False)
    assert first.stored and again.stored and again.id == first.id
    row = ours.outbox.get([first.id])[0]
    assert row.visitor is not None
    stored = decode(row.visitor)
    assert stored["user_agent"] == visitor().user_agent
    before = decode(ours_visitor(first))
    assert all(stored["sealed"][key] == value for key, value in before["sealed"].items())


def test_gaps_are_filled_in_the_transaction_of_who_reports_again(tmp_path: Path) -> None:
    """A second report in a transaction of the shop's own, which keeps every other writer out, adds its signals in it:
    they are kept or taken back with the shop's rows, and nobody waits for himself."""
    ours = tracker(outbox=f"sqlite:///{tmp_path}/shop.db", on_error="raise")
    first = ours.track(purchase(), visitor=Visitor(email="ada@example.com"), consent=GRANTED)
    for ending, agent in (("ROLLBACK", None), ("COMMIT", visitor().user_agent)):
        with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as shop:
            shop.execute("BEGIN IMMEDIATE")
            again = ours.track(purchase(), visitor=visitor(), consent=GRANTED, connection=shop)
            assert (again.id, again.created, again.stored) == (first.id, False, True)
            shop.execute(ending)
        [row] = ours.outbox.get([first.id])
        assert decode(row.visitor or b"{}").get("user_agent") == agent
    ours.close()


def ours_visitor(conversion: Conversion) -> bytes:
    from pixeltwin import rows
    from pixeltwin.strictjson import encode

    return encode(rows.sealed(conversion).to_record())


def test_another_value_for_a_known_order_is_a_named_logged_conflict(caplog: pytest.LogCaptureFixture) -> None:
    """A second report with another amount does not overwrite the first and says which field differs."""
    ours = tracker()
    ours.track(purchase(value="59.90"), visitor=visitor(), consent=GRANTED)
    again = ours.track(purchase(value="10.00"), visitor=visitor(), consent=GRANTED)
    assert isinstance(again.event, Purchase)
    assert str(again.event.value) == "59.90"
    assert "another value" in caplog.text
    assert ours.losses.snapshot()["", "conflict"] == 1


@pytest.mark.parametrize(
    ("first", "then", "named"),
    [
        ({"server": False}, {}, "server="),
        ({"browser": False}, {"server": False}, "browser="),
        ({"platforms": ["reddit"]}, {"platforms": ["snap"]}, "platforms="),
        ({"platforms": ["reddit"]}, {"platforms": ["reddit"], "browser": False}, ""),
        ({}, {"platforms": ["reddit"], "server": False}, ""),
    ],
)
def test_whom_the_first_report_left_out_is_a_named_logged_conflict(
    first: dict[str, Any], then: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A second report that would tell more than the first changes nothing and says so; one that tells less is none."""
    ours = tracker()
    ours.track(purchase(), visitor=visitor(), consent=GRANTED, **first)
    ours.track(purchase(), visitor=visitor(), consent=GRANTED, **then)
    assert (("", "conflict") in ours.losses.snapshot(), named in caplog.text) == (bool(named), True)


def test_key_rotation_never_makes_a_second_id_for_an_order() -> None:
    """The id is looked up by natural key first: a new secret key finds the conversion that the old one made."""
    from pixeltwin.outbox import open_outbox

    shared = open_outbox("memory:")
    before = tracker(outbox=shared).track(purchase(), visitor=visitor(), consent=GRANTED)
    after = tracker(outbox=shared, secret_keys=[KEY, "a newer key"]).track(
        purchase(), visitor=visitor(), consent=GRANTED
    )
    assert before.id == after.id and not after.created


def test_without_a_natural_key_each_call_is_its_own_occurrence() -> None:
    """Two additions to the cart are two conversions with two ids."""
    ours = tracker()
    ids = {ours.track(AddToCart(), visitor=visitor(), consent=GRANTED).id for _ in range(3)}
    assert len(ids) == 3


def test_one_row_is_written_for_all_platforms() -> None:
    """The request path writes one canonical row, whatever the number of destinations."""
    ours = tracker()
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED)
    assert len(ours.outbox.get([conversion.id])) == 1
    assert waiting(ours) == 3


def test_denied_consent_leaves_nothing_behind() -> None:
    """A visitor who refused has no row, no snippet, and is counted as a loss with its reason."""
    ours = tracker()
    conversion = ours.track(purchase(), visitor=visitor(), consent=Consent.denied())
    assert not conversion.stored
    assert waiting(ours) == 0
    assert ours.snippet([conversion], visitor=visitor(), consent=Consent.denied()) == ""
    assert ours.losses.snapshot()["reddit", "consent_denied"] == 1


def test_consent_is_kept_per_platform() -> None:
    """A platform the visitor refused is in neither half; the others are."""
    ours = tracker()
    consent = Consent.granted(platforms={"snap": "denied"})
    conversion = ours.track(purchase(), visitor=visitor(), consent=consent)
    html = ours.snippet([conversion], visitor=visitor(), consent=consent)
    assert "snaptr" not in html and "rdt" in html and "pintrk" in html


def test_pending_consent_holds_the_row_and_a_decision_moves_it() -> None:
    """A conversion before the decision is held: released by a yes, cancelled by a no, sent by neither before."""
    ours = tracker()
    yes = ours.track(purchase("1"), visitor=visitor(), consent=Consent.pending())
    no = ours.track(purchase("2"), visitor=visitor(), consent=Consent.pending())
    assert ours.offer([yes.id, no.id]) == []
    ours.consented([yes.id], Consent.granted())
    ours.consented([no.id], Consent.denied())
    offered = ours.offer([yes.id, no.id])
    assert [one.id for one in offered] == [yes.id]
    assert offered[0].consent == Consent.granted()
    destination = ours.platforms[0].destination
    claimed = ours.outbox.claim(destination, now=NOW, limit=10)
    assert [claim.row.id for claim in claimed] == [yes.id]


def test_an_answer_about_one_platform_is_taken_on_before_a_page_shows_it() -> None:
    """What was pending for one platform follows the answer, on both halves; what the others were allowed stays, or is
    less if he allows less now."""
    ours = tracker()
    undecided = Consent.granted(platforms={"snap": "pending", "reddit": "limited"})
    conversion = ours.track(purchase(), visitor=visitor(), consent=undecided)
    refused = ours.track(purchase("2"), visitor=visitor(), consent=undecided)
    ours.consented([conversion.id], Consent.granted(platforms={"pinterest": "denied"}))
    ours.consented([refused.id], Consent.denied())
    (offered,) = ours.offer([conversion.id, refused.id])
    states = {platform.name: platform.state(offered.consent) for platform in ours.platforms}
    assert states == {"reddit": "limited", "snap": "granted", "pinterest": "denied"}


def test_what_is_refused_before_the_payment_is_not_told_after_it() -> None:
    """An order that is held for its payment follows what its visitor allows by then."""
    ours = tracker()
    ours.hold(purchase(), visitor=visitor(), consent=GRANTED)
    held = ours.derive_id(purchase(), "1001")
    ours.consented([held], Consent.limited(country="US", state="CA", platforms={"reddit": "denied"}))
    paid = ours.confirm(Purchase, "1001").consent
    assert {platform.name: platform.state(paid) for platform in ours.platforms} == {
        "reddit": "denied",
        "snap": "limited",
        "pinterest": "limited",
    }
    assert (paid.country, paid.state) == ("US", "CA")


def test_a_browser_half_is_handed_out_once() -> None:
    """The second page that asks for a pending conversion gets nothing."""
    ours = tracker()
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED)
    assert [one.id for one in ours.offer([conversion.id])] == [conversion.id]
    assert ours.offer([conversion.id]) == []


def test_a_browser_half_past_the_window_is_not_rendered() -> None:
    """A thank-you page opened more than a day later, when a window has passed, fires no pixel for the order."""
    clock = Clock()
    ours = tracker(clock=clock)
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED)
    clock.advance(hours=24)
    assert ours.snippet([conversion], visitor=visitor(), consent=GRANTED).count(conversion.id) >= 4
    clock.advance(seconds=1)
    html = ours.snippet([conversion], visitor=visitor(), consent=GRANTED)
    assert html and conversion.id not in html


def test_identity_is_hashed_before_it_rests() -> None:
    """Neither the row nor the returned conversion holds a plain e-mail, phone or name."""
    ours = tracker(phone_region="DE")
    person = Visitor(
        email="ada@example.com", phone="030 901820", first_name="Augusta", user_agent="UA", ip_address="203.0.113.7"
    )
    conversion = ours.track(purchase(), visitor=person, consent=GRANTED)
    row = ours.outbox.get([conversion.id])[0]
    at_rest = (row.record or b"").decode() + (row.visitor or b"").decode() + repr(conversion)
    for plain in ("ada@example.com", "901820", "ugusta"):
        assert plain not in at_rest


@pytest.mark.parametrize("mistake", [{"id": " padded "}, {"occurred_at": datetime(2026, 1, 1)}, {"id": ""}])  # noqa: DTZ001
def test_a_wrong_argument_is_logged_in_production_and_raised_on_request(
    mistake: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong id or time never takes the page down: the conversion is tracked with a fresh one, the fault counted."""
    ours = tracker()
    conversion = ours.track(AddToCart(), visitor=visitor(), consent=GRANTED, **mistake)
    assert conversion.stored and len(conversion.id) == 64
    assert "tracking fault" in caplog.text
    with pytest.raises(InvalidInput):
        ours.track(AddToCart(), visitor=visitor(), consent=GRANTED, on_error="raise", **mistake)


@pytest.mark.parametrize(
    "mistake",
    [
        {"platforms": "reddit"},
        {"key": "\ud800"},
        {"source_url": "/thanks"},
        {"source_url": 7},
        {"visitor": "somebody"},
        {"consent": "granted"},
        {"app": "an app"},
        {"action_source": "shop"},
    ],
)
def test_no_wrong_argument_takes_a_page_down_or_tells_somebody_not_meant(mistake: dict[str, Any]) -> None:
    """In production every kind of mistake is a counted fault; names of platforms or consent that cannot be read are
    taken as nobody."""
    ours = tracker()
    given: dict[str, Any] = {"visitor": visitor(), "consent": GRANTED, **mistake}
    conversion = ours.track(purchase(), **given)
    assert conversion is not None
    assert ours.losses.snapshot()["", "fault: input"] == 1
    assert conversion.stored is not bool({"platforms", "consent"} & set(mistake))
    with pytest.raises(Exception, match=r".*"):
        ours.track(purchase(), **given, on_error="raise")


def test_of_a_page_that_is_named_only_what_platforms_may_see_goes_on() -> None:
    """Credentials, fragment and query stay behind, but for click ids, utm_* and what the tracker is to keep."""
    ours = tracker(keep_parameters=["page"])
    named = "https://ada:secret@shop.example/thanks?session_id=cs_1&rdt_cid=r1&utm_source=x&page=2#top"
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED, source_url=named)
    assert conversion.source_url == "https://shop.example/thanks?rdt_cid=r1&utm_source=x&page=2"
    ours.remember("1002", visitor=visitor(), consent=GRANTED, source_url=named)
    later = ours.track(purchase("1002"), visitor=None, consent=None)
    assert later.source_url == conversion.source_url


def test_of_a_key_that_is_an_address_only_a_digest_is_kept() -> None:
    """A natural key outlives the visitor's data: an e-mail address in it is not written anywhere, and still found."""
    ours, key = tracker(), " ada@example.com "
    ours.remember(key, visitor=visitor(), consent=Consent.pending())
    notes = ours.outbox.notes.listed("signals")
    lead = ours.track(Lead(), visitor=None, consent=None, key=key)
    row = ours.outbox.find(rows.natural(Lead(), lead.key or "", site="shop"))
    assert lead.stored and row is not None and "@" not in f"{notes} {row} {lead.key}"
    assert not ours.track(Lead(), visitor=visitor(), consent=GRANTED, key=key.strip()).created
    assert ours.derive_id(Lead(), key) == lead.id
    ours.consented([], GRANTED, keys=[key])
    assert {one.state for one in ours.outbox.deliveries()} == {"pending"}
    assert ours.cancel(Lead, key).id == lead.id


def test_an_event_built_inside_the_guard_cannot_take_the_page_down() -> None:
    """A callable that raises while building the event yields None in production and its error on request."""
    ours = tracker()

    def broken() -> Purchase:
        return Purchase(order_id="1", value="-5", currency="EUR")

    assert ours.track(broken, visitor=visitor(), consent=GRANTED) is None
    assert ours.losses.snapshot()["", "fault: event"] == 1
    with pytest.raises(InvalidInput):
        ours.track(broken, visitor=visitor(), consent=GRANTED, on_error="raise")


def test_a_store_that_cannot_write_costs_the_page_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the outbox is unavailable the conversion comes back unstored, or the error rises where asked for."""
    ours = tracker()

    def full(*args: Any, **kwargs: Any) -> None:
        raise OutboxUnavailable("disk full")

    monkeypatch.setattr(ours.outbox, "put", full)
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED)
    assert not conversion.stored
    assert ours.losses.snapshot()["", "fault: outbox"] == 1
    with pytest.raises(OutboxUnavailable):
        ours.track(purchase(), visitor=visitor(), consent=GRANTED, on_error="raise")


def test_what_one_platform_cannot_say_is_a_counted_loss_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """Snap has no event for a watched video: that is said once, counted always, and Reddit and Pinterest are told."""
    ours = tracker()
    for _ in range(3):
        conversion = ours.track(WatchVideo(), visitor=visitor(), consent=GRANTED)
        assert conversion.stored
    assert ours.losses.snapshot()["snap", "no_event_name"] == 3
    assert caplog.text.count("WatchVideo") == 1


def test_a_failing_before_send_stops_neither_the_page_nor_the_other_platforms() -> None:
    """The caller's own hook may raise: it is a counted fault."""

    def broken(conversion: Conversion) -> Conversion | None:
        raise RuntimeError("a bug of the application")

    ours = tracker(platforms=[Reddit(pixel_id="a2_shop", access_token="t", before_send=broken), *platforms()[1:]])
    assert ours.track(purchase(), visitor=visitor(), consent=GRANTED).stored


def test_the_returned_conversion_is_sealed_and_still_maps_to_the_same_body() -> None:
    """What goes to the outbox makes the same server body as the visitor the caller gave."""
    ours = tracker()
    page = "https://shop.example/thanks"
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED, source_url=page)
    plain = Conversion(
        event=purchase(), id=conversion.id, occurred_at=conversion.occurred_at, visitor=visitor(), source_url=page
    )
    for platform in ours.platforms:
        assert platform.server_event(conversion) == platform.server_event(plain)
        assert platform.browser_calls(conversion) == platform.browser_calls(plain)


@given(st.datetimes(min_value=datetime(2026, 8, 1), max_value=datetime(2026, 8, 20, 12)))  # noqa: DTZ001
def test_the_time_of_a_conversion_is_kept_to_the_millisecond(at: datetime) -> None:
    """What the worker restores happened when the caller said, to the millisecond."""
    ours = tracker()
    at = at.replace(tzinfo=NOW.tzinfo)
    conversion = ours.track(PageView(), visitor=visitor(), consent=GRANTED, occurred_at=at)
    restored = rows.restored(ours.outbox.get([conversion.id])[0])
    assert restored is not None
    assert abs(restored.occurred_at - at) <= timedelta(milliseconds=1)


def test_no_platform_no_key_and_two_of_one_name_are_said_with_advice() -> None:
    """Each configuration that cannot work is refused at once, in words that say what to set."""
    with pytest.raises(ConfigurationError, match="no platform"):
        Tracker([], secret_keys=[KEY], outbox="memory:")
    with pytest.raises(ConfigurationError, match="token_hex"):
        Tracker(platforms(), secret_keys=[], outbox="memory:")
    with pytest.raises(ConfigurationError, match="name="):
        Tracker([*platforms(), *platforms()], secret_keys=[KEY], outbox="memory:")


def test_no_secret_shows_in_a_log_or_a_repr(caplog: pytest.LogCaptureFixture) -> None:
    """Tokens and secret keys are in no log record and no repr of tracker, platform or conversion."""
    from tests.samples import TOKENS

    caplog.set_level(logging.DEBUG)
    ours = tracker()
    conversion = ours.track(purchase(), visitor=visitor(), consent=GRANTED)
    ours.track(WatchVideo(), visitor=visitor(), consent=Consent.denied())
    seen = caplog.text + repr(ours) + repr(conversion) + "".join(map(repr, ours.platforms))
    for secret in (*TOKENS, KEY):
        assert secret not in seen
