"""Snap's words for an event: the pixel's and the Conversions API v3's side by side, written from the same rows.

Sources: Snap's Conversions API reference (developers.snap.com, "Parameters" and "Using the API"), its business SDK for
the v3 API (2025-05-22), its tags for Google Tag Manager (server side; web, 2026-02-18), and its pixel script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...consent import Consent
from ...contract import EventName, Platform
from ...conversion import Conversion
from ...errors import CannotSend
from ...events import Event, Item
from ...frozen import FrozenDict
from ...normal import (
    compact,
    country_code,
    email_address,
    gender_letter,
    ip_canonical,
    phone_digits,
    postal_compact,
    state_code,
    trimmed,
    without_punctuation,
)
from ...strictjson import plain
from ...visitor import AnyVisitor, Rule

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
        "Lead": _NAMED["SIGN_UP"],
        "SignUp": _NAMED["SIGN_UP"],
        "Subscribe": _NAMED["SUBSCRIBE"],
        "StartTrial": _NAMED["START_TRIAL"],
        "WatchVideo": None,
        "CustomEvent": None,  # CUSTOM_EVENT_1 … 5, as `custom_events=` says; Snap takes no names of your own
    }
)
ACTION_SOURCES: Mapping[str, str] = {"web": "WEB", "app": "MOBILE_APP", "offline": "OFFLINE"}

# --- identity --------------------------------------------------------------------------------------------------------

_DEVICE_ID = re.compile(r"(?!0{8}-0{4}-0{4}-0{4}-0{12})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def gender(value: str) -> str | None:
    """m or f: Snap documents no other letter."""
    letter = gender_letter(value)
    return letter if letter != "n" else None


def device_id(value: str) -> str | None:
    """An IDFA or AAID in lower case with hyphens; None for anything else and for the zeros of those who opted out."""
    text = value.strip().lower()
    return text if _DEVICE_ID.fullmatch(text) else None


#   ours → user_data's key, and the normal form that is hashed (SHA-256 in lower-case hex)
LISTS: Mapping[str, tuple[str, Rule]] = {
    "email": ("em", Rule("email_address", email_address)),
    "phone": ("ph", Rule("phone_digits", phone_digits)),  # country code first, neither + nor 00 nor trunk zero
    "first_name": ("fn", Rule("without_punctuation", without_punctuation)),
    "last_name": ("ln", Rule("without_punctuation", without_punctuation)),
    "gender": ("ge", Rule("snap_gender", gender)),
    "city": ("ct", Rule("compact", compact)),
    "state": ("st", Rule("state_code", state_code)),
    "postal_code": ("zp", Rule("postal_compact", postal_compact)),
    "country": ("country", Rule("country_code", country_code)),
    "external_id": ("external_id", Rule("trimmed", trimmed)),
}
# One raw value each. The hashed IP address and device ids of the v2 API are gone: v3 calls a hashed IP invalid.
SINGLES: Mapping[str, tuple[str, Rule]] = {
    "ip_address": ("client_ip_address", Rule("ip_canonical", ip_canonical, hashed=False)),
    "mobile_ad_id": ("madid", Rule("snap_device_id", device_id, hashed=False)),
    "idfv": ("idfv", Rule("trimmed_raw", trimmed, hashed=False)),
}
IDENTITY: Mapping[str, Rule] = FrozenDict({field: rule for field, (_, rule) in (*LISTS.items(), *SINGLES.items())})
KEYS: Mapping[str, str] = {field: key for field, (key, _) in (*LISTS.items(), *SINGLES.items())}
INIT: Mapping[str, str] = {"email": "user_hashed_email", "phone": "user_hashed_phone_number"}

# --- fields ----------------------------------------------------------------------------------------------------------

#   ours               pixel: track()     API: custom_data
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
}
_AS_GIVEN = ("order_id", "value", "currency", "search_string", "sign_up_method")

# The currencies Snap has listed (API v2 reference; the v3 pages seen list none).
_CURRENCIES = """
    AED ALL AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK DZD EGP EUR GBP GHS GIP HKD HRK HUF IDR ILS INR IQD ISK
    JOD JPY KES KRW KWD KZT LBP MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RUB SAR SEK SGD THB TRY TWD
    TZS UAH USD VND XOF ZAR
