"""Customizing: names, what is withheld, what is changed or left out, which half. Always the same on both halves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pixeltwin.consent import Consent
from pixeltwin.contract import Platform
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import AddToCart, Event, PageView, Purchase
from pixeltwin.platforms import installed
from pixeltwin.snippet import render
from pixeltwin.tracker import Tracker
from pixeltwin.visitor import Visitor
from tests.goldens import KINDS, golden, made, platforms
from tests.pages import fired
from tests.samples import NOW
from tests.twins import SPELLINGS, Twin, exact

PHONE = "+44 20 7183 8750"
SOMEBODY = Visitor(email="ada@example.com", phone=PHONE, ip_address="203.0.113.7", user_agent="Agent")
SALE = Purchase(order_id="1001", value="59.90", currency="EUR")
GRANTED = Consent.granted()
PAGE = "https://shop.example/thanks"
Hook = Callable[[Conversion], "Conversion | None"]


def conversion(event: Event = SALE, visitor: Visitor = SOMEBODY) -> Conversion:
    return Conversion(event=event, id="ab" * 32, occurred_at=NOW, visitor=visitor, source_url=PAGE)


def halves(platform: Platform, said: Conversion) -> tuple[Twin, Twin]:
    """What the pixel and the API are told, in nobody's words."""
    reader = SPELLINGS[platform.kind]
    [call] = platform.browser_calls(said)
    return reader.browser(call), reader.server(exact(platform.server_event(said)))


def tracked(platform: Platform) -> tuple[str, list[str]]:
    """The page with a sale, and what became of its server halves after one pass of delivery to where nobody listens."""
    tracker = Tracker([platform], secret_keys=["k"], outbox="memory:", clock=lambda: NOW, on_error="log")
    said = tracker.track(SALE, visitor=SOMEBODY, consent=GRANTED, source_url=PAGE)
    page = tracker.snippet([said], consent=GRANTED)
    tracker.deliver()
    states = [f"{row.state}: {row.reason}" for row in tracker.outbox.deliveries()]
    tracker.close()
    return str(page), states


def unheard(kind: str, **more: Any) -> Platform:
    """A platform whose API is a port of this machine that nobody listens on."""
    return made(kind, api_url="http://127.0.0.1:9", **more)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, known.server)
        for kind in KINDS
        for known in installed()[kind].known_names
        if known.server and known.browser
    ],
)
def test_every_name_is_reachable_from_the_event_and_for_the_site(kind: str, name: str) -> None:
    """`names=` on an event or on the platform gives any documented name, the pair of it on the two halves."""
    cart: dict[str, Any] = {"value": "5", "currency": "EUR"}
    by_event, by_site = conversion(AddToCart(**cart, names={kind: name})), conversion(AddToCart(**cart))
    pair = installed()[kind].known_names
    wanted = next(known for known in pair if name in (known.browser, known.server))
    for platform, said in ((made(kind), by_event), (made(kind, names={"AddToCart": name}), by_site)):
        assert platform.event_name(said.event) == wanted
        browser, server = halves(platform, said)
        assert browser.differs_from(server) == {}
        assert exact(platform.browser_calls(said)[0].args).count(wanted.browser) == 1


@platforms
def test_the_name_of_the_event_goes_before_the_name_of_the_site(kind: str) -> None:
    """What is said for one event outweighs what is said for all."""
    first, second, *_ = (known for known in installed()[kind].known_names if known.browser)
    platform = made(kind, names={"AddToCart": first.server})
    assert platform.event_name(AddToCart()) == first
    assert platform.event_name(AddToCart(names={kind: second.server})) == second


@platforms
def test_an_unknown_name_is_an_error_with_the_near_matches(kind: str) -> None:
    """A mistyped name says what was meant, where the platform is set up and where the event is made."""
    right = max(installed()[kind].known_names, key=lambda known: len(known.server))
    wrong = right.server[:-2] + right.server[-1]
    for attempt in (
        lambda: made(kind, names={"AddToCart": wrong}),
        lambda: made(kind).server_event(conversion(AddToCart(names={kind: wrong}))),
        lambda: made(kind).browser_calls(conversion(AddToCart(names={kind: wrong}))),
    ):
        with pytest.raises(UnknownName, match="did you mean") as mistake:
            attempt()
        assert {right.browser, right.server} & set(mistake.value.near)


