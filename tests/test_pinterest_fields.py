"""Pinterest: what of an event goes where, by which setting, and what is said to be lost."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pixeltwin.app import App, Device
from pixeltwin.consent import Consent
from pixeltwin.contract import EventName
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import CustomEvent, Event, Item, Lead, PageView, Purchase, Refund, SignUp, Travel, WatchVideo
from pixeltwin.platforms.pinterest import Pinterest
from pixeltwin.strictjson import encode
from pixeltwin.visitor import Visitor, sha256
from tests.strategies import conversions, exact_money

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
BROWSER: dict[str, Any] = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11)", "external_id": "42"}
SOMEBODY = Visitor(**BROWSER)
IPHONE = App("ios", "429047995", name="Shop", version="7.9")
PUBLISHED = Draft202012Validator(
    json.loads((Path(__file__).parent / "schemas" / "pinterest-v5-events.schema.json").read_text("utf-8"))
)


def pinterest(**settings: Any) -> Pinterest:
    return Pinterest(
        **{"tag_id": "2612345678901", "ad_account_id": "549755885175", "access_token": "pina_x", **settings}
    )


def conversion(event: Event, **fields: Any) -> Conversion:
    return Conversion(**{"event": event, "id": ID, "occurred_at": NOON, "visitor": SOMEBODY, **fields})


def lost(platform: Pinterest, event: Event, **fields: Any) -> list[tuple[str, str]]:
    return [(loss.field, loss.reason) for loss in platform.losses(conversion(event, **fields))]


def bought(**fields: Any) -> Purchase:
    return Purchase(**{"order_id": "1", "value": "100.00", "currency": "EUR", **fields})


def values(platform: Pinterest, event: Event) -> tuple[Any, Any]:
    """The value that the tag gets, and the API's."""
    told = conversion(event)
    tag = platform.browser_calls(told)[0].args[2]["value"]
    return tag, Decimal(platform.server_event(told)["custom_data"]["value"])


@given(told=conversions())
def test_any_body_keeps_to_the_published_schema(told: Conversion) -> None:
    """Whatever happened, wherever, the body is valid under Pinterest's schema, or it is named why there is none."""
    body, reason = None, ""
    try:
        body = {"data": [pinterest(refunds=True).server_event(told)]}
    except CannotSend as refusal:
        reason = refusal.reason

    assert body or reason in ("app_missing", "no_match_key")
    if body:
        PUBLISHED.validate(json.loads(encode(body)))


# --- names -----------------------------------------------------------------------------------------------------------


def test_every_published_name_is_reached_on_both_sides() -> None:
    """All 22 names of the API and their 20 twins in the tag are reached by either spelling, for one event or all."""
    platform = pinterest()
    for pair in Pinterest.known_names:
        for spelling in filter(None, (pair.browser, pair.server)):
            event = Lead(names={"pinterest": spelling})
            assert platform.server_event(conversion(event))["event_name"] == pair.server
            assert pinterest(names={"Lead": spelling}).event_name(Lead()) == pair
            if pair.browser:
                assert platform.browser_calls(conversion(event))[0].args[1] == pair.browser
    assert len(Pinterest.known_names) == 22
    assert sum(bool(pair.browser) for pair in Pinterest.known_names) == 20
    assert all(pair.browser in ("", pair.server.replace("_", "")) for pair in Pinterest.known_names)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("purchase_checkout", "checkout"), ("sign_up", "signup"), ("wishlist", "addtowishlist")]
)
def test_a_wrong_name_brings_the_near_ones(wrong: str, meant: str) -> None:
    """A name that Pinterest does not document is an error that says which ones are near."""
    with pytest.raises(UnknownName) as unknown:
        pinterest(names={"Lead": wrong})
    assert meant in str(unknown.value)


def test_a_custom_event_has_the_name_it_is_given() -> None:
    """custom_events= gives a custom event a name of Pinterest's, or one's own, the same on both sides."""
    platform = pinterest(custom_events={"Call booked": "schedule", "Quiz finished": "quiz_finished"})

    assert platform.event_name(CustomEvent(name="Call booked")) == EventName("schedule", "schedule")
    assert platform.event_name(CustomEvent(name="Quiz finished")) == EventName("quiz_finished", "quiz_finished")
    assert platform.event_name(CustomEvent(name="Other")) == EventName("custom", "custom")
    renamed = CustomEvent(name="Quiz finished", names={"pinterest": "lead"})
    assert platform.event_name(renamed) == EventName("lead", "lead")
    assert lost(platform, CustomEvent(name="Quiz finished")) == []
    assert lost(platform, CustomEvent(name="Other")) == [("name", "no_such_field")]


