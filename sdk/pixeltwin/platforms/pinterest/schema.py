"""The request body that `events/create` publishes (OpenAPI description 5.23.0, 2025-12), as data, and its check.

Objects are closed (`user_data` is not), types are exact: money and ids are strings, counts and times integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast


@dataclass(frozen=True)
class Text:
    longest: int | None = None
    nullable: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    least: int | None = None
    most: int | None = None
    nullable: bool = False


@dataclass(frozen=True)
class Truth:
    pass


@dataclass(frozen=True)
class Many:
    of: Shape
    least: int = 0
    most: int | None = None


@dataclass(frozen=True)
class Thing:
    """An object. `any_of`: it must have all keys of one of these sets."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = field(default=())
    closed: bool = True


Shape = Text | Whole | Truth | Many | Thing


class Fault(NamedTuple):
    """What is wrong, in the words of the validator that Pinterest's answers quote, and where."""

    said: str
    where: str


TEXT = Text()
OPTIONAL_TEXT = Text(nullable=True)
TEXTS = Many(TEXT)
SIZE = Whole(0, 30720)
GIGABYTES = Whole(0, 1048576)

USER_DATA = Thing(
    {
        **dict.fromkeys(("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country"), TEXTS),
        **dict.fromkeys(("external_id", "hashed_maids"), TEXTS),
        **dict.fromkeys(("client_ip_address", "client_user_agent"), TEXT),
        **dict.fromkeys(("click_id", "partner_id"), OPTIONAL_TEXT),
    },
    any_of=(("em",), ("hashed_maids",), ("client_ip_address", "client_user_agent")),
    closed=False,
)
CONTENT = Thing(
    {
        **dict.fromkeys(("id", "item_name", "item_category", "item_brand", "item_price"), TEXT),
        "quantity": Whole(),
    }
)
CUSTOM_DATA = Thing(
    {
        **dict.fromkeys(
            ("value", "currency", "order_id", "search_string", "opt_out_type", "predicted_ltv"), OPTIONAL_TEXT
        ),
        **dict.fromkeys(("content_name", "content_category", "content_brand"), OPTIONAL_TEXT),
        **dict.fromkeys(("np", "external_measurement_id"), OPTIONAL_TEXT),
        "external_measurement_vendor_id": Whole(nullable=True),
        "num_items": Whole(),
        "content_ids": TEXTS,
        "contents": Many(CONTENT),
    }
)
APP_INFO = Thing(
    {
        **dict.fromkeys(("app_id", "app_name", "app_package_name"), Text(200)),
        **dict.fromkeys(("app_store", "app_version"), Text(100)),
        "install_time": Whole(0),
        "user_agent": Text(16384),
        **dict.fromkeys(("window_height", "window_width"), SIZE),
    }
)
FORM_FACTORS = ("desktop", "laptop", "cellphone", "tablet", "smartwatch", "tv", "vr", "console", "other")
NETWORKS = ("wifi", *(f"cellular_{generation}g" for generation in (2, 3, 4, 5, 6)), "ethernet", "unknown")
SYSTEMS = ("ios", "android", "macos", "windows", "linux", "bsd", "other")
DEVICE_INFO = Thing(
    {
        **dict.fromkeys(("brand", "carrier", "kernel_version", "model", "os_name", "os_version"), Text(100)),
        **dict.fromkeys(("os_release_name", "type"), Text(100)),
        "locale": Text(35),
        "timezone": Text(40),
        "timezone_abbr": Text(5),
        "form_factor": Text(choices=FORM_FACTORS),
        "network_type": Text(choices=NETWORKS),
        "os_family": Text(choices=SYSTEMS),
        "languages": Many(TEXT, 0, 100),
        "battery_level": Whole(0, 100),
        "cpu_cores": Whole(0, 1152),
        "screen_density": Whole(0, 100000),
        **dict.fromkeys(("screen_height", "screen_width"), SIZE),
        **dict.fromkeys(("external_storage_free_space", "external_storage_size"), GIGABYTES),
        **dict.fromkeys(("storage_free_space", "storage_size"), GIGABYTES),
    }
)
EVENT = Thing(
    {
        **dict.fromkeys(("event_name", "action_source", "event_id"), TEXT),
        "event_time": Whole(),
        "event_source_url": OPTIONAL_TEXT,
        **dict.fromkeys(("app_id", "app_name", "app_version", "partner_name", "language", "os_version"), OPTIONAL_TEXT),
        **dict.fromkeys(("device_brand", "device_carrier", "device_model", "device_type"), OPTIONAL_TEXT),
        **dict.fromkeys(("opt_out", "wifi"), Truth()),
        "user_data": USER_DATA,
        "custom_data": CUSTOM_DATA,
        "app_info": APP_INFO,
        "device_info": DEVICE_INFO,
    },
    required=("event_name", "action_source", "event_time", "user_data", "event_id"),
)
BODY = Thing({"data": Many(EVENT, 1, 1000)}, required=("data",))

