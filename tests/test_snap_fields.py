"""Snap: every field it documents, on the half that documents it; apps, shops and refunds."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from pixeltwin.app import App, Device
from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend, ConfigurationError
from pixeltwin.events import AddToCart, CustomEvent, Event, Item, Lead, Purchase, Refund, Subscribe, Travel
from pixeltwin.platforms.snap import Snap, apps, dedup, mapping
from pixeltwin.strictjson import decode, encode
from pixeltwin.visitor import Visitor
from tests.goldens import golden
from tests.samples import lost
from tests.snap_schema import EVENT
from tests.strategies import conversions
from tests.thoroughness import examples

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
APP = "7b1e9a00-0000-0000-0000-00000000c0de"
NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
PHONE = Visitor(email="person@example.com", mobile_ad_id="EA7583CD-A667-48BC-B806-42ECB2B48606", screen=(390, 844))
BOOTS = App("ios", "1234567890", os_version="17.5")
STRICT = Draft202012Validator(EVENT, format_checker=FormatChecker())
SETTINGS: dict[str, Any] = {
    "pixel_id": PIXEL,
    "snap_app_id": APP,
    "access_token": "t",
    "refunds": "CUSTOM_EVENT_5",
    "custom_events": {"Quiz finished": "CUSTOM_EVENT_1"},
}


def snap(**more: Any) -> Snap:
    return Snap(**{**SETTINGS, **more})


def conversion(event: Event, **more: Any) -> Conversion:
    fields = {"id": "a" * 64, "occurred_at": NOON, "visitor": PHONE, "source_url": "https://shop.example/"}
    return Conversion(event=event, **{**fields, **more})


def in_app(event: Event, app: App = BOOTS, **more: Any) -> Conversion:
    return conversion(event, action_source="app", app=app, **more)


def both(one: Conversion, platform: Snap | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last argument of the track call, and custom_data."""
    platform = platform or snap()
    return platform.browser_calls(one)[0].args[-1], platform.server_event(one).get("custom_data", {})


def faults(body: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in STRICT.iter_errors(body)]


# --- both halves -----------------------------------------------------------------------------------------------------


@settings(max_examples=examples(150))
@given(one=conversions(sources=("web",)), basis=st.sampled_from(["total", "net"]))
def test_every_field_of_both_halves_is_equal(one: Conversion, basis: Any) -> None:
    """Whatever an event says under a name of both halves it says alike on both, brands as the pixel joins them."""
    platform = snap(value_basis=basis)
    try:
        calls, custom = platform.browser_calls(one), platform.server_event(one).get("custom_data", {})
    except CannotSend:
        calls = []
    assume(calls)
    track = calls[0].args[-1]

    for field, (theirs, ours) in mapping.FIELDS.items():
        said = ",".join(track["brands"]) if field == "brands" and "brands" in track else track.get(theirs)
        assert said == custom.get(ours), field


@settings(max_examples=examples(200))
@given(one=conversions(), basis=st.sampled_from(["total", "net"]))
def test_any_body_keeps_to_the_strict_schema(one: Conversion, basis: Any) -> None:
    """Whatever happened, the body has no field that Snap does not publish, no empty one, and each in its type."""
    try:
        body = snap(value_basis=basis).server_event(one)
    except CannotSend:
        return
    assert faults(decode(encode(body))) == []


def test_the_golden_bodies_keep_to_the_strict_schema() -> None:
    """Each body written down beside the code is valid, and a body with a field too much is not."""
    bodies = [case["server"] for case in golden("snap")["cases"] if "server" in case]

    assert [faults(decode(encode(body))) for body in bodies] == [[] for _ in bodies]
    assert faults(decode(encode({**bodies[0], "event": "PURCHASE"})))


def test_the_value_is_the_total_or_what_is_left_of_it() -> None:
    """By default both halves tell the total, by setting the total without tax and shipping, exact to the cent wherever
    it is reckoned."""
    sale = conversion(Purchase(order_id="1", value="59.90", currency="EUR", tax="8.50", shipping="4.95"))
    plain = conversion(Lead(value="5", currency="EUR"))

    assert [said.get("price", said.get("value")) for said in both(sale)] == [Decimal("59.90")] * 2
    with localcontext() as rounding:
        rounding.prec = 3
        net = both(sale, snap(value_basis="net"))
    assert [said.get("price", said.get("value")) for said in net] == [Decimal("46.45")] * 2
    assert both(plain, snap(value_basis="net"))[0]["price"] == Decimal(5)