def test_a_documented_name_is_itself_in_any_spelling() -> None:
    """Pinterest's own pages write AddToCart, AddToWishList, checkout: each is that event, not a name of one's own."""
    for pair in Pinterest.known_names:
        bare = pair.server.replace("_", "")
        for spelling in (bare, bare.upper(), bare.title(), pair.server.title(), pair.server.upper()):
            named = pinterest(custom_events={"Mine": spelling}).event_name(CustomEvent(name="Mine"))
            assert named == pair


@pytest.mark.parametrize(
    "wrong",
    [
        {"custom_events": {"Quiz": "quiz finished"}},
        {"custom_events": {"Quiz": "quiz2"}},
        {"custom_events": {"Quiz": ""}},
        {"custom_events": {f"Quiz {letter}": f"quiz_{letter}" for letter in "abcdefghijklmnop"}},
        {"value_basis": "gross"},
    ],
)
def test_impossible_choices_are_refused_at_once(wrong: dict[str, Any]) -> None:
    """A name Pinterest would not let pass, a sixteenth one, and an unknown basis are errors at once."""
    with pytest.raises(ConfigurationError):
        pinterest(**wrong)


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_purchase_is_worth_what_the_setting_says() -> None:
    """By default tax and shipping are taken off, as Pinterest recommends; on request the total counts."""
    event = bought(tax="15.97", shipping="4.90")

    assert values(pinterest(), event) == (Decimal("79.13"), Decimal("79.13"))
    assert values(pinterest(value_basis="total"), event) == (Decimal("100.00"), Decimal("100.00"))
    assert values(pinterest(), bought()) == (Decimal("100.00"), Decimal("100.00"))


@given(goods=exact_money, tax=exact_money, shipping=exact_money)
def test_both_halves_are_worth_the_same(goods: Decimal, tax: Decimal, shipping: Decimal) -> None:
    """Whatever the amounts, both halves have the same value, exact to the cent, wherever it is reckoned."""
    event = bought(value=goods + tax + shipping, tax=tax, shipping=shipping)
    with localcontext() as rounding:
        rounding.prec = 3
        tag, api = values(pinterest(), event)

    assert tag == api == goods


def test_a_refund_is_the_apis_alone_and_by_setting() -> None:
    """Refunds are refused with advice until they are switched on; then they are custom events of the API alone."""
    refund = Refund(order_id="1", value="10.00", currency="EUR")
    for half in (pinterest().server_event, pinterest().browser_calls):
        with pytest.raises(CannotSend, match="refunds=True") as refusal:
            half(conversion(refund))
        assert refusal.value.reason == "refunds_off"

    platform = pinterest(refunds=True)
    event = platform.server_event(conversion(refund))
    assert (event["event_name"], event["custom_data"]["value"]) == ("custom", "10.00")
    assert platform.browser_calls(conversion(refund)) == []
    assert len(platform.noscript_images([conversion(refund)], SOMEBODY, Consent.granted())) == 1


# --- where it happened -----------------------------------------------------------------------------------------------


def test_an_app_says_which_system_it_runs_on() -> None:
    """An app's event goes as app_ios or app_android with its app, and not at all when the app is unknown."""
    event = pinterest().server_event(conversion(SignUp(), action_source="app", app=IPHONE))

    assert event["action_source"] == "app_ios"
    assert (event["app_id"], event["app_name"], event["app_version"]) == ("429047995", "Shop", "7.9")
    with pytest.raises(CannotSend) as refusal:
        pinterest().server_event(conversion(SignUp(), action_source="app"))
    assert refusal.value.reason == "app_missing"


@pytest.mark.parametrize("source", ["app", "offline"])
def test_what_has_no_page_says_no_address_and_calls_no_tag(source: Any) -> None:
    """Events of apps and shops have no browser half and no page's address, and the fields of the tag alone are lost."""
    platform = pinterest()
    event = bought(promo_code="SNOW10", items=[Item(id="a", variant="red")])
    told = {"action_source": source, "app": IPHONE, "source_url": "https://shop.example/"}

    assert platform.browser_calls(conversion(event, **told)) == []
    assert "event_source_url" not in platform.server_event(conversion(event, **told))
    assert lost(platform, event, **told) == [("promo_code", "no_browser_half"), ("items.variant", "no_browser_half")]
    assert lost(platform, event) == []


