"""Reddit off the page: apps, shops and refunds; and what the advertiser chose: values, names, what is withheld."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from pixeltwin.app import App
from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.emulation import Answer, Incoming
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import Event, Item, PageView, Purchase, Refund, Search
from pixeltwin.platforms.reddit import Reddit
from pixeltwin.platforms.reddit.dedup import judge
from pixeltwin.platforms.reddit.emulator import RedditEmulator
from pixeltwin.visitor import Visitor, collected_rules

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
UUID = "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
IOS = App(platform="ios", id="1234567890")
ANDROID = App(platform="android", id="com.example.boots")
IDFA = "962da44fb91e0d1bacbb16ca1ab63b60d4e59d863051f86fb8e8fd5f5b0b2dfc"
AAID = "d4181bb455a74b3bc8b37c75ac9b2c702eb6b9930bd040b861403b31ca85634d"
SALE = Purchase(order_id="1", value="119.00", currency="EUR", tax="19.00", shipping="4.90")
BACK = Refund(order_id="1", value="29.95", currency="EUR", items=[Item(id="1", price="29.95")])


def reddit(**more: Any) -> Reddit:
    return Reddit(**{"pixel_id": "a2_abc123", "access_token": "conversion-token", **more})


def conversion(event: Event | None = None, visitor: Visitor | None = None, **more: Any) -> Conversion:
    said: dict[str, Any] = {"id": ID, "occurred_at": NOW, **more}
    return Conversion(event=event or PageView(), visitor=visitor or Visitor(email="a@example.com"), **said)


def post(*events: Any, test: str | None = None) -> Answer:
    body = reddit().server_request(events, test=test).body
    path, headers = "/api/v3/pixels/a2_abc123/conversion_events", {"authorization": "Bearer t", "user-agent": "shop/1"}
    return RedditEmulator().answer(Incoming("POST", path, "", headers, body), NOW + timedelta(seconds=5))


def lost(said: Conversion, **more: Any) -> set[tuple[str, str]]:
    found = {(loss.field, loss.reason) for loss in reddit(**more).losses(said)}
    return {one for one in found if one[1] != "recommended_signal"}


# --- apps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "given", "key", "digest"),
    [
        (IOS, "8a2e4f6d-0852-4b2a-b9d5-79334de14b16", "idfa", IDFA),
        (IOS, " 8A2E4F6D-0852-4B2A-B9D5-79334DE14B16 ", "idfa", IDFA),
        (IOS, IDFA.upper(), "idfa", IDFA),
        (ANDROID, "38400000-8CF0-11BD-B23E-10B96E40000D", "aaid", AAID),
        (ANDROID, "38400000-8cf0-11bd-b23e-10b96e40000d", "aaid", AAID),
    ],
)
def test_a_mobile_ad_id_has_the_published_digest_and_alone_is_enough(
    app: App, given: str, key: str, digest: str
) -> None:
    """Apple's id is hashed in upper case, Google's in lower case, from a stored visitor too; each alone matches."""
    told = conversion(visitor=Visitor(mobile_ad_id=given), action_source="app", app=app)
    event = reddit().server_event(told)
    sealed = told.visitor.seal(collected_rules([reddit().rules]))

    assert event["user"] == {key: digest}
    assert event["action_source"] == "APP"
    assert post(event).status == 200
    assert reddit().server_event(told.with_visitor(sealed)) == event


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"action_source": "web"}, "app_unknown"),
        ({"action_source": "app"}, "app_unknown"),
        ({"action_source": "app", "app": replace(IOS, tracking_allowed=False)}, "tracking_not_allowed"),
        ({"action_source": "offline", "app": IOS}, "not_in_stores"),
    ],
)
def test_an_ad_id_that_may_not_be_told_is_left_out_and_reported(more: dict[str, Any], reason: str) -> None:
    """Nobody guesses whose id it is, nobody is followed who said no, and a shop's event has no device."""
    told = conversion(
        visitor=Visitor(email="a@example.com", mobile_ad_id="8a2e4f6d-0852-4b2a-b9d5-79334de14b16"), **more
    )

    assert set(reddit().server_event(told)["user"]) == {"email"}
    assert lost(told) == {("mobile_ad_id", reason)}
    assert lost(told, withhold={"mobile_ad_id"}) == set()


@pytest.mark.parametrize("given", ["00000000-0000-0000-0000-000000000000", "8a2e4f6d", "N/A"])
def test_an_ad_id_that_is_none_is_never_hashed(given: str) -> None:
    """The zeros of somebody who opted out, and junk, are left out on either system and reported once."""
    told = conversion(visitor=Visitor(email="a@example.com", mobile_ad_id=given), action_source="app", app=IOS)

    assert set(reddit().server_event(told)["user"]) == {"email"}
    assert [loss.field for loss in reddit().losses(told) if loss.reason == "unusable_value"] == ["mobile_ad_id"]


