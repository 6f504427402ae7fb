"""Pinterest's words for an event: the tag's and the API's side by side, made from the same event.

Sources: API for Conversions v5 (OpenAPI description 5.23.0, 2025-12) and the tag's event data (help.pinterest.com, "Add
event codes"). The API's objects are closed: one key it does not know fails the whole request, so nothing else is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from ...contract import EventName, Platform
from ...events import Event, Item, WatchVideo, renamed
from ...frozen import FrozenDict
from ...normalising.amounts import ValueBasis, amount
from ...normalising.normal import (
    compact,
    country_code,
    date_digits,
    email_address,
    gender_letter,
    ip_canonical,
    lower_trim,
    phone_digits,
    postal_compact,
    postal_digits,
    state_code,
)
from ...strictjson import plain
from ...visitor import AnyVisitor, Rule
from ...withholding import signal

# --- names -----------------------------------------------------------------------------------------------------------

PAGE_VISIT = EventName("pagevisit", "page_visit")
VIEW_CONTENT = EventName("viewcontent", "view_content")
VIEW_CATEGORY = EventName("viewcategory", "view_category")
SEARCH = EventName("search", "search")
ADD_TO_CART = EventName("addtocart", "add_to_cart")
ADD_TO_WISHLIST = EventName("addtowishlist", "add_to_wishlist")
INITIATE_CHECKOUT = EventName("initiatecheckout", "initiate_checkout")
ADD_PAYMENT_INFO = EventName("addpaymentinfo", "add_payment_info")
CHECKOUT = EventName("checkout", "checkout")  # a completed purchase
LEAD = EventName("lead", "lead")
SIGNUP = EventName("signup", "signup")
SUBSCRIBE = EventName("subscribe", "subscribe")
START_TRIAL = EventName("starttrial", "start_trial")
WATCH_VIDEO = EventName("watchvideo", "watch_video")
CUSTOM = EventName("custom", "custom")

EVENT_NAMES: Mapping[str, EventName | None] = FrozenDict(
    {
        "PageView": PAGE_VISIT,
        "ViewContent": VIEW_CONTENT,
        "ViewCategory": VIEW_CATEGORY,
        "Search": SEARCH,
        "AddToCart": ADD_TO_CART,
        "AddToWishlist": ADD_TO_WISHLIST,
        "StartCheckout": INITIATE_CHECKOUT,
        "AddPaymentInfo": ADD_PAYMENT_INFO,
        "Purchase": CHECKOUT,
        "Refund": CUSTOM,  # by setting
        "Lead": LEAD,
        "SignUp": SIGNUP,
        "Subscribe": SUBSCRIBE,
        "StartTrial": START_TRIAL,
        "WatchVideo": WATCH_VIDEO,
        "CustomEvent": CUSTOM,
    }
)

# The tag takes names in any case; the lower-case form is sent. Pinterest lists 22 names for the API (2026-08); the app
# events have no tag twin.
KNOWN_NAMES: tuple[EventName, ...] = (
    *dict.fromkeys(name for name in EVENT_NAMES.values() if name),
    EventName("contact", "contact"),
    EventName("schedule", "schedule"),
    EventName("findlocation", "find_location"),
    EventName("customizeproduct", "customize_product"),
    EventName("submitapplication", "submit_application"),
    EventName("", "app_install"),
    EventName("", "app_open"),
)

# --- identity --------------------------------------------------------------------------------------------------------


def device_id(value: str) -> str | None:
    """A mobile ad id in lower case; None for the zeros that stand for somebody who opted out."""
    text = lower_trim(value)
    return text if text and text.strip("0-") else None


# By field: Pinterest's key in user_data, always an array of SHA-256 digests, and the normal form that is hashed
# ("ConversionEventsUserData", 5.23.0). The digests printed as examples there break the rules printed beside them.
HASHED: Mapping[str, tuple[str, Rule]] = {
    "email": ("em", Rule("email_address", email_address)),
    "phone": ("ph", Rule("phone_digits", phone_digits)),
    "gender": ("ge", Rule("gender_letter", gender_letter)),
    "date_of_birth": ("db", Rule("date_digits", date_digits)),
    "last_name": ("ln", Rule("lower_trim", lower_trim)),
    "first_name": ("fn", Rule("lower_trim", lower_trim)),
    "city": ("ct", Rule("compact", compact)),
    "state": ("st", Rule("state_code", state_code)),
    "postal_code": ("zp", Rule("postal_digits", postal_digits)),
    "country": ("country", Rule("country_code", country_code)),
    "external_id": ("external_id", Rule("lower_trim", lower_trim)),
    "mobile_ad_id": ("hashed_maids", Rule("device_id", device_id)),
}
_USER_KEYS: Mapping[str, str] = {field: key for field, (key, _) in HASHED.items()}
IP_ADDRESS = Rule("ip_canonical", ip_canonical, hashed=False)
LETTERED_POSTAL_CODE = Rule("postal_compact", postal_compact)  # against the published rule: by setting only

IDENTITY: Mapping[str, Rule] = FrozenDict(
    {**{field: rule for field, (_, rule) in HASHED.items()}, "ip_address": IP_ADDRESS}
)


def user_data(platform: Platform, visitor: AnyVisitor) -> dict[str, Any]:
    """Who did it: digests in arrays, as many as are known; the browser's address, agent and click id as they are."""
    wires = platform.wires(visitor)
    addresses = wires.pop("ip_address", None)
    user: dict[str, Any] = {_USER_KEYS[field]: list(found) for field, found in wires.items()}
    if addresses:
        user["client_ip_address"] = addresses[0]
    if visitor.user_agent and "user_agent" not in platform.withhold:
        user["client_user_agent"] = visitor.user_agent
    if click_id := signal(platform, visitor, "click_ids"):
        user["click_id"] = click_id
    return user


