"""Reddit's two vocabularies side by side: the pixel's camelCase and the Conversions API v3's snake_case.

Names, metadata and users are tables of (ours, the pixel's, the API's); both halves are written from the same rows, so
they cannot disagree. Sources: Reddit's Conversions API v3 reference and changelog (to 2026-03-16), Reddit's own tag for
Google Tag Manager 1.0.4 (2026-04-13), and its help articles on event metadata and on advanced matching.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...consent import Consent
from ...contract import EventName, Platform
from ...conversion import Conversion
from ...events import Event, Refund, renamed
from ...normalising.amounts import amount
from ...normalising.normal import country_code, email_address, ip_canonical, phone_plus, state_code, trimmed
from ...visitor import AnyVisitor, Rule
from ...withholding import page, signal
from .signals import CLICK_PARAMETER, uuid

# --- names -----------------------------------------------------------------------------------------------------------

PAGE_VISIT = EventName("PageVisit", "PAGE_VISIT")
VIEW_CONTENT = EventName("ViewContent", "VIEW_CONTENT")
SEARCH = EventName("Search", "SEARCH")
ADD_TO_CART = EventName("AddToCart", "ADD_TO_CART")
ADD_TO_WISHLIST = EventName("AddToWishlist", "ADD_TO_WISHLIST")
PURCHASE = EventName("Purchase", "PURCHASE")
LEAD = EventName("Lead", "LEAD")
SIGN_UP = EventName("SignUp", "SIGN_UP")
CUSTOM = EventName("Custom", "CUSTOM")  # carries the event's own name on both sides

KNOWN_NAMES = (PAGE_VISIT, VIEW_CONTENT, SEARCH, ADD_TO_CART, ADD_TO_WISHLIST, PURCHASE, LEAD, SIGN_UP, CUSTOM)

EVENT_NAMES: Mapping[str, EventName] = {
    "PageView": PAGE_VISIT,
    "ViewContent": VIEW_CONTENT,
    "ViewCategory": CUSTOM,
    "Search": SEARCH,
    "AddToCart": ADD_TO_CART,
    "AddToWishlist": ADD_TO_WISHLIST,
    "StartCheckout": CUSTOM,
    "AddPaymentInfo": CUSTOM,
    "Purchase": PURCHASE,
    "Refund": CUSTOM,  # under the name that `refunds=` gives, else not at all
    "Lead": LEAD,
    "SignUp": SIGN_UP,
    "Subscribe": CUSTOM,
    "StartTrial": CUSTOM,
    "WatchVideo": CUSTOM,
    "CustomEvent": CUSTOM,
}

# What an event may carry besides its ID and products (help article "About event metadata"). More is not refused, but
# Reddit's diagnostics complain of it, so it is left off on both halves.
METADATA: Mapping[str, frozenset[str]] = {
    "PAGE_VISIT": frozenset(),
    "VIEW_CONTENT": frozenset(),
    "SEARCH": frozenset(),
    "ADD_TO_CART": frozenset({"currency", "value", "item_count"}),
    "ADD_TO_WISHLIST": frozenset({"currency", "value", "item_count"}),
    "PURCHASE": frozenset({"currency", "value", "item_count", "order_id"}),
    "LEAD": frozenset({"currency", "value", "order_id"}),
    "SIGN_UP": frozenset({"currency", "value", "order_id"}),
    "CUSTOM": frozenset({"currency", "value", "item_count", "order_id"}),
}

# --- fields ----------------------------------------------------------------------------------------------------------

_Table = tuple[tuple[str, str | None, str | None], ...]
_PIXEL, _API = 1, 2


@dataclass(frozen=True, slots=True)
class Choices:
    """What the advertiser chose, alike for both halves: what a purchase's value is, and the custom event name of
    refunds (None: they are not sent)."""

    value_basis: str = "total"
    refunds: str | None = None


#   ours          pixel: track()     API: metadata
METADATA_FIELDS: _Table = (
    ("currency", "currency", "currency"),
    ("value", "value", "value"),  # base units on both sides, not cents
    ("item_count", "itemCount", "item_count"),
    ("order_id", "transactionId", None),
)
ITEM_FIELDS: _Table = (
    ("id", "id", "id"),
    ("name", "name", "name"),
    ("category", "category", "category"),
    ("quantity", "quantity", "quantity"),
    ("price", "itemPrice", "item_price"),
)
#   ours          pixel: init()      API: user
USER_FIELDS: _Table = (
    ("email", "email", "email"),
    ("phone", "phoneNumber", "phone_number"),
    ("external_id", "externalId", "external_id"),
    ("ip_address", None, "ip_address"),
    ("idfa", None, "idfa"),  # the app's platform says which of the two a mobile ad id is; a page does not know it
    ("aaid", None, "aaid"),
)
_USER_KEYS: Mapping[str, str] = {field: key for field, _, key in USER_FIELDS if key}
# The tables as one side reads them: our field and its key.
_Columns = tuple[tuple[str, str], ...]


def _columns(table: _Table, side: int) -> _Columns:
    return tuple((row[0], key) for row in table if (key := row[side]))


_ITEM: Mapping[int, _Columns] = {side: _columns(ITEM_FIELDS, side) for side in (_PIXEL, _API)}
_METADATA: Mapping[int, Mapping[str, _Columns]] = {
    side: {
        name: tuple(one for one in _columns(METADATA_FIELDS, side) if one[0] in allowed)
        for name, allowed in METADATA.items()
    }
    for side in (_PIXEL, _API)
}

IN_STORES = frozenset({"email", "phone"})  # PHYSICAL_STORE events identify by nothing else (v3 reference)

ACTION_SOURCES: Mapping[str, str] = {"web": "WEBSITE", "app": "APP", "offline": "PHYSICAL_STORE"}
_AD_IDS: Mapping[str, str] = {"ios": "idfa", "android": "aaid"}
_NO_SCRAPING = {"email": False, "phone_number": False}  # automatic matching: the pixel would read forms by itself
_AD_ID_NAMES = frozenset(_AD_IDS.values())

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
_AD_ID = re.compile(r"(?![0-]+$)[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SUBDIVISION = re.compile(r"(?:([A-Z]{2})-)?([A-Z0-9]{1,3})")


def canonical_email(value: str) -> str | None:
    """Reddit's form of an address, for every domain: the local part ends at its first "+" and keeps only a-z and 0-9
    (help article "Advanced matching for developers": Al.ice$+Apple@Example.Com is alice@example.com)."""
    address = email_address(value)
    if address is None:
        return None
    local, _, domain = address.partition("@")
    local = _NOT_ALPHANUMERIC.sub("", local.partition("+")[0])
    return f"{local}@{domain}" if local else None


def idfa(value: str) -> str | None:
    """Apple's advertising id in upper case with its hyphens (v3 reference); None for the zeros of who opted out."""
    found = _AD_ID.fullmatch(value.strip())
    return found[0].upper() if found else None