def test_another_platforms_name_leads_to_the_own_one() -> None:
    """ADD_TO_CART for Snap: did you mean ADD_CART?"""
    with pytest.raises(UnknownName, match=r"did you mean ADD_CART\b"):
        made("snap").server_event(conversion(AddToCart(names={"snap": "ADD_TO_CART"})))


@platforms
def test_names_for_an_event_that_does_not_exist_are_refused(kind: str) -> None:
    """A site-wide name for a mistyped event is an error at start-up, not silence for ever."""
    with pytest.raises(ConfigurationError, match="AddToKart"):
        made(kind, names={"AddToKart": installed()[kind].known_names[0].server})


# --- what is shared --------------------------------------------------------------------------------------------------


@platforms
@pytest.mark.parametrize("field", ["phone", "email", "ip_address"])
def test_a_withheld_field_is_on_neither_half(kind: str, field: str) -> None:
    """`withhold={"phone"}`: neither the page nor the API gets it, in any form, and all else stays as it was."""
    if field not in {rule.source or name for name, rule in made(kind).identity.items()}:
        pytest.skip(f"{kind} has no field for {field}")
    everything, less = made(kind), made(kind, withhold={field})
    said, without = conversion(), conversion(visitor=SOMEBODY.model_copy(update={field: ()}))
    assert everything.server_event(said) != less.server_event(said) == everything.server_event(without)
    assert less.init_calls(SOMEBODY, GRANTED) == everything.init_calls(without.visitor, GRANTED)
    assert less.browser_calls(said) == everything.browser_calls(said)


@platforms
@pytest.mark.parametrize("field", ["user_agent", "click_ids", "browser_ids"])
def test_a_withheld_signal_reaches_no_server_event(kind: str, field: str) -> None:
    """Signals of the browser can be withheld like identity: the event is the one of a visitor who has none."""
    everything, less = made(kind), made(kind, withhold={field})
    uuid = "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
    known = SOMEBODY.model_copy(update={"click_ids": {kind: "c1"}, "browser_ids": {kind: uuid}})
    said = conversion(visitor=known)
    without = conversion(visitor=known.model_copy(update={field: None if field == "user_agent" else {}}))
    assert less.server_event(said) == everything.server_event(without)


@platforms
@pytest.mark.parametrize(
    ("landed", "left"),
    [
        ("?{0}=c1", ""),
        ("?q=mugs&{0}=c1&utm_source=x", "?q=mugs&utm_source=x"),
        ("?{0}=c1&q=mugs#top", "?q=mugs#top"),
        ("?{0}=c1#top", "#top"),
        ("?utm_term=https%3A%2F%2Fshop.example%2F%3F{0}%3Dc1&q=mugs", "?q=mugs"),
        ("?q=mugs&q=%26#top", "?q=mugs&q=%26#top"),
        ("", ""),
    ],
)
def test_a_withheld_click_id_does_not_ride_in_the_pages_address(kind: str, landed: str, left: str) -> None:
    """The API gets the page without the platform's own click id, by itself or within another parameter."""
    platform = made(kind, withhold={"click_ids"})
    said = replace(conversion(), source_url=PAGE + landed.format(platform.click_parameter))
    assert platform.server_event(said) == made(kind).server_event(replace(said, source_url=PAGE + left))


@platforms
def test_signals_kept_by_the_pixels_own_name_go_before_those_of_its_platform(kind: str) -> None:
    """Of two pixels of one platform each gets the click id and browser id kept for it, else those of the platform."""
    theirs, own = (f"b8f7eb7d-b357-437b-8bd3-e1c8166c713{digit}" for digit in "23")

    def event(name: str | None, ids: dict[str, str]) -> dict[str, Any]:
        who = SOMEBODY.model_copy(update={"click_ids": ids, "browser_ids": ids})
        return made(kind, name=name).server_event(conversion(visitor=who))

    assert event("second", {kind: theirs, "second": own}) == event(None, {kind: own})
    assert event("second", {kind: theirs}) == event(None, {kind: theirs, "second": own})