def matched(platform: Platform, visitor: AnyVisitor) -> bool:
    """The least that Pinterest takes ("anyOf" in the description): phone, external or click id alone are too little."""
    who = platform.sealed(visitor)
    if platform.wire(who, "email") or platform.wire(who, "mobile_ad_id"):
        return True
    return bool(who.user_agent and "user_agent" not in platform.withhold and platform.wire(who, "ip_address"))


# --- event data ------------------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """One field of an event: the tag's key and the API's (None: that half has no such field), and how the API wants it
    written where that differs."""

    tag: str | None
    api: str | None
    written: Callable[[Any], Any] | None = None


# Money is a number in the tag and a string in the API; what a purchase is worth says `amount`. A page's title is what
# the tag calls its name, and the API the name "of the page or product".
EVENT_FIELDS: Mapping[str, Field] = {
    "value": Field("value", "value", plain),
    "currency": Field("currency", "currency"),
    "order_id": Field("order_id", "order_id"),
    "search_string": Field("search_query", "search_string"),
    "title": Field("page_name", "content_name"),
    "content_name": Field(None, "content_name"),
    "category": Field(None, "content_category"),
    "predicted_ltv": Field(None, "predicted_ltv", plain),
    "promo_code": Field("promo_code", None),
    "lead_type": Field("lead_type", None),
}
VIDEO_FIELDS: Mapping[str, Field] = {"title": Field("video_title", None)}
ITEM_FIELDS: Mapping[str, Field] = {
    "id": Field("product_id", "id"),
    "name": Field("product_name", "item_name"),
    "category": Field("product_category", "item_category"),
    "brand": Field("product_brand", "item_brand"),
    "price": Field("product_price", "item_price", plain),
    "quantity": Field("product_quantity", "quantity"),
    "variant": Field("product_variant", None),
    "variant_id": Field("product_variant_id", None),
}

# Newer than the published description (5.23.0), whose closed objects refuse what they do not know: sent by setting.
# `item_brand_id`: Segment, 2026-08; `customer_type`: API reference 5.31.0 as read by others, 2026-09.
LONGEST_BRAND_ID = 64
CUSTOMER_TYPES = ("new", "returning")

_Tag = list[tuple[str, str]]
_Api = list[tuple[str, str, Callable[[Any], Any] | None]]


def _of_tag(fields: Mapping[str, Field]) -> _Tag:
    return [(name, field.tag) for name, field in fields.items() if field.tag]


def _of_api(fields: Mapping[str, Field]) -> _Api:
    return [(name, field.api, field.written) for name, field in fields.items() if field.api]


_EVENT_TAG, _EVENT_API = _of_tag(EVENT_FIELDS), _of_api(EVENT_FIELDS)
_VIDEO_TAG, _VIDEO_API = _of_tag(VIDEO_FIELDS), _of_api(VIDEO_FIELDS)
_ITEM_TAG, _ITEM_API = _of_tag(ITEM_FIELDS), _of_api(ITEM_FIELDS)


def tag_data(event: Event, id: str, basis: ValueBasis) -> dict[str, Any]:
    """The event data of `pintrk('track', name, …)`; the id is what makes the two halves one."""
    given = event.__dict__
    data = {"event_id": id, **renamed(given, _tag_fields_of(type(event)))}
    if "tax" in given:
        data["value"] = amount(given, basis)
    items: tuple[Item, ...] = given.get("items") or ()
    if items:
        lines = [item.__dict__ for item in items]
        data["order_quantity"] = sum([line["quantity"] for line in lines])
        data["line_items"] = [renamed(line, _ITEM_TAG) for line in lines]
    return data


@cache
def _tag_fields_of(kind: type[Event]) -> _Tag:
    """Those of the tag's fields that events of this kind have."""
    fields = _VIDEO_TAG if issubclass(kind, WatchVideo) else _EVENT_TAG
    return [one for one in fields if one[0] in kind.model_fields]


def custom_data(event: Event, basis: ValueBasis, *, newer: bool) -> dict[str, Any]:
    """The API's `custom_data`: the same facts under its names."""
    given = event.__dict__
    data = _api(given, _fields_of(type(event)))
    if "tax" in given and (value := amount(given, basis)) is not None:
        data["value"] = plain(value)
    items: tuple[Item, ...] = given.get("items") or ()
    if items:
        contents = [_content(item.__dict__, newer=newer) for item in items]
        brand = items[0].__dict__["brand"]
        if brand and all(one.get("item_brand") == brand for one in contents):
            data["content_brand"] = brand
        data["num_items"] = sum([one["quantity"] for one in contents])
        data["content_ids"] = [one["id"] for one in contents]
        data["contents"] = contents
    return data


@cache
def _fields_of(kind: type[Event]) -> _Api:
    """Those of the API's fields that events of this kind have."""
    fields = _VIDEO_API if issubclass(kind, WatchVideo) else _EVENT_API
    return [one for one in fields if one[0] in kind.model_fields]


def _content(given: Mapping[str, Any], *, newer: bool) -> dict[str, Any]:
    content = _api(given, _ITEM_API)
    if newer and (brand_id := given["brand_id"]) and len(brand_id) <= LONGEST_BRAND_ID:
        content["item_brand_id"] = brand_id
    return content


def _api(given: Mapping[str, Any], fields: _Api) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, api, written in fields:
        value = given[name]
        if value or value == 0:  # zero is a value, "" is none
            said[api] = written(value) if written else value
    return said
