"""What Reddit will not get of a conversion, each with its reason: no room for it, no place for it, no use for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from ...contract import EventName, Loss, Platform
from ...conversion import Conversion
from ...events import Given
from ...visitor import IDENTITY_FIELDS, SealedVisitor
from ...withholding import signal
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


def of(platform: Platform, conversion: Conversion, name: EventName) -> Iterator[Loss]:
    """Every loss. What shows by which fields were given is remembered: a site gives few different sets of them."""
    source, given = conversion.action_source, conversion.visitor.given_fields
    yield from _of_event(platform.name, name.server, platform.on_page(conversion), conversion.given)
    who = platform.sealed(conversion.visitor)
    if not who.plain or source == "offline" or "mobile_ad_id" in given:
        yield from _identity(platform, conversion, who)
    browser = signal(platform, who, "browser_ids")
    if browser and not uuid(browser):
        yield Loss(platform.name, "browser_id", "unusable_value", "_rdt_uuid holds no UUID; Reddit would refuse it")
    yield from _of_visitor(platform.name, platform.withhold, source, given, bool(who.user_agent))


@lru_cache(maxsize=1000)
def _of_event(platform: str, name: str, page: bool, given: Given) -> tuple[Loss, ...]:
    """What the event says and Reddit has no room for."""
    found: list[Loss] = []
    known = _ON_PIXEL if page else _IN_API
    for field in sorted(given.event - _NO_METADATA - (known & mapping.METADATA[name])):
        if field not in known:
            who = "Reddit's API" if field in _ON_PIXEL else "Reddit"
            found.append(Loss(platform, field, "unsupported_field", f"{who} has no field for {field}; it is left out"))
        else:
            detail = f"Reddit takes no {field} with {name}; it is left out on both halves"
            found.append(Loss(platform, field, "unsupported_metadata", detail))
    for field in sorted(given.items - _PRODUCT_KEYS):
        found.append(Loss(platform, f"items.{field}", "unsupported_field", f"Reddit's products have no {field}"))
    return tuple(found)


@lru_cache(maxsize=1000)
def _of_visitor(
    platform: str, withheld: frozenset[str], source: str, given: frozenset[str], agent: bool
) -> tuple[Loss, ...]:
    """What is known of the visitor and Reddit has no field for; and what is missing and would improve matching, though
    nothing of it is needed."""
    found = [
        Loss(platform, field, "unsupported_field", f"Reddit has no field for {field}; it is left out")
        for field in sorted((given & _UNKNOWN) - withheld)
    ]
    for field in _RECOMMENDED[source]:
        if field not in given and field not in withheld:
            detail = f"Reddit matches better with {field}; give it if known"
            found.append(Loss(platform, field, "recommended_signal", detail))
    if source != "offline" and not agent and "user_agent" not in withheld:
        found.append(Loss(platform, "user_agent", "recommended_signal", "Reddit matches better with the user agent"))
    return tuple(found)


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