def aaid(value: str) -> str | None:
    """Google's advertising id in lower case with its hyphens (v3 reference); None for the zeros of who opted out."""
    found = _AD_ID.fullmatch(value.strip())
    return found[0].lower() if found else None


RAW_IP = Rule("ip", ip_canonical, hashed=False)
IDENTITY: Mapping[str, Rule] = {
    "email": Rule("reddit_email", canonical_email),
    "phone": Rule("phone_plus", phone_plus),
    "external_id": Rule("trimmed", trimmed),  # its case means something: customer12345 is not Customer12345
    "ip_address": Rule("ip_hashed", ip_canonical),
    "idfa": Rule("reddit_idfa", idfa, source="mobile_ad_id"),
    "aaid": Rule("reddit_aaid", aaid, source="mobile_ad_id"),
}

# --- one conversion, both halves -------------------------------------------------------------------------------------


def track(conversion: Conversion, name: EventName, choices: Choices) -> dict[str, Any]:
    """The third argument of `rdt('track', name, …)`."""
    event = conversion.event
    said: dict[str, Any] = {"conversionId": conversion.id}  # anything but a string would be dropped silently
    if name is CUSTOM:
        said["customEventName"] = label(event, choices)
    _write(said, event, name, choices, _PIXEL)
    return said


def report(platform: Platform, conversion: Conversion, name: EventName, choices: Choices) -> dict[str, Any]:
    """One element of `data.events`, without what says who did it."""
    event = conversion.event
    kind = {"tracking_type": name.server}
    if name is CUSTOM:
        kind["custom_event_name"] = label(event, choices)
    metadata: dict[str, Any] = {"conversion_id": conversion.id}
    _write(metadata, event, name, choices, _API)
    source = conversion.action_source
    said: dict[str, Any] = {
        "event_at": round(conversion.occurred_at.timestamp() * 1000),  # milliseconds
        "action_source": ACTION_SOURCES[source],
        "type": kind,
        "metadata": metadata,
    }
    if url := shown_page(platform, conversion):
        said["event_source_url"] = url
    if click := click_id(platform, conversion):
        said["click_id"] = click
    return said


