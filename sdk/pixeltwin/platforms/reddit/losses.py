"""What Reddit will not get of a conversion, each with its reason: no room for it, no place for it, no use for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from ...contract import EventName, Loss, Platform
from ...conversion import Conversion
from ...events import Item
from ...visitor import IDENTITY_FIELDS, SealedVisitor
from . import mapping
from .signals import uuid

_NO_METADATA = frozenset({"names", "name", "items", "tax", "shipping"})  # tax and shipping are parts of the value
_UNKNOWN = frozenset(IDENTITY_FIELDS) - {rule.source or name for name, rule in mapping.IDENTITY.items()}
# Segment's page on this API, which Reddit maintains, recommends these beside the click id and the pixel's own id (which
# come with the request, or are not there); the v3 reference lets stores' events have no more than these two.
_RECOMMENDED = {"web": ("email", "ip_address"), "app": ("email", "ip_address"), "offline": ("email", "phone")}
_PRODUCT_KEYS = frozenset(row[0] for row in mapping.ITEM_FIELDS)
_ON_PIXEL = frozenset(row[0] for row in mapping.METADATA_FIELDS)
_IN_API = frozenset(row[0] for row in mapping.METADATA_FIELDS if row[2])


def metadata(platform: Platform, conversion: Conversion, name: EventName) -> Iterator[Loss]:
    """What the event says and Reddit has no room for."""
    own = conversion.event.__dict__
    page = platform.on_page(conversion)
    allowed = mapping.METADATA[name.server]
    known = _ON_PIXEL if page else _IN_API
    for field in sorted(conversion.event.model_fields_set - _taken(name.server, page)):
        if own[field] is None or own[field] == "":
            continue
        if field not in known:
            who = "Reddit's API" if field in _ON_PIXEL else "Reddit"
            yield Loss(platform.name, field, "unsupported_field", f"{who} has no field for {field}; it is left out")
        elif field not in allowed:
            detail = f"Reddit takes no {field} with {name.server}; it is left out on both halves"
            yield Loss(platform.name, field, "unsupported_metadata", detail)
    items: Sequence[Item] = own.get("items") or ()
    lost = {field for item in items for field in item.model_fields_set - _PRODUCT_KEYS if item.__dict__[field]}
    for field in sorted(lost):
        yield Loss(platform.name, f"items.{field}", "unsupported_field", f"Reddit's products have no {field}")


@cache
def _taken(server_name: str, page: bool) -> frozenset[str]:
    """The fields of an event that are nothing to speak of: Reddit takes them, or they are no metadata."""
    return _NO_METADATA | ((_ON_PIXEL if page else _IN_API) & mapping.METADATA[server_name])


def advice(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """What is missing and would improve matching; nothing of it is needed."""
    who = conversion.visitor
    given = who.given_fields
    for field in _RECOMMENDED[conversion.action_source]:
        if field not in given and field in platform.rules:
            yield Loss(
                platform.name, field, "recommended_signal", f"Reddit matches better with {field}; give it if known"
            )
    if conversion.action_source != "offline" and not who.user_agent and "user_agent" not in platform.withhold:
        yield Loss(platform.name, "user_agent", "recommended_signal", "Reddit matches better with the user agent")


def visitor(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """What is known of the visitor and Reddit will not get."""
    given = conversion.visitor.given_fields
    who = platform.sealed(conversion.visitor)
    if not who.plain or conversion.action_source == "offline" or "mobile_ad_id" in given:
        yield from _identity(platform, conversion, who)
    for field in sorted((given & _UNKNOWN) - platform.withhold):
        yield Loss(platform.name, field, "unsupported_field", f"Reddit has no field for {field}; it is left out")
    browser = mapping.signal(platform, who, "browser_ids")
    if browser and not uuid(browser):
        yield Loss(platform.name, "browser_id", "unusable_value", "_rdt_uuid holds no UUID; Reddit would refuse it")


def _identity(platform: Platform, conversion: Conversion, who: SealedVisitor) -> Iterator[Loss]:
    wires = platform.wires(who)
    yield from platform.identity_losses(who)
    in_store = conversion.action_source == "offline"
    for name, values in wires.items():
        if platform.rules[name].source:
            continue
        if in_store and name not in mapping.IN_STORES:
            yield Loss(platform.name, name, "not_in_stores", "a store's events are matched by e-mail and phone only")
        elif len(values) > 1:
            yield Loss(platform.name, name, "one_value_only", f"Reddit takes one {name}; the first was sent")
    yield from _ad_id(platform, conversion, wires.get("idfa", ()))


def _ad_id(platform: Platform, conversion: Conversion, values: Sequence[str]) -> Iterator[Loss]:
    """One mobile ad id has two names, and the app says which; what is not said goes nowhere."""
    if not values:
        return
    name = mapping.ad_id_name(conversion)
    if name and len(values) > 1:
        yield Loss(platform.name, "mobile_ad_id", "one_value_only", f"Reddit takes one {name}; the first was sent")
    elif conversion.action_source == "offline":
        detail = "a store's events are matched by e-mail and phone only"
        yield Loss(platform.name, "mobile_ad_id", "not_in_stores", detail)
    elif conversion.app is None:
        detail = "Reddit asks whose mobile ad id it is: pass app=App(platform='ios' or 'android', …)"
        yield Loss(platform.name, "mobile_ad_id", "app_unknown", detail)
    elif name is None:
        detail = "the person did not allow the app to track (App.tracking_allowed); the id is left out"
        yield Loss(platform.name, "mobile_ad_id", "tracking_not_allowed", detail)
