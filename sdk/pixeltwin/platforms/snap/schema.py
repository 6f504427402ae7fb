"""What Snap's Conversions API refuses, for the sandbox: the published causes of INVALID and nothing stricter.

Sources: "Verify your set-up" (a required field missing; price or currency missing on a purchase; an invalid IP address;
a time that is invalid or out of range; unhashed or insufficient personal data), the parameter tables, the types in
Snap's v3 SDK (2025-05-22), and "Unrecognized event type", which Segment quotes. Keys Snap does not know are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from itertools import chain
from typing import Any

from ...conversion import AHEAD
from .identity import LISTS
from .mapping import ACTION_SOURCES, NAMES, PURCHASE, TRAVEL_LISTS
from .replies import a_list, an_object

MAX_AGE = timedelta(days=37)
USEFUL_AGE = timedelta(days=7)  # what Segment and RudderStack hold v3 to, for optimisation
MILLISECONDS = 100_000_000_000  # a time from here on is in milliseconds, a smaller one in seconds

_NAMES = frozenset(NAMES)
# Snap's names for where it happened, and the spellings that its "Offline Events" page and its SDK's examples show.
_SOURCES: Mapping[str, str] = {
    **{name.lower(): name for name in ACTION_SOURCES.values()},
    "website": "WEB",
    "app": "MOBILE_APP",
    **dict.fromkeys(("physical_store", "phone_call", "email", "chat", "system_generated", "other"), "OFFLINE"),
}
_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_ABSOLUTE_URL = re.compile(r"https?://[^/\s]+", re.I)
_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]+)?")
_TEXTS = (
    "content_category",
    "content_name",
    "content_type",
    "delivery_category",
    "event_tag",
    "order_id",
    "search_string",
    "sign_up_method",
    "status",
)
_COUNTS = ("num_items", "num_adults", "num_children", "num_infants")
_RAW_TEXTS = ("client_user_agent", "sc_click_id", "sc_cookie1", "madid", "idfv")

Fault = tuple[str, str]  # a code of our own making, and the reason: Snap's words where they are known


def event_name(value: object) -> str | None:
    """The name as Snap stores it: it takes any case. None for a name it does not have."""
    name = value.strip().upper() if isinstance(value, str) else ""
    return name if name in _NAMES else None


def event_time(value: object) -> datetime | None:
    """Seconds or milliseconds since 1970, as a number or as the text of one; None for what is no time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**14:
        return None
    return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS else value, timezone.utc)


def action_source(value: object) -> str | None:
    """WEB, MOBILE_APP or OFFLINE."""
    return _SOURCES.get(value.strip().lower()) if isinstance(value, str) else None


def first_fault(event: Any, now: datetime) -> Fault | None:
    """Why Snap would refuse an event; None when it would take it."""
    if not isinstance(event, dict):
        return ("invalid_event", "Event must be an object")
    said = an_object(event)
    faults = chain(_root(said, now), _place(said), _user_data(said.get("user_data")), _custom_data(said))
    return next(faults, None)