@platforms
def test_what_nobody_may_match_by_names_what_would_help(kind: str) -> None:
    """Without anything to match by, the error and the refusal name what would satisfy the platform."""
    with pytest.raises(CannotSend, match="e-mail") as refusal:
        made(kind).server_event(conversion(visitor=Visitor()))
    assert refusal.value.reason == "no_match_key"
    assert made(kind).server_event(conversion(visitor=Visitor(email="ada@example.com")))


# --- before_send -----------------------------------------------------------------------------------------------------


def raised(said: Conversion) -> Conversion | None:
    raise KeyError("ada@example.com")


@platforms
def test_what_before_send_changes_is_changed_on_both_halves(kind: str) -> None:
    """The site rounds a value; page and stored event have the rounded one, and agree."""

    def rounded(said: Conversion) -> Conversion | None:
        return replace(said, event=Purchase(order_id="1001", value="60", currency="EUR"))

    platform = made(kind, before_send=rounded)
    prepared = platform.prepared(conversion())
    assert prepared
    browser, server = halves(platform, prepared)
    assert browser.differs_from(server) == {}
    assert browser.said["value"] == server.said["value"] == 60
    page = render([platform], lambda _: [conversion()], visitor=SOMEBODY, consent=GRANTED)
    assert "59.90" not in page and "60" in page


@platforms
@pytest.mark.parametrize(
    ("hook", "state"),
    [(lambda said: None, "suppressed: before_send"), (raised, "waiting: mapping error")],
    ids=["None", "raising"],
)
def test_what_before_send_leaves_out_or_breaks_on_has_neither_half(
    kind: str, hook: Hook, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """None leaves a conversion out for good, an error until it is mended: neither page nor platform gets it."""
    with caplog.at_level(logging.DEBUG):
        page, states = tracked(unheard(kind, before_send=hook))
    assert "1001" not in page and not fired(page)
    assert len(states) == 1 and states[0].startswith(state)
    assert "ada@example.com" not in caplog.text


# --- halves and pixels -----------------------------------------------------------------------------------------------


@platforms
def test_a_half_that_is_switched_off_stays_off_and_the_other_on(kind: str) -> None:
    """`browser=False` leaves the page empty, `server=False` the outbox; the other half is as it was."""
    page, states = tracked(unheard(kind))
    assert fired(page) and len(states) == 1
    assert tracked(unheard(kind, browser=False)) == ("", states)
    browser_only, none = tracked(unheard(kind, server=False))
    assert browser_only == page
    assert none == []


@platforms
def test_two_pixels_of_one_platform_are_told_apart_by_name(kind: str) -> None:
    """`name=` makes a second pixel with names, and a destination of its own, and an unnamed second one is refused."""
    setting = next(one.name for one in installed()[kind].settings if one.required)
    other = {"reddit": "a2_other", "snap": "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f12", "pinterest": "2612345678902"}[kind]
    more = {"ad_account_id": "549755885176"} if "ad_account_id" in golden(kind)["settings"] else {}
    first, second = made(kind), made(kind, name="second", **{setting: other}, **more)
    assert first.destination != second.destination
    known = [one for one in installed()[kind].known_names if one.browser and one.browser != "Custom"]
    own = next(one for one in known if one != first.event_name(PageView()))
    said = conversion(PageView(names={"second": own.server}))
    assert (first.event_name(said.event), second.event_name(said.event)) == (first.event_name(PageView()), own)
    with pytest.raises(ConfigurationError, match="name="):
        Tracker([first, made(kind, **{setting: other}, **more)], secret_keys=["k"], outbox="memory:")


@platforms
def test_consent_can_be_for_one_pixel_or_for_all_of_a_platform(kind: str) -> None:
    """Denied by a pixel's name holds for that pixel, denied by the platform's for all its pixels, on both halves."""
    first, second = made(kind), made(kind, name="second")
    by_name, by_kind = (Consent.granted(platforms={name: "denied"}) for name in ("second", kind))
    assert (first.allowed(by_name), second.allowed(by_name)) == (True, False)
    assert (first.allowed(by_kind), second.allowed(by_kind)) == (False, False)
    said = conversion()
    for platform, consent in ((second, by_name), (first, by_kind), (second, by_kind)):
        assert render([platform], lambda _: [said], visitor=SOMEBODY, consent=consent) == ""
    assert fired(render([first], lambda _: [said], visitor=SOMEBODY, consent=by_name))
