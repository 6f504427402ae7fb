"""Any event, any visitor: what the property tests draw from."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.events import EVENT_TYPES, Event, Item
from pixeltwin.platforms import installed
from pixeltwin.visitor import Visitor

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
EMAIL = "Jane.Doe+promo@Shop-Mail.Example.com"
PHONE = "+44 20 7183 8750"
NAMES = ("Jacqueline", "Featherstonehaugh")
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


def _filled(text: str) -> bool:
    return bool(text.strip())


@st.composite
def items(draw: st.DrawFn) -> Item:
    said: dict[str, Any] = {"id": draw(words.filter(_filled)), "quantity": draw(st.integers(1, 99))}
    for field in ("name", "category", "brand"):
        said[field] = draw(st.none() | words)
    said["price"] = draw(st.none() | exact_money)
    return Item(**said)


@st.composite
def events(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(EVENT_TYPES)) -> Event:
    """An event of any type, with any of the fields it has."""
    kind = EVENT_TYPES[draw(st.sampled_from(kinds))]
    said: dict[str, Any] = {}
    fields = kind.model_fields
    if "value" in fields and (fields["value"].is_required() or draw(st.booleans())):
        said.update(value=draw(exact_money), currency=draw(currencies))
    if "items" in fields:
        said["items"] = draw(st.lists(items(), max_size=3))
    if "name" in fields:
        said["name"] = draw(words.filter(_filled)).strip()[:64]
    for field in ("order_id", "category", "search_string", "sign_up_method", "title"):
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
        "state": "CA",
        "postal_code": "94107",
        "country": "US",
        "screen": (1920, 1080),
        "click_ids": dict.fromkeys(installed(), "3184742045291813272"),
        "browser_ids": BROWSER_IDS,
    }
    chosen = draw(st.sets(st.sampled_from(sorted(more))))
    return Visitor(
        email=EMAIL, ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11)", **{name: more[name] for name in chosen}
    )


@st.composite
def conversions(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(EVENT_TYPES)) -> Conversion:
    return Conversion(
        event=draw(events(kinds)),
        id=draw(hex_ids | own_ids),
        occurred_at=NOON,
        visitor=draw(visitors()),
        source_url=draw(st.sampled_from([None, "https://shop.example/thanks?utm_source=x"])),
        consent=draw(st.sampled_from([Consent.granted(), Consent.limited(country="US", state="CA")])),
    )