def shown_page(platform: Platform, conversion: Conversion) -> str | None:
    """The page it happened on, where Reddit takes one."""
    url = page(platform, conversion)
    return url if url and conversion.action_source == "web" and url.startswith(("https://", "http://")) else None


def click_id(platform: Platform, conversion: Conversion) -> str | None:
    """The click id of the ad, where Reddit takes one."""
    return None if conversion.action_source == "offline" else signal(platform, conversion.visitor, "click_ids")


def label(event: Event, choices: Choices) -> str:
    """The name a Custom event goes by, on both sides: 1 to 64 characters, compared with their case."""
    if isinstance(event, Refund) and choices.refunds:
        return choices.refunds
    return event.custom_name or event.type


def _write(said: dict[str, Any], event: Event, name: EventName, choices: Choices, side: int) -> None:
    own = event.__dict__
    for field, key in _METADATA[side][name.server]:
        if field == "value":
            value: Any = amount(own, choices.value_basis)
        else:
            value = event.item_count if field == "item_count" else own.get(field)
        if value is not None:
            said[key] = value
    if items := own.get("items"):
        columns = _ITEM[side]
        said["products"] = [renamed(item.__dict__, columns) for item in items]


def init_options(platform: Platform, visitor: AnyVisitor, consent: Consent) -> dict[str, Any]:
    """The third argument of `rdt('init', pixel, …)`: digests and switches, never fields of an event."""
    options: dict[str, Any] = {}
    for field, key, _ in USER_FIELDS:
        if key and (wire := platform.first(visitor, field)):
            options[key] = wire
    options["useDecimalCurrencyValues"] = True  # `value` is 59.9, not 5990
    options["aam"] = dict(_NO_SCRAPING)
    if platform.limited(consent):
        options["dpm"] = "LDU"
        country, region = place(consent)
        if country:
            options["dpcc"] = country
        if region:
            options["dprc"] = region
    return options


def user(platform: Platform, conversion: Conversion) -> dict[str, Any]:
    """The API's `user`, without limited data use: empty when nothing can be matched."""
    visitor, hidden = conversion.visitor, platform.withhold
    in_store = conversion.action_source == "offline"
    ad_id = ad_id_name(conversion)
    said: dict[str, Any] = {}
    for field, found in platform.wires(visitor).items():
        if (not in_store or field in IN_STORES) and (field not in _AD_ID_NAMES or field == ad_id):
            said[_USER_KEYS[field]] = found[0]
    if in_store:
        return said
    if visitor.user_agent and "user_agent" not in hidden:
        said["user_agent"] = visitor.user_agent
    browser = uuid(signal(platform, visitor, "browser_ids"))
    if browser:
        said["uuid"] = browser
    if visitor.screen and "screen" not in hidden:
        said["screen_dimensions"] = {"width": visitor.screen[0], "height": visitor.screen[1]}
    return said


def ad_id_name(conversion: Conversion) -> str | None:
    """Reddit's name for this app's mobile ad id, "idfa" or "aaid". None where the app is not known, and for who did not
    allow apps to track: what comes as his id then is none that may be used."""
    app = conversion.app
    if app is None or app.tracking_allowed is False or conversion.action_source == "offline":
        return None
    return _AD_IDS[app.platform]


def limited_data_use(consent: Consent) -> dict[str, Any]:
    """`user.data_processing_options`: the same switch as the pixel's dpm, dpcc and dprc; modes is a list here."""
    country, region = place(consent)
    options: dict[str, Any] = {"modes": ["LDU"]}
    if country:
        options["country"] = country
    if region:
        options["region"] = region
    return options


def place(consent: Consent) -> tuple[str | None, str | None]:
    """Where limited data use applies: ISO 3166-1 ("US") and ISO 3166-2 ("US-CA"); None for what is not known."""
    stated = (consent.state or "").strip()
    found = _SUBDIVISION.fullmatch(stated.upper())
    code = country_code(consent.country or "")
    country = code.upper() if code else found[1] if found else None
    region = found[2] if found else (state_code(stated) or "").upper() if country == "US" else ""
    if not country or not region or (found and found[1] not in (None, country)):
        return country, None
    return country, f"{country}-{region}"


def matched(platform: Platform, conversion: Conversion) -> bool:
    """Whether Reddit could match anybody: by its `user`, or by a click id of the event or of its page's URL."""
    agent = conversion.visitor.user_agent
    if agent and conversion.action_source != "offline" and "user_agent" not in platform.withhold:
        return True  # as nearly always; the rest takes longer to find out
    return (
        bool(user(platform, conversion))
        or click_id(platform, conversion) is not None
        or f"{CLICK_PARAMETER}=" in (shown_page(platform, conversion) or "")
    )
