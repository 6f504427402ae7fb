"""What the Conversions API v3 takes: a closed schema with exact types, as the sandbox holds events against it.

Sources: Conversions API v3 reference and changelog (to 2026-03-16) and recorded refusals. What Reddit publishes no
limit for (missing match keys, clocks that run ahead) is refused where a source says that Reddit wants it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from .mapping import CUSTOM, KNOWN_NAMES, METADATA
from .signals import CLICK_PARAMETER, uuid

MAX_AGE = timedelta(hours=168)
AHEAD = timedelta(minutes=5)
USER_KEYS = ("email", "phone_number", "external_id", "ip_address", "user_agent", "idfa", "aaid")

Fault = tuple[str, str]  # a path in the body, and what is wrong there
Check = Callable[[Any, str], Iterator[Fault]]


def _expect(what: str, test: Callable[[Any], bool]) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        if not test(value):
            yield path, f"{path.rpartition('.')[2]}: expected {what}"

    return check


def _one_of(*known: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        if value not in known:
            name = path.rpartition(".")[2]
            yield path, f"{name}: invalid {name}: {value}"

    return check


def _uuid(value: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, str) or uuid(value) is None:
        yield path.removesuffix("uuid") + "UUID", "user.UUID: invalid UUID: UUID must be RFC-4122 compliant"


def _closed(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    known = {**required, **optional}

    def check(value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield path, "expected an object"
            return
        said = cast("dict[str, Any]", value)
        for name in said:
            if name in known:
                yield from known[name](said[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}", f"unknown field {name!r}"
        for name in required:
            if name not in said:
                yield f"{path}.{name}", f"{name} is required"

    return check


def _each(one: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield path, "expected an array"
            return
        for index, element in enumerate(cast("Sequence[Any]", value)):
            yield from one(element, f"{path}[{index}]")

    return check


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_batch(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(cast("Sequence[object]", value)) <= 1000


def is_number(value: Any) -> bool:
    """Whether a parsed JSON value (decimals as Decimal) is a number."""
    return isinstance(value, Decimal) or _is_int(value)


_text = _expect("a string", lambda value: isinstance(value, str))
_number = _expect("a number", is_number)
_price = _expect("a number of 0 or more", lambda value: is_number(value) and value >= 0)
_count = _expect("an integer of 0 or more", lambda value: _is_int(value) and value >= 0)
_pixels = _expect("an integer of 1 to 32767", lambda value: _is_int(value) and 0 < value < 32768)
_label = _expect("1 to 64 characters", lambda value: isinstance(value, str) and 1 <= len(value) <= 64)

_PRODUCT = _closed({"id": _text}, {"name": _text, "category": _text, "quantity": _count, "item_price": _price})
_TYPE = _closed(
    {"tracking_type": _one_of(*(known.server for known in KNOWN_NAMES))},
    {"custom_event_name": _label},
)
_METADATA = _closed(
    {},
    {
        "conversion_id": _text,
        "currency": _text,
        "value": _number,
        "item_count": _count,
        "products": _each(_PRODUCT),
    },
)
_USER = _closed(
    {},
    {
        **dict.fromkeys(USER_KEYS, _text),
        "uuid": _uuid,
        "screen_dimensions": _closed({"width": _pixels, "height": _pixels}, {}),
        "data_processing_options": _closed(
            {"modes": _each(_one_of("LDU"))},
            {"country": _text, "region": _text},
        ),
    },
)
_EVENT = _closed(
    {
        "event_at": _expect("an integer", _is_int),
        "action_source": _one_of("WEBSITE", "APP", "PHYSICAL_STORE", "OTHER"),
        "type": _TYPE,
    },
    {"click_id": _text, "event_source_url": _text, "metadata": _METADATA, "user": _USER},
)
_DATA = _closed(
    {"events": _expect("an array of 1 to 1000 events", _is_batch)},
    {"partner": _text, "test_id": _text},
)
_BODY = _closed({"data": _DATA}, {})


def body_faults(body: Any) -> list[Fault]:
    """What is wrong with the envelope; the events in it are not looked at."""
    return list(_BODY(body, "$"))


def event_faults(event: Any, path: str, now: datetime) -> list[Fault]:
    """What Reddit would say of one event of the envelope."""
    return list(_EVENT(event, path)) or list(_rules(event, path, now))


def _rules(event: Mapping[str, Any], path: str, now: datetime) -> Iterator[Fault]:
    age = round(now.timestamp() * 1000) - event["event_at"]
    if age >= MAX_AGE // timedelta(milliseconds=1):
        yield f"{path}.event_at", "event_at timestamp must be less than 168h0m0s old"
    elif -age > AHEAD // timedelta(milliseconds=1):
        yield f"{path}.event_at", "event_at timestamp must not be in the future"
    kind = event["type"]
    if kind["tracking_type"] == CUSTOM.server and "custom_event_name" not in kind:
        yield f"{path}.type.custom_event_name", "custom_event_name is required for CUSTOM events"
    user = set(event.get("user", ())) - {"data_processing_options"}
    if event["action_source"] == "PHYSICAL_STORE":
        for name in sorted(user - {"email", "phone_number"}):
            yield f"{path}.user.{name}", f"{name} must not be sent with PHYSICAL_STORE events"
        if "click_id" in event:
            yield f"{path}.click_id", "click_id must not be sent with PHYSICAL_STORE events"
    if not user and "click_id" not in event and f"{CLICK_PARAMETER}=" not in event.get("event_source_url", ""):
        yield f"{path}.user", "at least one attribution signal is required"


def remarks(event: Mapping[str, Any]) -> Iterator[str]:
    """What Reddit takes, but its diagnostics complain of."""
    kind, metadata = event["type"]["tracking_type"], event.get("metadata", {})
    for field in ("currency", "value", "item_count"):
        if field in metadata and field not in METADATA[kind]:
            yield f"{kind} carries unsupported metadata: {field}"
    if not re.fullmatch("[A-Z]{3}", metadata.get("currency", "USD")):
        yield "a malformed currency: Reddit assumes the one of the ad account"
    if "event_source_url" in event and event["action_source"] != "WEBSITE":
        yield f"event_source_url is for WEBSITE events; {event['action_source']} has no page"
    if {"idfa", "aaid"} <= event.get("user", {}).keys():
        yield "idfa and aaid in one event: a device has one of them"
    if "conversion_id" not in metadata:
        yield "without conversion_id this event only merges by Reddit's session rule"