def test_a_shop_has_no_app_and_no_screen() -> None:
    """An offline sale says nothing of an app or a device, even where one is known."""
    visitor = Visitor(email="user@example.com", screen=(1920, 1080))
    event = pinterest().server_event(conversion(bought(), action_source="offline", app=IPHONE, visitor=visitor))

    assert not {"app_id", "app_info", "device_info", "opt_out"} & set(event)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "n" * 201}, "app.name"),
        ({"version": "1" * 101}, "app.version"),
        ({"os_version": "1" * 101}, "app.os_version"),
        ({"store": 7}, "app.store"),
        ({"device": Device(timezone_abbreviation="America/New_York")}, "app.device.timezone_abbreviation"),
        ({"device": Device(width=30721)}, "app.device.width"),
        ({"device": Device(width=-1)}, "app.device.width"),
        ({"device": Device(cpu_cores=2000)}, "app.device.cpu_cores"),
        ({"device": Device(storage=-1)}, "app.device.storage"),
        ({"device": Device(locale="x" * 36)}, "app.device.locale"),
    ],
)
def test_what_would_void_a_batch_is_left_out(wrong: dict[str, Any], field: str) -> None:
    """A value of an app or device beyond the published limits is left out and said; the event stays valid."""
    app = App("android", "com.example.shop", **wrong)
    event = pinterest().server_event(conversion(SignUp(), action_source="app", app=app))

    PUBLISHED.validate({"data": [event]})
    assert lost(pinterest(), SignUp(), action_source="app", app=app) == [(field, "unusable_value")]


def test_what_pinterest_has_no_word_for_in_an_app_is_a_loss() -> None:
    """The build, the install's referrer and the screen's scale have no field at Pinterest and are said to be lost."""
    app = App("ios", "1", build="7.9.1042", install_referrer="utm_source=x", device=Device(density=3.0))

    assert [field for field, _ in lost(pinterest(), SignUp(), action_source="app", app=app)] == [
        "app.build",
        "app.install_referrer",
        "app.device.density",
    ]


@pytest.mark.parametrize(("allowed", "opt_out"), [(True, False), (False, True), (None, None)])
def test_tracking_forbidden_is_an_opt_out(allowed: bool | None, opt_out: bool | None) -> None:
    """Who forbids tracking on his phone has opted out; of whom it is not known nothing is said."""
    for system in ("ios", "android"):
        app = App(system, "1", tracking_allowed=allowed)
        event = pinterest(newer_fields=True).server_event(conversion(SignUp(), action_source="app", app=app))

        assert event.get("opt_out") is opt_out
        assert event.get("advertiser_tracking_enabled") is (allowed if system == "ios" else None)
        PUBLISHED.validate({"data": [pinterest().server_event(conversion(SignUp(), action_source="app", app=app))]})


@pytest.mark.parametrize(
    ("locale", "language", "written"),
    [
        ("en-US", "en", "en-US"),
        ("de_AT", "de", "de-AT"),
        ("fr", "fr", "fr"),
        ("fil-PH", None, "fil-PH"),
        ("", None, None),
    ],
)
def test_the_language_is_two_letters(locale: str, language: str | None, written: str | None) -> None:
    """The language is the two letters of ISO 639-1 or nothing, the locale is written as BCP 47."""
    app = App("ios", "1", device=Device(locale=locale))
    event = pinterest().server_event(conversion(SignUp(), action_source="app", app=app))

    assert event.get("language") == language
    assert event["device_info"].get("locale") == written


def test_the_screen_of_the_visitor_is_the_devices() -> None:
    """The visitor's screen is told of pages and apps, unless the device says its own, it cannot be, or is withheld."""
    seen = Visitor(**BROWSER, screen=(1920, 1080))
    app = App("ios", "1", device=Device(width=1320, height=2868))
    told = {"screen_width": 1920, "screen_height": 1080}

    assert pinterest().server_event(conversion(PageView(), visitor=seen))["device_info"] == told
    own = pinterest().server_event(conversion(PageView(), visitor=seen, action_source="app", app=app))["device_info"]
    assert (own["screen_width"], own["screen_height"]) == (1320, 2868)
    huge = Visitor(**BROWSER, screen=(32000, 32000))
    assert "device_info" not in pinterest().server_event(conversion(PageView(), visitor=huge))
    assert "device_info" not in pinterest(withhold={"screen"}).server_event(conversion(PageView(), visitor=seen))


# --- who did it ------------------------------------------------------------------------------------------------------