"""
CURRENCIES = frozenset(_CURRENCIES.split())

# Limited use. The pixel's value is `lmu`; of the API Snap's parameter table says LMU, its SDK's example LDU (2025-05).
PIXEL_LIMITED_USE = ("lmu",)
API_LIMITED_USE = ("LMU",)

# --- one conversion, both halves -------------------------------------------------------------------------------------


def facts(event: Event) -> dict[str, Any]:
    """What both halves say of an event, in our words; what is absent or empty is left out."""
    own = event.__dict__
    said: dict[str, Any] = {}
    for field in _AS_GIVEN:
        value = own.get(field)
        if value is not None and value != "":
            said[field] = value
    items: Sequence[Item] = own.get("items") or ()
    category = own.get("category") or common_category(items)
    if category:
        said["category"] = category
    if items:
        said["item_ids"] = [item.id for item in items]
        said["item_count"] = event.item_count
        brands = dict.fromkeys(item.brand for item in items if item.brand)
        if brands:
            said["brands"] = list(brands)
    return said


def common_category(items: Sequence[Item]) -> str | None:
    """The category that all items share: both halves have room for one."""
    named = {item.category or None for item in items}
    return named.pop() if len(named) == 1 else None


def track(platform: Platform, conversion: Conversion) -> dict[str, Any]:
    """The last argument of `snaptr('track', pixel, name, …)`. The pixel drops any key it does not know, `event_id` and
    `value` among them, without a word."""
    said: dict[str, Any] = {"client_dedup_id": conversion.id}
    for field, value in facts(conversion.event).items():
        said[FIELDS[field][0]] = value
    if platform.limited(conversion.consent):
        said["data_use"] = list(PIXEL_LIMITED_USE)
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
        said["data_use"] = list(PIXEL_LIMITED_USE)
    return said


def event(platform: Platform, conversion: Conversion, name: str) -> dict[str, Any]:
    """One element of the API's `data`, but for `app_data`."""
    said: dict[str, Any] = {
        "event_name": name,
        "event_time": round(conversion.occurred_at.timestamp() * 1000),  # ms; Snap takes seconds too
        "event_id": conversion.id,  # at the top: in custom_data it would not deduplicate
        "action_source": ACTION_SOURCES[conversion.action_source],
    }
    if conversion.source_url:
        said["event_source_url"] = conversion.source_url
    said["user_data"] = user_data(platform, conversion.visitor)
    custom = custom_data(conversion.event)
    if custom:
        said["custom_data"] = custom
    if platform.limited(conversion.consent):
        said["data_processing_options"] = list(API_LIMITED_USE)
    return said


def custom_data(event: Event) -> dict[str, Any]:
    """The facts by the API's names, and what only the API has room for: each item's quantity, price and brand, and the
    name of a single item."""
    said = {FIELDS[field][1]: value for field, value in facts(event).items()}
    if "brands" in said:
        said["brands"] = ",".join(said["brands"])  # text in Snap's own models, and what the pixel sends of its list
    items: Sequence[Item] = event.__dict__.get("items") or ()
    if items:
        said["contents"] = [content(item) for item in items]
        if len(items) == 1 and items[0].name:
            said["content_name"] = items[0].name
    return said


def content(item: Item) -> dict[str, str]:
    """One element of `contents`: all texts, as in Snap's own models and examples."""
    said = {"id": item.id, "quantity": str(item.quantity)}
    if item.price is not None:
        said["item_price"] = plain(item.price)
    if item.brand:
        said["brand"] = item.brand
    return said


def user_data(platform: Platform, visitor: AnyVisitor) -> dict[str, Any]:
    """Who did it, and the signals of the ad click."""
    said: dict[str, Any] = {}
    for field, rule in platform.rules.items():
        found = visitor.values(field, rule)
        if found:
            said[KEYS[field]] = found[0] if field in SINGLES else list(found)
    if visitor.user_agent:
        said["client_user_agent"] = visitor.user_agent
    click = signal(platform, visitor.click_ids)
    if click:
        said["sc_click_id"] = click
    browser = signal(platform, visitor.browser_ids)
    if browser:
        said["sc_cookie1"] = browser
    return said


def signal(platform: Platform, signals: Mapping[str, str]) -> str | None:
    """A click id or browser id, kept by this pixel's name or by its platform."""
    return (signals.get(platform.name) or signals.get(platform.kind)) if signals else None


def app_data(platform: Platform, conversion: Conversion) -> dict[str, Any]:
    """What a MOBILE_APP event must say of its app. `extinfo` is a list of sixteen texts, empty where not known."""
    app = conversion.app
    if app is None or not app.os_version:
        missing = "app=App(…)" if app is None else "App(os_version=…)"
        raise CannotSend(platform.name, "no_app", f"Snap takes no app event without its app; give {missing}")
    extinfo = [""] * 16
    extinfo[0] = "i2" if app.platform == "ios" else "a2"
    extinfo[1] = app.id if app.platform == "android" else ""  # the package's name
    extinfo[2] = app.version or ""
    extinfo[4] = app.os_version
    if conversion.visitor.screen:
        extinfo[9], extinfo[10] = map(str, conversion.visitor.screen)
    # A device tells its advertising id only to apps its owner let track him (Apple's App Tracking Transparency).
    tracked = not platform.limited(conversion.consent) and bool(platform.wire(conversion.visitor, "mobile_ad_id"))
    return {"app_id": app.id, "advertiser_tracking_enabled": int(tracked), "extinfo": extinfo}
