"""Snap's words for an event: the pixel's and the Conversions API v3's side by side, written from the same rows.

Sources: Snap's Conversions API reference (developers.snap.com, "Parameters" and "Using the API", read 2026-08), its
business SDK for the v3 API (2025-05-22), its tags for Google Tag Manager (server side; web, 2026-02-18), and its pixel
script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ...consent import Consent
from ...contract import EventName, Platform
from ...conversion import Conversion
from ...events import Event, Item, Travel
from ...frozen import FrozenDict
from ...normalising.amounts import ValueBasis, amount
from ...strictjson import plain
from ...visitor import AnyVisitor
from ...withholding import page
from .identity import INIT, user_data

# --- names -----------------------------------------------------------------------------------------------------------

# Snap spells an event alike on both sides: the one list of its web tag and its server tag.
NAMES = (
    "PURCHASE",
    "SAVE",
    "START_CHECKOUT",
    "ADD_CART",
    "VIEW_CONTENT",
    "ADD_BILLING",
    "SIGN_UP",
    "SEARCH",
    "PAGE_VIEW",
    "SUBSCRIBE",
    "AD_CLICK",
    "AD_VIEW",
    "COMPLETE_TUTORIAL",
    "LEVEL_COMPLETE",
    "INVITE",
    "LOGIN",
    "SHARE",
    "RESERVE",
    "ACHIEVEMENT_UNLOCKED",
    "ADD_TO_WISHLIST",
    "SPENT_CREDITS",
    "RATE",
    "START_TRIAL",
    "LIST_VIEW",
    "APP_INSTALL",
    "APP_OPEN",
    "CUSTOM_EVENT_1",
    "CUSTOM_EVENT_2",
    "CUSTOM_EVENT_3",
    "CUSTOM_EVENT_4",
    "CUSTOM_EVENT_5",
)
KNOWN_NAMES = tuple(EventName(name, name) for name in NAMES)
_NAMED: Mapping[str, EventName] = {known.server: known for known in KNOWN_NAMES}
PURCHASE = "PURCHASE"
CUSTOM_NAMES = tuple(name for name in NAMES if name.startswith("CUSTOM_EVENT_"))

EVENT_NAMES: Mapping[str, EventName | None] = FrozenDict(
    {
        "PageView": _NAMED["PAGE_VIEW"],
        "ViewContent": _NAMED["VIEW_CONTENT"],
        "ViewCategory": _NAMED["LIST_VIEW"],
        "Search": _NAMED["SEARCH"],
        "AddToCart": _NAMED["ADD_CART"],
        "AddToWishlist": _NAMED["ADD_TO_WISHLIST"],
        "StartCheckout": _NAMED["START_CHECKOUT"],
        "AddPaymentInfo": _NAMED["ADD_BILLING"],
        "Purchase": _NAMED["PURCHASE"],
        "Refund": None,  # one of CUSTOM_EVENT_1 … 5, as `refunds=` says
        "Lead": _NAMED["SIGN_UP"],
        "SignUp": _NAMED["SIGN_UP"],
        "Subscribe": _NAMED["SUBSCRIBE"],
        "StartTrial": _NAMED["START_TRIAL"],
        "WatchVideo": None,
        "CustomEvent": None,  # CUSTOM_EVENT_1 … 5, as `custom_events=` says; Snap takes no names of your own
    }
)
ACTION_SOURCES: Mapping[str, str] = {"web": "WEB", "app": "MOBILE_APP", "offline": "OFFLINE"}

# --- fields ----------------------------------------------------------------------------------------------------------

#   ours                 pixel: track()     API: custom_data
FIELDS: Mapping[str, tuple[str, str]] = {
    "order_id": ("transaction_id", "order_id"),
    "value": ("price", "value"),
    "currency": ("currency", "currency"),
    "item_ids": ("item_ids", "content_ids"),
    "item_count": ("number_items", "num_items"),
    "category": ("item_category", "content_category"),
    "brands": ("brands", "brands"),
    "search_string": ("search_string", "search_string"),
    "sign_up_method": ("sign_up_method", "sign_up_method"),
    "delivery_category": ("delivery_method", "delivery_category"),
    # A custom event's own name. Snap's Custom Conversions filter CUSTOM_EVENT_1 … 5 by it ("Custom conversions",
    # read 2026-11).
    "name": ("event_tag", "event_tag"),
}
_PIXEL_KEYS: Mapping[str, str] = {field: key for field, (key, _) in FIELDS.items()}
_API_KEYS: Mapping[str, str] = {field: key for field, (_, key) in FIELDS.items()}
_AS_GIVEN = ("order_id", "currency", "search_string", "sign_up_method", "delivery_category", "name")

# What one half alone has room for: the v3 API dropped `description`, and the pixel drops what it does not know.
PIXEL_ONLY: Mapping[str, str] = {
    "description": "description",
    "customer_status": "customer_status",
    "brand_id": "brand_id",  # the one all items share
}
API_ONLY: Mapping[str, str] = {"content_name": "content_name", "predicted_ltv": "predicted_ltv"}

# Dynamic travel ads, API only; ours have Snap's names (its v3 SDK, 2025-05-22).
TRAVEL = (
    "destination_airport",
    "origin_airport",
    "country",
    "region",
    "city",
    "neighborhood",
    "postal_code",
    "travel_start",
    "travel_end",
    "checkin_date",
    "departing_departure_date",
    "departing_arrival_date",
    "returning_departure_date",
    "returning_arrival_date",
    "num_adults",
    "num_children",
    "num_infants",
    "hotel_score",
    "preferred_neighborhoods",
    "preferred_star_ratings",
    "suggested_destinations",
    "suggested_hotels",
)
TRAVEL_LISTS = frozenset(key for key in TRAVEL if key.startswith(("preferred_", "suggested_")))

# The currencies Snap has listed (API v2 reference; the v3 pages seen list none).
_CURRENCIES = """
    AED ALL AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK DZD EGP EUR GBP GHS GIP HKD HRK HUF IDR ILS INR IQD ISK
    JOD JPY KES KRW KWD KZT LBP MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RUB SAR SEK SGD THB TRY TWD
    TZS UAH USD VND XOF ZAR