def test_withheld_signals_stay_at_home() -> None:
    """`withhold=` keeps user agent and click id from the API like any other field of the visitor."""
    visitor = Visitor(email="user@example.com", user_agent="Mozilla/5.0", click_ids={"pinterest": "dj0"})
    platform = pinterest(withhold={"user_agent", "click_ids"})

    assert set(platform.server_event(conversion(PageView(), visitor=visitor))["user_data"]) == {"em"}


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (compatible; Pinterestbot/1.0)", "Mozilla/5.0 (Googlebot/2.1)"])
def test_bots_are_nobodys_conversion(agent: str) -> None:
    """A bot's visit is told on neither half; a phone whose maker is called Cubot is somebody's."""
    seen = conversion(PageView(), visitor=Visitor(ip_address="203.0.113.7", user_agent=agent))
    for half in (pinterest().server_event, pinterest().browser_calls):
        with pytest.raises(CannotSend) as refusal:
            half(seen)
        assert refusal.value.reason == "bot"
    phone = Visitor(ip_address="203.0.113.7", user_agent="Mozilla/5.0 (Linux; Android 14; CUBOT X30)")
    assert pinterest().browser_calls(conversion(PageView(), visitor=phone))


def test_postal_codes_with_letters_are_sent_by_setting() -> None:
    """A British postal code is left out and said, or hashed without its blank where the setting asks for it."""
    visitor = Visitor(**BROWSER, postal_code="SW1A 1AA")
    platform = pinterest(lettered_postal_codes=True)

    assert lost(pinterest(), PageView(), visitor=visitor) == [("postal_code", "unusable_value")]
    assert lost(platform, PageView(), visitor=visitor) == []
    assert platform.server_event(conversion(PageView(), visitor=visitor))["user_data"]["zp"] == [sha256("sw1a1aa")]
    digits = conversion(PageView(), visitor=Visitor(**BROWSER, postal_code="94107-1234"))
    assert platform.server_event(digits) == pinterest().server_event(digits)


# --- losses ----------------------------------------------------------------------------------------------------------

WORDY = bought(
    description="x",
    delivery_category="delivery",
    travel=Travel(city="Rome"),
    customer_status="new",
    items=[Item(id="a", brand_id="b", delivery_category="in_store")],
)
OFF = [
    ("description", "no_such_field"),
    ("delivery_category", "no_such_field"),
    ("travel", "no_such_field"),
    ("customer_status", "newer_field"),
    ("items.delivery_category", "no_such_field"),
    ("items.brand_id", "newer_field"),
]


def test_what_has_no_place_is_a_loss() -> None:
    """Fields that neither half of Pinterest has are said to be lost; newer ones only until they are switched on."""
    assert lost(pinterest(), WORDY) == OFF
    assert lost(pinterest(newer_fields=True), WORDY) == [one for one in OFF if one[1] == "no_such_field"]
    assert lost(pinterest(), SignUp(sign_up_method="e-mail")) == [("sign_up_method", "no_such_field")]
    assert lost(pinterest(), bought(category="x", content_name="y", predicted_ltv="1", promo_code="z")) == []
    assert lost(pinterest(), WatchVideo(title="x"), action_source="offline") == [("title", "no_browser_half")]


def test_newer_fields_have_limits_of_their_own() -> None:
    """A brand id over 64 characters and a customer who came back after long are left out and said."""
    platform = pinterest(newer_fields=True)
    event = bought(customer_status="reactivated", items=[Item(id="a", brand_id="b" * 65)])

    PUBLISHED.validate({"data": [platform.server_event(conversion(event))]})
    assert lost(platform, event) == [("customer_status", "no_such_value"), ("items.brand_id", "unusable_value")]


def test_doubtful_things_are_sent_and_said() -> None:
    """Zero values, limited use beyond California, a missing external id and a vendor's device id are pointed out."""
    platform = pinterest()
    nobody = Visitor(email="user@example.com", idfv="EA7583CD-A667-48BC-B806-42ECB2B48606")

    assert lost(platform, bought(value=0)) == [("value", "zero_value")]
    assert lost(platform, PageView(), consent=Consent.limited(country="US", state="Texas")) == [
        ("consent", "limited_use_uncertain")
    ]
    assert lost(platform, PageView(), consent=Consent.limited(country="US", state="California")) == []
    assert lost(platform, PageView(), visitor=nobody) == [
        ("idfv", "no_such_field"),
        ("external_id", "recommended_signal"),
    ]
    assert lost(pinterest(withhold={"idfv", "external_id"}), PageView(), visitor=nobody) == []


@given(st.sampled_from(["id", "name", "brand"]), st.text("ab ", min_size=1, max_size=5))
def test_a_common_brand_is_the_events(field: str, other: str) -> None:
    """The event has a brand where all its items have the same one, and none otherwise."""
    said: dict[str, Any] = {"id": "b", "brand": "Parker", field: other + "."}
    first, second = Item(id="a", brand="Parker"), Item(**said)
    custom = pinterest().server_event(conversion(bought(items=[first, second])))["custom_data"]

    assert custom.get("content_brand") == ("Parker" if second.brand == "Parker" else None)