def test_what_one_half_alone_documents_goes_there_and_nowhere_else() -> None:
    """The pixel gets description, customer status and a brand's id, the API name, predicted value and what is known of
    the trip."""
    trip = Travel(destination_airport="FRA", num_children=0, preferred_star_ratings=("4", " "), suggested_hotels=("",))
    track, custom = both(
        conversion(
            AddToCart(
                items=[Item(id="1", brand_id="b-1"), Item(id="2", brand_id="b-1", delivery_category="curbside")],
                description="two rooms",
                customer_status="new",
                content_name="A week in Frankfurt",
                predicted_ltv="12.50",
                currency="EUR",
                travel=trip,
            )
        )
    )

    assert (track["description"], track["customer_status"], track["brand_id"]) == ("two rooms", "new", "b-1")
    assert not {"description", "customer_status", "brand_id"} & custom.keys()
    assert (custom["content_name"], custom["predicted_ltv"]) == ("A week in Frankfurt", Decimal("12.50"))
    assert (custom["destination_airport"], custom["num_children"], custom["preferred_star_ratings"]) == (
        "FRA",
        0,
        ["4"],
    )
    assert "suggested_hotels" not in custom
    assert [line.get("delivery_category") for line in custom["contents"]] == [None, "curbside"]
    assert not {*mapping.API_ONLY.values(), *mapping.TRAVEL} & track.keys()


def test_every_field_of_a_trip_is_one_of_snaps() -> None:
    """A trip has no field that Snap lacks, and Snap none of which a trip knows nothing."""
    assert set(mapping.TRAVEL) == set(Travel.model_fields)


def test_a_custom_event_keeps_its_own_name_as_a_tag() -> None:
    """CUSTOM_EVENT_1 says on both halves which of the site's own events it is."""
    track, custom = both(conversion(CustomEvent(name="Quiz finished")))

    assert track["event_tag"] == custom["event_tag"] == "Quiz finished"


def test_what_snap_has_no_field_for_is_named() -> None:
    """Variants, promo codes, kinds of leads and differing brand ids are losses, and nothing that was sent is one."""
    items = [Item(id="1", variant="red", variant_id="v", brand_id="b-1"), Item(id="2", brand_id="b-2")]
    one = conversion(AddToCart(items=items, promo_code="SUMMER", description="said", customer_status="new"))

    assert [loss.field for loss in lost(snap(), one)] == [
        "promo_code",
        "items.variant",
        "items.variant_id",
        "items.brand_id",
    ]
    assert [loss.field for loss in lost(snap(), conversion(Lead(lead_type="newsletter")))] == ["lead_type"]
    sale = Purchase(value="5", currency="EUR", tax="1", shipping="1", travel=Travel(city="Mainz"))
    assert lost(snap(), conversion(sale)) == []


# --- where it happened -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["app", "offline"])
def test_what_has_no_page_calls_no_pixel(source: Any) -> None:
    """Events of apps and shops have no browser half, and what only the pixel takes is named as lost."""
    one = conversion(
        Purchase(value="5", currency="EUR", customer_status="new"), action_source=source, app=BOOTS, source_url=None
    )

    assert snap().browser_calls(one) == []
    assert [(loss.field, loss.reason) for loss in lost(snap(), one)] == [("customer_status", "browser_only")]
    assert snap().server_event(one)["action_source"] == {"app": "MOBILE_APP", "offline": "OFFLINE"}[source]


def test_the_sixteen_texts_of_an_app_stand_in_snaps_order() -> None:
    """Each fact of app and device has its place in extinfo, sixteen in all, empty where it is not known."""
    device = Device(
        model="model",
        locale="en-US",
        timezone_abbreviation="PDT",
        carrier="carrier",
        width=1170,
        height=2532,
        density=2.0,
        cpu_cores=6,
        storage=128,
        free_storage=0,
        timezone="America/Los_Angeles",
    )
    app = App("ios", "1", version="7.1", build="7.1.0", os_version="17.5", package_name="com.example", device=device)
    info = apps.extinfo(app, PHONE)

    assert info[:5] == ["i2", "com.example", "7.1", "7.1.0", "17.5"]
    assert info[5:9] == ["model", "en_US", "PDT", "carrier"]
    assert info[9:] == ["1170", "2532", "2", "6", "128", "0", "America/Los_Angeles"]
    assert len(info) == len(apps.EXTINFO) == 16
    assert apps.extinfo(BOOTS, Visitor()) == ["i2", "", "", "", "17.5", *[""] * 11]
    assert apps.extinfo(BOOTS, PHONE)[9:11] == ["390", "844"]


