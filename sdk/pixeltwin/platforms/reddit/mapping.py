"""Reddit's two vocabularies side by side: the pixel's camelCase and the Conversions API v3's snake_case.

Names, metadata and users are tables of (ours, the pixel's, the API's); both halves are written from the same rows, so
they cannot disagree. Sources: Reddit's Conversions API v3 reference and changelog (to 2026-03-16), Reddit's own tag for
Google Tag Manager 1.0.4 (2026-04-13), and its help articles on event metadata and on advanced matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...consent import Consent
from ...contract import EventName, Loss, Platform
from ...conversion import Conversion
from ...events import Event
from ...normal import country_code, email_address, ip_canonical, phone_plus, trimmed
from ...visitor import AnyVisitor, Rule
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

#   ours          pixel: track()     API: metadata
_METADATA: _Table = (
    ("currency", "currency", "currency"),
    ("value", "value", "value"),  # base units on both sides, not cents
    ("item_count", "itemCount", "item_count"),
    ("order_id", "transactionId", None),
)
_ITEM: _Table = (
    ("id", "id", "id"),
    ("name", "name", "name"),
    ("category", "category", "category"),
    ("quantity", "quantity", "quantity"),
    ("price", "itemPrice", "item_price"),
)
#   ours          pixel: init()      API: user
_USER: _Table = (
    ("email", "email", "email"),
    ("phone", "phoneNumber", "phone_number"),
    ("external_id", "externalId", "external_id"),
    ("ip_address", None, "ip_address"),
)
_IN_STORES = frozenset({"email", "phone"})  # PHYSICAL_STORE events identify by nothing else (v3 reference)

ACTION_SOURCES: Mapping[str, str] = {"web": "WEBSITE", "offline": "PHYSICAL_STORE"}

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
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


RAW_IP = Rule("ip", ip_canonical, hashed=False)
IDENTITY: Mapping[str, Rule] = {
    "email": Rule("reddit_email", canonical_email),
    "phone": Rule("phone_plus", phone_plus),
    "external_id": Rule("trimmed", trimmed),  # its case means something: customer12345 is not Customer12345
    "ip_address": Rule("ip_hashed", ip_canonical),
}

# --- one conversion, both halves -------------------------------------------------------------------------------------


def track(conversion: Conversion, name: EventName) -> dict[str, Any]:
    """The third argument of `rdt('track', name, …)`."""
    event = conversion.event
    said: dict[str, Any] = {"conversionId": conversion.id}  # anything but a string would be dropped silently
    if name is CUSTOM:
        said["customEventName"] = event.custom_name or event.type
    _write(said, event, name, _PIXEL)
    return said


def report(platform: Platform, conversion: Conversion, name: EventName, source: str) -> dict[str, Any]:
    """One element of `data.events`, without what says who did it."""
    happened = conversion.event
    kind = {"tracking_type": name.server}
    if name is CUSTOM:
        kind["custom_event_name"] = happened.custom_name or happened.type
    metadata: dict[str, Any] = {"conversion_id": conversion.id}
    _write(metadata, happened, name, _API)
    said: dict[str, Any] = {
        "event_at": round(conversion.occurred_at.timestamp() * 1000),  # milliseconds
        "action_source": source,
        "type": kind,
        "metadata": metadata,
    }
    if source == "WEBSITE":
        url = conversion.source_url
        if url and url.startswith(("https://", "http://")):
            said["event_source_url"] = url
        click = signal(platform, conversion.visitor.click_ids)
        if click:
            said["click_id"] = click
    return said


def _write(said: dict[str, Any], event: Event, name: EventName, side: int) -> None:
    allowed = METADATA[name.server]
    own = event.__dict__
    for row in _METADATA:
        key = row[side]
        if key and row[0] in allowed:
            value = event.item_count if row[0] == "item_count" else own.get(row[0])
            if value is not None:
                said[key] = value
    items = own.get("items")
    if items:
        said["products"] = [
            {row[side]: value for row in _ITEM if (value := item.__dict__[row[0]]) is not None and value != ""}
            for item in items
        ]


def init_options(platform: Platform, visitor: AnyVisitor, consent: Consent) -> dict[str, Any]:
    """The third argument of `rdt('init', pixel, …)`: digests and switches, never fields of an event."""
    options: dict[str, Any] = {}
    for field, key, _ in _USER:
        if key and (wire := platform.first(visitor, field)):
            options[key] = wire
    options["useDecimalCurrencyValues"] = True  # `value` is 59.9, not 5990
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
    visitor = conversion.visitor
    in_store = conversion.action_source == "offline"
    said: dict[str, Any] = {}
    for field, _, key in _USER:
        if key and (not in_store or field in _IN_STORES) and (wire := platform.first(visitor, field)):
            said[key] = wire
    if in_store:
        return said
    if visitor.user_agent:
        said["user_agent"] = visitor.user_agent
    browser = uuid(signal(platform, visitor.browser_ids))
    if browser:
        said["uuid"] = browser
    if visitor.screen:
        said["screen_dimensions"] = {"width": visitor.screen[0], "height": visitor.screen[1]}
    return said


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
    country = country_code(consent.country or "")
    found = _SUBDIVISION.fullmatch((consent.state or "").strip().upper())
    country = country.upper() if country else found[1] if found else None
    if found is None or country is None or found[1] not in (None, country):
        return country, None
    return country, f"{country}-{found[2]}"


def signal(platform: Platform, signals: Mapping[str, str]) -> str | None:
    """A click id or browser id, kept by this pixel's name or by its platform."""
    return signals.get(platform.name) or signals.get(platform.kind)


def has_click_id(said: Mapping[str, Any]) -> bool:
    """Reddit takes the click id from the event, or else from its page's URL."""
    return "click_id" in said or f"{CLICK_PARAMETER}=" in said.get("event_source_url", "")


# --- what is lost ----------------------------------------------------------------------------------------------------


def metadata_losses(platform: Platform, event: Event, name: EventName) -> Iterator[Loss]:
    """What the event says and Reddit has no room for, on either half."""
    allowed = METADATA[name.server]
    known = {row[0] for row in _METADATA}
    for field, value in event.__dict__.items():
        if field in ("names", "name", "items") or value is None or value == "":
            continue
        if field not in known:
            yield Loss(platform.name, field, "unsupported_field", f"Reddit has no field for {field}; it is left out")
        elif field not in allowed:
            detail = f"Reddit takes no {field} with {name.server}; it is left out on both halves"
            yield Loss(platform.name, field, "unsupported_metadata", detail)
    kept = {row[0] for row in _ITEM}
    lost = {field for item in event.__dict__.get("items", ()) for field, value in item.__dict__.items() if value}
    for field in sorted(lost - kept):
        yield Loss(platform.name, f"items.{field}", "unsupported_field", f"Reddit's products have no {field}")


def visitor_losses(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """What is known of the visitor and Reddit will not get."""
    visitor = conversion.visitor
    yield from platform.identity_losses(visitor)
    in_store = conversion.action_source == "offline"
    for field in platform.rules:
        values = platform.wire(visitor, field)
        if values and in_store and field not in _IN_STORES:
            yield Loss(platform.name, field, "not_in_stores", "a store's events are matched by e-mail and phone only")
        elif len(values) > 1:
            yield Loss(platform.name, field, "one_value_only", f"Reddit takes one {field}; the first was sent")
    browser = signal(platform, visitor.browser_ids)
    if browser and not uuid(browser):
        yield Loss(platform.name, "browser_id", "unusable_value", "_rdt_uuid holds no UUID; Reddit would refuse it")