# The same with the fields that are newer than the description: seen by others in 2025-11 to 2026-09.
_NEWER_CUSTOM_DATA = replace(
    CUSTOM_DATA,
    fields={
        **CUSTOM_DATA.fields,
        "contents": Many(replace(CONTENT, fields={**CONTENT.fields, "item_brand_id": Text(64)})),
    },
)
_NEWER_USER_DATA = replace(USER_DATA, fields={**USER_DATA.fields, "customer_type": Text(choices=("new", "returning"))})
_NEWER_EVENT = replace(
    EVENT,
    fields={
        **EVENT.fields,
        "advertiser_tracking_enabled": Truth(),
        "user_data": _NEWER_USER_DATA,
        "custom_data": _NEWER_CUSTOM_DATA,
    },
)
NEWER_BODY = replace(BODY, fields={"data": Many(_NEWER_EVENT, 1, 1000)})


def fault(value: Any, shape: Shape = BODY, where: str = "the body") -> Fault | None:
    """The first thing that is wrong with a value, or None."""
    if value is None and isinstance(shape, Text | Whole) and shape.nullable:
        return None
    if isinstance(shape, Text):
        return _text_fault(value, shape, where)
    if isinstance(shape, Whole):
        return _whole_fault(value, shape, where)
    if isinstance(shape, Truth):
        return None if isinstance(value, bool) else _no(value, "boolean", where)
    if isinstance(shape, Many):
        return _many_fault(value, shape, where)
    return _thing_fault(value, shape, where)


def _no(value: Any, wanted: str, where: str) -> Fault:
    return Fault(f"{value!r:.80} is not of type '{wanted}'", where)


def _text_fault(value: Any, shape: Text, where: str) -> Fault | None:
    if not isinstance(value, str):
        return _no(value, "string", where)
    if shape.longest is not None and len(value) > shape.longest:
        return Fault(f"'{value:.40}…' is too long", where)
    if shape.choices and value not in shape.choices:
        return Fault(f"'{value:.40}' is not one of {list(shape.choices)}", where)
    return None


def _whole_fault(value: Any, shape: Whole, where: str) -> Fault | None:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())  # JSON Schema takes 5.0 for 5
    if not whole or isinstance(value, bool):
        return _no(value, "integer", where)
    if shape.least is not None and value < shape.least:
        return Fault(f"{value} is less than the minimum of {shape.least}", where)
    if shape.most is not None and value > shape.most:
        return Fault(f"{value} is greater than the maximum of {shape.most}", where)
    return None


def _many_fault(value: Any, shape: Many, where: str) -> Fault | None:
    if not isinstance(value, list):
        return _no(value, "array", where)
    given = cast("Sequence[Any]", value)
    if len(given) < shape.least:
        return Fault("[] is too short", where)
    if shape.most is not None and len(given) > shape.most:
        return Fault(f"an array of {len(given)} is too long", where)
    found = (fault(one, shape.of, f"{where}[{index}]") for index, one in enumerate(given))
    return next((one for one in found if one), None)


def _thing_fault(value: Any, shape: Thing, where: str) -> Fault | None:
    if not isinstance(value, dict):
        return _no(value, "object", where)
    given = cast("dict[str, Any]", value)
    unknown = [key for key in given if key not in shape.fields]
    if shape.closed and unknown:
        said = f"{', '.join(map(repr, unknown))} {'was' if len(unknown) == 1 else 'were'} unexpected"
        return Fault(f"Additional properties are not allowed ({said})", where)
    for key in shape.required:
        if key not in given:
            return Fault(f"'{key}' is a required property", where)
    if shape.any_of and not any(_has_all(given, keys) for keys in shape.any_of):
        wanted = " or ".join(" and ".join(keys) for keys in shape.any_of)
        return Fault(f"{list(given)} is not valid under any of the given schemas: it needs {wanted}", where)
    found = (fault(given[key], inner, f"{where}.{key}") for key, inner in shape.fields.items() if key in given)
    return next((one for one in found if one), None)


def _has_all(value: Mapping[str, Any], keys: Sequence[str]) -> bool:
    return all(key in value for key in keys)