"""
CURRENCIES = frozenset(_CURRENCIES.split())

# Limited use. The pixel has one value; of the API Snap's parameter table says LMU, its SDK's example LDU (2025-05).
PIXEL_LIMITED_USE = "lmu"
API_LIMITED_USES = ("LMU", "LDU")

# --- one conversion, both halves -------------------------------------------------------------------------------------


def facts(event: Event, basis: ValueBasis, keys: Mapping[str, str]) -> dict[str, Any]:
    """What both halves say of an event, under the `keys` of one; what is absent or empty is left out."""
    own = event.__dict__
    said: dict[str, Any] = {}
    for field in _as_given(type(event)):
        given = own[field]
        if given is not None and given != "":
            said[keys[field]] = given
    value = amount(own, basis)
    if value is not None:
        said[keys["value"]] = value
    items: Sequence[Item] = own.get("items") or ()
    lines = [item.__dict__ for item in items]
    category = own.get("category") or shared(lines, "category")
    if category:
        said[keys["category"]] = category
    if items:
        said[keys["item_ids"]] = [line["id"] for line in lines]
        said[keys["item_count"]] = sum([line["quantity"] for line in lines])
        brands = dict.fromkeys([brand for line in lines if (brand := line["brand"])])
        if brands:
            said[keys["brands"]] = list(brands)
    return said


@cache
def _as_given(kind: type[Event]) -> tuple[str, ...]:
    """Those fields that events of this kind have."""
    return tuple(field for field in _AS_GIVEN if field in kind.model_fields)


def shared(lines: Sequence[Mapping[str, Any]], field: str) -> str | None:
    """What all items say alike: there is room for one value an event."""
    said = lines[0][field] if lines else None
    for line in lines:
        if line[field] != said:
            return None
    return said or None


def track(platform: Platform, conversion: Conversion, basis: ValueBasis) -> dict[str, Any]:
    """The last argument of `snaptr('track', pixel, name, …)`. The pixel drops any key it does not know, `event_id` and
    `value` among them, without a word."""
    said: dict[str, Any] = {"client_dedup_id": conversion.id, **facts(conversion.event, basis, _PIXEL_KEYS)}
    own = conversion.event.__dict__
    alone = {**own, "brand_id": shared([item.__dict__ for item in own.get("items") or ()], "brand_id")}
    for field, key in PIXEL_ONLY.items():
        if alone.get(field):
            said[key] = alone[field]
    if platform.limited(conversion.consent):
        said["data_use"] = [PIXEL_LIMITED_USE]
    return said


def init(platform: Platform, visitor: AnyVisitor, consent: Consent) -> dict[str, Any]:
    """The last argument of `snaptr('init', pixel, …)`: digests only. The pixel repeats all of it with every event, so
    nothing of an event may stand here."""
    said: dict[str, Any] = {}
    for field, key in INIT.items():
        wire = platform.first(visitor, field)
        if wire:
            said[key] = wire
    if platform.limited(consent):
        said["data_use"] = [PIXEL_LIMITED_USE]
    return said


def event(platform: Platform, conversion: Conversion, name: str, basis: ValueBasis) -> dict[str, Any]:
    """One element of the API's `data`, but for `app_data` and `data_processing_options`."""
    said: dict[str, Any] = {
        "event_name": name,
        "event_time": round(conversion.occurred_at.timestamp() * 1000),  # ms; Snap takes seconds too
        "event_id": conversion.id,  # at the top: in custom_data it would not deduplicate
        "action_source": ACTION_SOURCES[conversion.action_source],
    }
    if url := page(platform, conversion):
        said["event_source_url"] = url
    said["user_data"] = user_data(platform, conversion.visitor)
    custom = custom_data(conversion.event, basis)
    if custom:
        said["custom_data"] = custom
    return said