def test_of_several_ad_ids_the_first_is_sent() -> None:
    """Reddit takes one id: the first is sent and the others are one named loss."""
    ids = ["8a2e4f6d-0852-4b2a-b9d5-79334de14b16", "38400000-8cf0-11bd-b23e-10b96e40000d"]
    told = conversion(visitor=Visitor(email="a@example.com", mobile_ad_id=ids), action_source="app", app=IOS)

    assert reddit().server_event(told)["user"]["idfa"] == IDFA
    assert lost(told) == {("mobile_ad_id", "one_value_only")}


def test_an_app_that_matches_nobody_hears_what_would() -> None:
    """An app's event without any signal is held back, and the error names the mobile ad id and app=."""
    with pytest.raises(CannotSend, match=r"mobile ad id \(with app=") as refusal:
        reddit().server_event(conversion(visitor=Visitor(first_name="Jane"), action_source="app", app=IOS))

    assert refusal.value.reason == "no_match_key"


# --- apart from the page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["app", "offline"])
def test_only_the_web_has_a_browser_half(source: Any) -> None:
    """An app's and a shop's event call no pixel and name no page; the pixel's order id is then a named loss."""
    told = conversion(SALE, action_source=source, app=IOS, source_url="https://shop.example/")
    event = reddit().server_event(told)

    assert reddit().browser_calls(told) == []
    assert "event_source_url" not in event
    assert lost(told) == {("order_id", "unsupported_field")}
    assert reddit().browser_calls(replace(told, action_source="web", app=None)) != []


def test_two_action_sources_never_merge_but_a_repetition_does() -> None:
    """One sale told from two sources counts twice; the same event sent again by a retry counts once."""
    sources: list[Any] = ["web", "app", "offline"]
    halves = [
        post(reddit().server_event(conversion(SALE, action_source=source, app=IOS))).halves[0] for source in sources
    ]

    for first in halves:
        for second in halves:
            verdict = judge(first, second)
            assert verdict.counted == (1 if first is second else 2), verdict.reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"click_id": "3184742045291813272"}, "click_id"),
        ({"user": {"email": IDFA, "idfa": IDFA}}, "idfa"),
        ({"user": {"email": IDFA, "uuid": UUID}}, "uuid"),
        ({"user": {"email": IDFA, "external_id": "1"}}, "external_id"),
        ({"user": {}}, "attribution signal"),
    ],
)
def test_the_sandbox_refuses_a_shop_that_knows_too_much(change: dict[str, Any], why: str) -> None:
    """A PHYSICAL_STORE event with anything of a device, or without e-mail and phone, voids its request."""
    event = {**reddit().server_event(conversion(SALE, action_source="offline")), **change}
    answer = post(event)

    assert answer.status == 400
    assert why in answer.rejected[0].reason


def test_the_sandbox_remarks_on_a_page_without_a_web_and_on_two_ad_ids() -> None:
    """What Reddit ignores rather than refuses is remarked on: an app's page address, both systems' ids at once."""
    event = reddit().server_event(conversion(action_source="app", app=IOS))
    odd = {**event, "event_source_url": "https://shop.example/", "user": {"idfa": IDFA, "aaid": AAID}}

    assert post(event).warnings == ()
    assert len(post(odd).warnings) == 2


# --- refunds ---------------------------------------------------------------------------------------------------------


def test_a_refund_is_a_custom_event_of_the_server_by_setting() -> None:
    """With `refunds=` a refund goes under that name, value and products with it, and never from the page."""
    told = conversion(BACK)
    event = reddit(refunds=" Money back ").server_event(told)

    assert event["type"] == {"tracking_type": "CUSTOM", "custom_event_name": "Money back"}
    assert event["metadata"] == {
        "conversion_id": ID,
        "currency": "EUR",
        "value": Decimal("29.95"),
        "item_count": 1,
        "products": [{"id": "1", "quantity": 1, "item_price": Decimal("29.95")}],
    }
    assert reddit(refunds="Money back").browser_calls(told) == []
    assert lost(told, refunds="Money back") == {("order_id", "unsupported_field")}
    assert post(event).status == 200


@pytest.mark.parametrize("names", [{}, {"reddit": "Purchase"}])
def test_a_refund_is_not_sent_without_the_setting(names: dict[str, str]) -> None:
    """Without `refunds=` neither half says a word, whatever name the event asks for, and the error says what to set."""
    told = conversion(Refund(value="5", currency="EUR", names=names))
    for half in (reddit().server_event, reddit().browser_calls, reddit().losses):
        with pytest.raises(CannotSend, match="set refunds=") as refusal:
            half(told)
        assert refusal.value.reason == "refunds_off"