@pytest.mark.parametrize(
    ("answer", "consent", "ad_id", "enabled", "sent"),
    [
        (True, Consent.granted(), True, 1, True),
        (True, Consent.granted(), False, 1, False),
        (False, Consent.granted(), True, 0, False),
        (None, Consent.granted(), True, 1, True),
        (None, Consent.granted(), False, 0, False),
        (True, Consent.limited(), True, 0, True),
    ],
)
def test_who_refused_tracking_is_not_tracked(
    answer: bool | None, consent: Consent, ad_id: bool, enabled: int, sent: bool
) -> None:
    """The person's answer is told, limited use is a no, and after a no the mobile ad id stays behind and is named."""
    visitor = PHONE if ad_id else Visitor(email="person@example.com")
    app = App("ios", "1", os_version="17.5", tracking_allowed=answer)
    one = in_app(Lead(), app, consent=consent, visitor=visitor)
    event = snap().server_event(one)

    assert (event["app_data"]["advertiser_tracking_enabled"], "madid" in event["user_data"]) == (enabled, sent)
    assert [loss.reason for loss in lost(snap(), one)] == (["tracking_refused"] if ad_id and not sent else [])


def test_an_app_without_anybody_to_match_is_not_sent() -> None:
    """An ad id that must stay behind matches nobody."""
    app = App("ios", "1", os_version="17.5", tracking_allowed=False)
    with pytest.raises(CannotSend) as caught:
        snap().server_event(in_app(Lead(), app, visitor=Visitor(mobile_ad_id=PHONE.given("mobile_ad_id"))))
    assert caught.value.reason == "no_match_key"


def test_what_snap_does_not_ask_of_an_app_is_named() -> None:
    """An app's name and a device's brand have no field, and an iOS app's id should be its number in the store."""
    app = App("ios", "com.example", os_version="17.5", name="Boots", device=Device(brand="Apple", wifi=False))

    assert [loss.field for loss in lost(snap(), in_app(Lead(), app))] == [
        "app.name",
        "app.device.brand",
        "app.device.wifi",
        "app.id",
    ]


# --- refunds and other settings --------------------------------------------------------------------------------------


def test_a_refund_is_sent_by_setting_and_by_the_server_alone() -> None:
    """A refund is the custom event that the setting names, without a browser half; without the setting it is none."""
    refund = conversion(Refund(order_id="1001", value="5", currency="EUR"))
    event = snap().server_event(refund)

    assert (event["event_name"], event["custom_data"]["order_id"]) == ("CUSTOM_EVENT_5", "1001")
    assert snap().browser_calls(refund) == []
    assert snap().window(refund.event) == dedup.ID_WINDOW
    renamed = Refund(value="5", currency="EUR", names={"snap": "CUSTOM_EVENT_2"})
    assert snap().event_name(renamed).server == "CUSTOM_EVENT_2"
    for half in (snap(refunds=None).browser_calls, snap(refunds=None).server_event):
        with pytest.raises(CannotSend, match="set refunds=") as caught:
            half(refund)
        assert caught.value.reason == "refunds_off"


@pytest.mark.parametrize(
    "wrong", [{"refunds": "PURCHASE"}, {"refunds": ""}, {"value_basis": "gross"}, {"limited_use": "lmu"}]
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    """A refund is one of the five custom events, the value total or net, limited use one of two spellings."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        snap(**wrong)


def test_one_custom_event_for_two_things_is_pointed_out() -> None:
    """Refunds under the name of another event of the site would be added to it."""
    assert snap().check_settings() == []
    assert "CUSTOM_EVENT_1" in snap(refunds="CUSTOM_EVENT_1").check_settings()[0]


def test_limited_use_is_spelled_as_the_setting_says() -> None:
    """The API's word is a setting, for Snap's pages and its SDK differ; the pixel's is one."""
    one = conversion(Subscribe(), consent=Consent.limited())

    assert snap().server_event(one)["data_processing_options"] == ["LMU"]
    assert snap(limited_use="LDU").server_event(one)["data_processing_options"] == ["LDU"]
    assert both(one, snap(limited_use="LDU"))[0]["data_use"] == ["lmu"]


def test_what_would_match_better_is_advice() -> None:
    """E-mail, phone, address and agent are recommended where they are missing, and only where Snap may have them."""

    def missing(platform: Snap, who: Visitor) -> set[str]:
        said = conversion(AddToCart(), visitor=who)
        return {loss.field for loss in platform.losses(said) if loss.reason == "recommended_signal"}

    everything = Visitor(email="a@example.com", phone="+4930901820", ip_address="203.0.113.7", user_agent="UA")
    assert missing(snap(), everything) == set()
    assert missing(snap(), Visitor(email="a@example.com")) == {"phone", "ip_address", "user_agent"}
    assert missing(snap(withhold={"phone", "user_agent"}), Visitor(email="a@example.com")) == {"ip_address"}