def _root(event: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    for field in ("event_name", "event_time", "action_source"):
        if event.get(field) in (None, ""):
            yield ("missing_field", f"Missing required field: {field}")
    if event_name(event["event_name"]) is None:
        yield ("unrecognized_event_type", "Unrecognized event type")
    happened = event_time(event["event_time"])
    if happened is None or not -AHEAD <= now - happened <= MAX_AGE:
        yield ("invalid_timestamp", "Timestamp invalid or out of range")
    if action_source(event["action_source"]) is None:
        yield ("invalid_action_source", "Invalid action_source")
    if isinstance(event.get("event_id"), (dict, list, bool, float)):
        yield ("invalid_type", "event_id must be a string")


def _place(event: Mapping[str, Any]) -> Iterator[Fault]:
    source, url = action_source(event["action_source"]), event.get("event_source_url")
    if source == "WEB" and url in (None, ""):
        yield ("missing_field", "Missing required field: event_source_url")
    if url not in (None, "") and not (isinstance(url, str) and _ABSOLUTE_URL.match(url)):
        yield ("invalid_url", "event_source_url must be a URL with its scheme")
    if source == "MOBILE_APP":
        app = an_object(event.get("app_data"))
        if not app.get("app_id"):
            yield ("missing_field", "Missing required field: app_data.app_id")
        if not _is_texts(app.get("extinfo")) or len(app["extinfo"]) != 16:
            yield ("invalid_extinfo", "app_data.extinfo must be a list of 16 strings")
        elif app["extinfo"][0] not in ("i2", "a2"):
            yield ("invalid_extinfo", "app_data.extinfo must begin with i2 or a2")
        if app.get("advertiser_tracking_enabled") not in (None, 0, 1):
            yield ("invalid_type", "app_data.advertiser_tracking_enabled must be 0 or 1")
    options = event.get("data_processing_options")
    if options is not None and not _is_texts(options):
        yield ("invalid_type", "data_processing_options must be a list of strings")


def _user_data(value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield ("missing_field", "Missing required field: user_data")
        return
    user = an_object(value)
    for key, _ in LISTS.values():
        yield from _digests(key, user.get(key))
    for key in _RAW_TEXTS:
        if user.get(key) is not None and not isinstance(user[key], str):
            yield ("invalid_type", f"user_data.{key} must be a string")
    address = user.get("client_ip_address")
    if address not in (None, "") and not _is_address(address):
        yield ("invalid_ip", "Invalid client_ip_address")
    if not (user.get("em") or user.get("ph") or user.get("madid") or (address and user.get("client_user_agent"))):
        yield ("insufficient_pii", "Insufficient PII")


def _digests(key: str, value: Any) -> Iterator[Fault]:
    many = [value] if isinstance(value, str) else value
    if many is not None and not _is_texts(many):
        yield ("invalid_type", f"user_data.{key} must be a string or a list of strings")
    # external_id may be sent as it is: Snap's own server tag passes it on unhashed.
    elif many and key != "external_id" and not all(map(_HASHED.fullmatch, many)):
        yield ("unhashed_pii", f"Unhashed PII: user_data.{key}")


def _custom_data(event: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(event.get("custom_data", {}), dict):
        yield ("invalid_type", "custom_data must be an object")
        return
    custom = an_object(event.get("custom_data"))
    value, currency = custom.get("value"), custom.get("currency")
    if event_name(event["event_name"]) == PURCHASE and (value in (None, "") or not currency):
        yield ("missing_price_or_currency", "Missing price or currency on purchase event")
    if value not in (None, "") and not _is_amount(value):
        yield ("invalid_value", "custom_data.value must be a number")
    if currency and not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        yield ("invalid_currency", "Invalid currency")
    if custom.get("predicted_ltv") not in (None, "") and not _is_amount(custom["predicted_ltv"]):
        yield ("invalid_value", "custom_data.predicted_ltv must be a number")
    yield from _contents(custom)
    for key in _TEXTS:
        if isinstance(custom.get(key), (dict, bool)):
            yield ("invalid_type", f"custom_data.{key} must be a string")
    for key in _COUNTS:
        count = custom.get(key)
        if count is not None and (isinstance(count, bool) or not str(count).isdigit()):
            yield ("invalid_type", f"custom_data.{key} must be a whole number")
    for key in TRAVEL_LISTS:
        if custom.get(key) is not None and not _is_texts(custom[key]):
            yield ("invalid_type", f"custom_data.{key} must be a list of strings")


def _contents(custom: Mapping[str, Any]) -> Iterator[Fault]:
    ids, contents = custom.get("content_ids"), custom.get("contents")
    if ids is not None and not isinstance(ids, str) and not _is_texts(ids):
        yield ("invalid_type", "custom_data.content_ids must be a list of strings")
    if contents is not None and not (a_list(contents) and all(isinstance(one, dict) for one in a_list(contents))):
        yield ("invalid_type", "custom_data.contents must be a list of objects")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in a_list(value))


def _is_amount(value: object) -> bool:
    if isinstance(value, str):
        return bool(_DECIMAL.fullmatch(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_address(value: object) -> bool:
    try:
        ip_address(str(value).strip())
    except ValueError:
        return False
    return isinstance(value, str)