def custom_data(event: Event, basis: ValueBasis) -> dict[str, Any]:
    """The facts by the API's names, and what only the API has room for: each item in full, what the event is about,
    the customer's predicted value, the trip."""
    own = event.__dict__
    said = facts(event, basis, _API_KEYS)
    if "brands" in said:
        said["brands"] = ",".join(said["brands"])  # text in Snap's own models, and what the pixel sends of its list
    items: Sequence[Item] = own.get("items") or ()
    if items:
        said["contents"] = [content(item.__dict__) for item in items]
        if len(items) == 1 and items[0].name:
            said["content_name"] = items[0].name
    for field, key in API_ONLY.items():
        given = own.get(field)
        if given is not None and given != "":
            said[key] = given
    travel = own.get("travel")
    if travel is not None:
        said.update(trip(travel))
    return said


def content(line: Mapping[str, Any]) -> dict[str, str]:
    """One element of `contents`: all texts, as in Snap's own models and examples."""
    said: dict[str, str] = {"id": line["id"], "quantity": str(line["quantity"])}
    if line["price"] is not None:
        said["item_price"] = plain(line["price"])
    if line["brand"]:
        said["brand"] = line["brand"]
    if line["delivery_category"]:
        said["delivery_category"] = line["delivery_category"]
    return said


def trip(travel: Travel) -> dict[str, Any]:
    """What is known of a trip; no children is something known."""
    own = travel.__dict__
    known: dict[str, Any] = {}
    for key in TRAVEL:
        given = [one for one in own[key] if one] if key in TRAVEL_LISTS else own[key]
        if given not in (None, "", []):
            known[key] = given
    return known