# --- values and names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("basis", "value"), [("total", "119.00"), ("net", "95.10")])
def test_a_purchase_has_one_value_on_both_halves(basis: str, value: str) -> None:
    """The total, or what of it is neither tax nor shipping: both halves say the same, and neither is a loss."""
    platform = reddit(value_basis=basis)

    assert platform.server_event(conversion(SALE))["metadata"]["value"] == Decimal(value)
    assert platform.browser_calls(conversion(SALE))[0].args[2]["value"] == Decimal(value)
    assert lost(conversion(SALE), value_basis=basis) == set()


@pytest.mark.parametrize(
    ("wrong", "advice"), [({"value_basis": "gross"}, "total, net"), ({"refunds": "x" * 65}, "at most 64 characters")]
)
def test_a_choice_that_cannot_be_is_refused_with_advice(wrong: dict[str, Any], advice: str) -> None:
    """An unknown value basis or an impossible event name is an error where it is set."""
    with pytest.raises(ConfigurationError, match=advice):
        reddit(**wrong)


@pytest.mark.parametrize("known", Reddit.known_names, ids=lambda one: one.server)
def test_each_of_the_nine_names_is_reached_on_both_sides(known: Any) -> None:
    """By event or site-wide, in the pixel's spelling or the API's, a name brings its twin with it."""
    for name in (known.browser, known.server):
        for platform, event in (
            (reddit(), Search(names={"reddit": name})),
            (reddit(names={"Search": name}), Search()),
        ):
            assert platform.browser_calls(conversion(event))[0].args[1] == known.browser
            assert platform.server_event(conversion(event))["type"]["tracking_type"] == known.server


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("ADD_CART", "AddToCart"), ("PageView", "PageVisit"), ("PAGE_VIEW", "PageVisit"), ("purchase", "Purchase")],
)
def test_an_unknown_name_lists_the_near_ones(wrong: str, near: str) -> None:
    """A name that Reddit does not have is an error that shows those it could have meant."""
    with pytest.raises(UnknownName, match=f"did you mean .*{near}"):
        reddit(names={"Search": wrong})


# --- what is withheld ------------------------------------------------------------------------------------------------


def test_a_withheld_field_reaches_neither_half() -> None:
    """`withhold=` keeps a field from the pixel and from the API alike."""
    visitor, platform = Visitor(email="a@example.com", phone="+15554441234"), reddit(withhold={"phone", "ip_address"})

    assert set(platform.server_event(conversion(visitor=visitor))["user"]) == {"email"}
    assert "phoneNumber" not in platform.init_calls(visitor, Consent.granted())[0].args[2]


@pytest.mark.parametrize(
    ("field", "key"),
    [("user_agent", "user_agent"), ("screen", "screen_dimensions"), ("browser_ids", "uuid"), ("click_ids", "click_id")],
)
def test_what_a_browser_says_is_withheld_too(field: str, key: str) -> None:
    """`withhold=` keeps an agent, a screen, a browser id or a click id from the API."""
    signals: Any = {"browser_ids": {"reddit": UUID}, "click_ids": {"reddit": "1"}}
    seen = conversion(visitor=Visitor(email="a@example.com", user_agent="M", screen=(1, 1), **signals))
    told, withheld = reddit().server_event(seen), reddit(withhold={field}).server_event(seen)

    assert {*told, *told["user"]} - {*withheld, *withheld["user"]} == {key}


def test_a_misspelt_field_is_not_taken_for_withheld() -> None:
    """`withhold=` with a name that no visitor has is an error that lists those there are."""
    with pytest.raises(ConfigurationError, match="phnoe; give some of email, phone,"):
        reddit(withhold={"phnoe"})


# --- tests and advice ------------------------------------------------------------------------------------------------


def test_event_testing_takes_one_event_a_request() -> None:
    """A batch with a test id would be shown nowhere, so it is an error; one event goes, and counts nowhere."""
    event = reddit().server_event(conversion())

    with pytest.raises(ConfigurationError, match="one by one"):
        reddit().server_request([event, event], test="t2_test")
    assert post(event, test="t2_test").halves == ()
    assert "Event Testing" in post(event, test="t2_test").warnings[0]


@pytest.mark.parametrize(
    ("visitor", "source", "missing"),
    [
        (Visitor(email="a@example.com"), "web", {"ip_address", "user_agent"}),
        (Visitor(email="a@example.com", ip_address="203.0.113.7", user_agent="M"), "web", set[str]()),
        (Visitor(ip_address="203.0.113.7"), "app", {"email", "user_agent"}),
        (Visitor(email="a@example.com"), "offline", {"phone"}),
    ],
)
def test_what_would_match_better_is_advice(visitor: Visitor, source: Any, missing: set[str]) -> None:
    """Recommended signals that are missing are named, for the action source they matter to, unless withheld."""
    told = conversion(visitor=visitor, action_source=source)

    def advised(**more: Any) -> set[str]:
        return {loss.field for loss in reddit(**more).losses(told) if loss.reason == "recommended_signal"}

    assert advised() == missing
    assert not {"email", "ip_address", "phone"} & advised(withhold={"email", "ip_address", "phone"})
