"""What every platform makes of any conversion whatever: twins, in nobody's plain words, in the vendor's schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pixeltwin.consent import Consent
from pixeltwin.contract import Delivered, Platform
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend
from pixeltwin.events import EVENT_TYPES
from pixeltwin.snippet import render
from pixeltwin.strictjson import encode
from pixeltwin.visitor import collected_rules
from tests.goldens import TOKEN, emulated, golden, made, platforms, sent
from tests.strategies import EMAIL, NAMES, PHONE, conversions, visitors
from tests.thoroughness import examples
from tests.twins import SPELLINGS, exact

PAGES = tuple(sorted(set(EVENT_TYPES) - {"Refund"}))


def browser_half(platform: Platform, conversion: Conversion) -> Any:
    """The track calls, or None with a named reason where the platform cannot say it."""
    try:
        return platform.browser_calls(conversion)
    except CannotSend as refusal:
        return _named(refusal)


def server_half(platform: Platform, conversion: Conversion) -> Any:
    """The server's event, or None with a named reason where the platform would refuse it."""
    try:
        return platform.server_event(conversion)
    except CannotSend as refusal:
        return _named(refusal)


def losses(platform: Platform, conversion: Conversion) -> Any:
    """What the platform will not get, or None with a named reason where it is not told at all."""
    try:
        return platform.losses(conversion)
    except CannotSend as refusal:
        return _named(refusal)


def refusal(ask: Callable[..., Any], conversion: Conversion, now: datetime | None) -> str | None:
    """Why the platform would not take it; None where it would."""
    try:
        ask(conversion, now)
    except CannotSend as error:
        return error.reason
    return None


def _named(refusal: CannotSend) -> None:
    assert re.fullmatch("[a-z_]+", refusal.reason)
    assert refusal.detail


@platforms
@settings(max_examples=examples(60))
@given(data=st.data())
def test_both_halves_are_twins(kind: str, data: st.DataObject) -> None:
    """Whatever happened, every field that both halves have is equal after the platform's own renaming."""
    platform, conversion, reader = made(kind), data.draw(conversions(PAGES, ("web",))), SPELLINGS[kind]
    calls, event = browser_half(platform, conversion), server_half(platform, conversion)
    if calls is None and event is not None:
        assert not platform.event_name(conversion.event).browser, "the server would tell what the pixel could have said"
    assume(calls is not None and event is not None)

    assert len(calls) == 1
    browser, server = reader.browser(calls[0]), reader.server(exact(event))
    assert browser.differs_from(server) == {}
    assert browser.said["id"] == conversion.id


@platforms
@settings(max_examples=examples(60))
@given(data=st.data())
def test_the_strict_emulator_takes_any_body(kind: str, data: st.DataObject) -> None:
    """Whatever happened to whomever, on a page, in an app or in a shop, what is sent fits the vendor's schema."""
    platform, conversion = emulated(kind), data.draw(conversions())
    event = server_half(platform, conversion)
    assume(event is not None)
    answer = sent(platform, [event], conversion.occurred_at + timedelta(minutes=1))

    assert answer.rejected == ()
    assert isinstance(platform.read_reply(answer.status, dict(answer.headers or {}), answer.body, 1)[0], Delivered)


@platforms
@settings(max_examples=examples(60))
@given(data=st.data(), age=st.none() | st.timedeltas(timedelta(minutes=-20), timedelta(days=50)))
def test_the_request_is_told_what_the_worker_would_find(kind: str, data: st.DataObject, age: timedelta | None) -> None:
    """`check` raises exactly when `server_event` would, for the same reason, before and after the visitor is sealed."""
    platform, conversion = made(kind), data.draw(conversions())
    now = None if age is None else conversion.occurred_at + age
    sealed = conversion.with_visitor(conversion.visitor.seal(collected_rules([platform.rules])))
    for one in (conversion, sealed):
        assert refusal(platform.check, one, now) == refusal(platform.server_event, one, now)


@platforms
@settings(max_examples=examples(40))
@given(data=st.data())
def test_what_is_not_on_a_page_has_no_browser_half(kind: str, data: st.DataObject) -> None:
    """Events of apps and shops, and refunds, call no pixel and leave nothing of theirs in the page."""
    platform = made(kind)
    drawn = data.draw(conversions(("Refund",)) | conversions(sources=("app", "offline")))
    conversion = replace(drawn, id="cd" * 32)
    html = render([platform], lambda _: [conversion], visitor=conversion.visitor, consent=conversion.consent)

    assert not browser_half(platform, conversion)
    assert conversion.id not in html


@platforms
@settings(max_examples=examples(40))
@given(data=st.data())
def test_nothing_that_says_who_it_was_leaves_in_plain(kind: str, data: st.DataObject) -> None:
    """No e-mail, phone number or name is in the page or in a body, and neither is the token in the page."""
    platform, conversion = made(kind), data.draw(conversions())
    event = server_half(platform, conversion)
    html = render([platform], lambda _: [conversion], visitor=conversion.visitor, consent=conversion.consent)
    body = platform.server_request([event]).body.decode() if event else ""
    text = (html + body).lower()

    for secret in (EMAIL, EMAIL.replace("+promo", ""), "janedoe@", PHONE, "442071838750", *NAMES):
        assert secret.lower() not in text
    assert TOKEN not in html + body


@platforms
@settings(max_examples=examples(40))
@given(data=st.data())
def test_the_same_conversion_gives_the_same_bytes(kind: str, data: st.DataObject) -> None:
    """Mapping is deterministic, changes nothing it was given, and a retry sends the very same body."""
    platform, conversion = made(kind), data.draw(conversions())
    record, again = encode(conversion.to_record()), made(kind)

    for half in (browser_half, server_half):
        assert half(platform, conversion) == half(again, conversion)
    assert encode(server_half(platform, conversion)) == encode(server_half(again, conversion))
    assert losses(platform, conversion) == losses(again, conversion)
    assert encode(conversion.to_record()) == record


@platforms
@settings(max_examples=examples(40))
@given(data=st.data())
def test_the_pixel_starts_without_fields_of_an_event(kind: str, data: st.DataObject) -> None:
    """What starts the pixel depends on the visitor and his consent alone, and its ID stands in it as text."""
    platform, visitor = made(kind), data.draw(visitors())
    calls = platform.init_calls(visitor, Consent.granted())

    assert calls
    assert all(isinstance(part, (str, dict)) for call in calls for part in call.args)
    assert any(isinstance(part, str) and part in golden(kind)["settings"].values() for part in calls[0].args)
