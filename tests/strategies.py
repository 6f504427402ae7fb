"""Any event, any visitor, anywhere: what the property tests draw from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from pixeltwin.app import App, Device
from pixeltwin.consent import Consent
from pixeltwin.conversion import ActionSource, Conversion
from pixeltwin.events import EVENT_TYPES, Event, Item, Travel
from pixeltwin.platforms import installed
from pixeltwin.visitor import Visitor

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
EMAIL = "Jane.Doe+promo@Shop-Mail.Example.com"
PHONE = "+44 20 7183 8750"
NAMES = ("Jacqueline", "Featherstonehaugh")
MOBILE_AD_ID = "8a2e4f6d-0852-4B2A-B9D5-79334de14b16"
BROWSER_IDS = {
    "reddit": "1677712978045.b8f7eb7d-b357-437b-8bd3-e1c8166c7132",
    "snap": "b8f7eb7d-b357-437b-8bd3-e1c8166c7132",
    "pinterest": "b8f7eb7d-b357-437b-8bd3-e1c8166c7132",
}

hex_ids = st.text("0123456789abcdef", min_size=64, max_size=64)
own_ids = st.text("abcXYZ019-_.#", min_size=1, max_size=40)
words = st.one_of(
    st.sampled_from(
        ["Boots", "</script><script>alert(1)</script>", "<!--", "\u2028\u2029", "'\"`${x}", "Käse 🧀", "0"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
)
money = st.decimals(min_value=0, max_value=10**7, places=2, allow_nan=False, allow_infinity=False)
exact_money = st.one_of(money, st.sampled_from([Decimal("0"), Decimal("0.10"), Decimal("59.90"), Decimal("1E+3")]))
currencies = st.sampled_from(["EUR", "USD", "JPY", "GBP", "BRL"])
delivery = st.sampled_from(["in_store", "curbside", "delivery"])

TEXTS = (
    "order_id",
    "category",
    "search_string",
    "sign_up_method",
    "title",
    "content_name",
    "description",
    "promo_code",
    "lead_type",
)
_TRIP = {
    "destination_airport": "FRA",
    "origin_airport": "SFO",
    "country": "Germany",
    "region": "Hessen",
    "city": "Frankfurt",
    "neighborhood": "Nordend",
    "postal_code": "60316",
    "travel_start": "2026-09-01",
    "travel_end": "2026-09-08",
    "checkin_date": "2026-09-01",
    "departing_departure_date": "2026-09-01",
    "departing_arrival_date": "2026-09-02",
    "returning_departure_date": "2026-09-08",
    "returning_arrival_date": "2026-09-09",
    "num_adults": 2,
    "num_children": 0,
    "num_infants": 1,
    "hotel_score": "8.5",
    "preferred_neighborhoods": ("Nordend", "Westend"),
    "preferred_star_ratings": ("4", "5"),
    "suggested_destinations": ("Mainz",),
    "suggested_hotels": ("Hof",),
}
_DEVICE = {
    "brand": "Apple",
    "model": "iPhone14,2",
    "type": "phone",
    "carrier": "T-Mobile",
    "locale": "en-US",
    "timezone": "America/Los_Angeles",
    "timezone_abbreviation": "PDT",
    "width": 1170,
    "height": 2532,
    "density": 3.0,
    "cpu_cores": 6,
    "storage": 128,
    "free_storage": 32,
    "wifi": True,
}
_APP = {
    "name": "Boots & More",
    "version": "7.1",
    "os_version": "17.5",
    "build": "7.1.0.42",
    "package_name": "com.example.boots",
    "store": "Play Store",
    "tracking_allowed": True,
    "install_referrer": "utm_source=x",
}


def _filled(text: str) -> bool:
    return bool(text.strip())


def _some(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    """Any part of these fields."""
    chosen = draw(st.sets(st.sampled_from(sorted(fields))))
    return {name: value for name, value in fields.items() if name in chosen}


@st.composite
def items(draw: st.DrawFn) -> Item:
    said: dict[str, Any] = {"id": draw(words.filter(_filled)), "quantity": draw(st.integers(1, 99))}
    for field in ("name", "category", "brand", "variant"):
        said[field] = draw(st.none() | words)
    for field in ("variant_id", "brand_id"):
        said[field] = draw(st.none() | own_ids)
    said["delivery_category"] = draw(st.none() | delivery)
    said["price"] = draw(st.none() | exact_money)
    return Item(**said)


@st.composite
def names(draw: st.DrawFn) -> dict[str, str]:
    """What `names=` may ask of any platform: one of its own documented names, in either spelling."""
    kind = draw(st.sampled_from(sorted(installed())))
    known = draw(st.sampled_from(installed()[kind].known_names))
    return {kind: draw(st.sampled_from([name for name in (known.browser, known.server) if name]))}


@st.composite
def events(draw: st.DrawFn, kinds: Sequence[str] = tuple(EVENT_TYPES)) -> Event:
    """An event of any type, with any of the fields it has."""
    kind = EVENT_TYPES[draw(st.sampled_from(kinds))]
    fields = kind.model_fields
    said: dict[str, Any] = {"names": draw(names())} if draw(st.integers(0, 3)) == 0 else {}
    if "value" in fields and (fields["value"].is_required() or draw(st.booleans())):
        said.update(value=draw(exact_money), currency=draw(currencies))
    if "tax" in fields and draw(st.booleans()):
        said.update(tax=said["value"] / 5, shipping=said["value"] / 10)
    if "items" in fields:
        said["items"] = draw(st.lists(items(), max_size=3))
    if "name" in fields:
        said["name"] = draw(words.filter(_filled)).strip()[:64]
    if "predicted_ltv" in fields and "currency" in said:
        said["predicted_ltv"] = draw(st.none() | exact_money)
    if "customer_status" in fields:
        said["customer_status"] = draw(st.sampled_from([None, "new", "returning", "reactivated"]))
        said["delivery_category"] = draw(st.none() | delivery)
        said["travel"] = Travel(**_some(draw, _TRIP)) if draw(st.booleans()) else None
    for field in TEXTS:
        if field in fields and draw(st.booleans()):
            said[field] = draw(words.filter(_filled))
    return kind(**said)


@st.composite
def visitors(draw: st.DrawFn) -> Visitor:
    """Somebody with an e-mail, an address and an agent, so that every platform can match him, and anything else."""
    more: dict[str, Any] = {
        "phone": PHONE,
        "external_id": "customer12345",
        "first_name": NAMES[0],
        "last_name": NAMES[1],
        "gender": "female",
        "date_of_birth": "1990-01-31",
        "city": "San Francisco",
        "state": "California",
        "postal_code": "94107",
        "country": "United States",
        "mobile_ad_id": MOBILE_AD_ID,
        "idfv": "1d1a3f4b-8a5a-4a53-9a37-3b0a1f9c1c11",
        "screen": (1920, 1080),
        "click_ids": dict.fromkeys(installed(), "3184742045291813272"),
        "browser_ids": BROWSER_IDS,
    }
    email: list[str] = [EMAIL, *draw(st.sampled_from([[], ["second@example.com"]]))]
    return Visitor(email=email, ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11)", **_some(draw, more))


@st.composite
def apps(draw: st.DrawFn) -> App:
    """Any app on any phone: of what each knows, any part."""
    device = Device(**_some(draw, _DEVICE)) if draw(st.booleans()) else None
    more = {"device": device, **_some(draw, _APP)}
    if draw(st.booleans()):
        return App(platform="ios", id="1234567890", **more)
    return App(platform="android", id="com.example.boots", **more)


@st.composite
def conversions(
    draw: st.DrawFn, kinds: Sequence[str] = tuple(EVENT_TYPES), sources: Sequence[str] = get_args(ActionSource)
) -> Conversion:
    """Any conversion, of these types, from these action sources."""
    source: Any = draw(st.sampled_from(sources))
    return Conversion(
        event=draw(events(kinds)),
        id=draw(hex_ids | own_ids),
        occurred_at=NOON,
        visitor=draw(visitors()),
        source_url=draw(st.sampled_from([None, "https://shop.example/thanks?utm_source=x"])),
        action_source=source,
        consent=draw(st.sampled_from([Consent.granted(), Consent.limited(country="US", state="CA")])),
        app=draw(apps()) if source == "app" else None,
    )
