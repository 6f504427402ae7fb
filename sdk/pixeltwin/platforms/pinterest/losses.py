"""What Pinterest will not get of a conversion, and what it takes but advises against: each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...contract import Loss
from ...conversion import Conversion
from ...events import WatchVideo
from ...visitor import sha256
from . import apps, mapping

if TYPE_CHECKING:
    from . import Pinterest

NOWHERE: Mapping[str, str] = {  # fields that Pinterest has no place for on either half
    "sign_up_method": "Pinterest has no field for how somebody signed up; it is left out",
    "description": "Pinterest has no field for a description; it is left out",
    "delivery_category": "Pinterest has no field for how goods are delivered; it is left out",
    "travel": "Pinterest has no fields for a trip; they are left out",
}
APP_NOWHERE: Mapping[str, str] = {
    "build": "Pinterest has no field for an app's build, only for its version; it is left out",
    "install_referrer": "Pinterest has no field for an install's referrer; it is left out",
}
_OWN_NAME = (
    "Pinterest knows custom events only as 'custom'; name yours in custom_events= (PIXELTWIN_PINTEREST_CUSTOM_EVENTS)"
)
_NO_STATUS = "Pinterest knows new and returning customers; this status is left out"
_NEWER = "newer than Pinterest's published description; set newer_fields=True to send it"
_TAG_ALONE = "only the tag has a field for it, and this event has no page"
_BRAND_ID = f"longer than the {mapping.LONGEST_BRAND_ID} characters that Pinterest takes; left out"
_DENSITY = "Pinterest wants pixels per inch, not a scale; it is left out"
_UNUSABLE = "not of the type, length or range that Pinterest takes; left out"
_ZERO = "Pinterest advises against events worth zero; it is sent as it is"
_PLACE = "Pinterest has named only California (US) for limited data processing; elsewhere it may ignore it"
_ADVICE = "Pinterest recommends it on all events, hashed; matching improves with it"
_DOUBTFUL = frozenset({"delivery_category", "brand_id", "variant", "variant_id"})  # what not every item can say
_CALIFORNIA = {"st": sha256("ca"), "country": sha256("us")}


Found = Iterator[tuple[str, str, str]]


def of(platform: Pinterest, conversion: Conversion) -> Iterator[Loss]:
    """Every loss, in the words of `Loss.reason`: counted by it. What shows by which fields were given is remembered: a
    site gives few different sets of them."""
    name, visitor = platform.name, conversion.visitor
    yield from platform.identity_losses(visitor)
    yield from _of_visitor(name, platform.withhold, visitor.given_fields)
    video = isinstance(conversion.event, WatchVideo)
    yield from _of_event(name, platform.on_page(conversion), video, conversion.given.event)
    for field, reason, detail in _of_values(platform, conversion):
        yield Loss(name, field, reason, detail)


@lru_cache(maxsize=1000)
def _of_visitor(platform: str, withheld: frozenset[str], given: frozenset[str]) -> tuple[Loss, ...]:
    found: list[Loss] = []
    if "idfv" in given and "idfv" not in withheld:
        detail = "Pinterest takes an advertising id (mobile_ad_id), not a vendor's; left out"
        found.append(Loss(platform, "idfv", "no_such_field", detail))
    if "external_id" not in withheld and "external_id" not in given:
        found.append(Loss(platform, "external_id", "recommended_signal", _ADVICE))
    return tuple(found)


@lru_cache(maxsize=1000)
def _of_event(platform: str, page: bool, video: bool, given: frozenset[str]) -> tuple[Loss, ...]:
    found = [Loss(platform, field, "no_such_field", why) for field, why in NOWHERE.items() if field in given]
    if not page:
        fields = mapping.VIDEO_FIELDS if video else mapping.EVENT_FIELDS
        alone = [field for field, (_, api, _) in fields.items() if api is None and field in given]
        found += [Loss(platform, field, "no_browser_half", _TAG_ALONE) for field in alone]
    return tuple(found)


def _of_values(platform: Pinterest, conversion: Conversion) -> Found:
    """What hangs on more than whether a field was given."""
    event, given = conversion.event, conversion.given
    own = event.__dict__
    if event.custom_name and platform.event_name(event) is mapping.CUSTOM:
        yield "name", "no_such_field", _OWN_NAME
    if "customer_status" in given.event:
        if not platform.newer_fields:
            yield "customer_status", "newer_field", _NEWER
        elif own["customer_status"] not in mapping.CUSTOMER_TYPES:
            yield "customer_status", "no_such_value", _NO_STATUS
    if "value" in given.event and not own["value"]:
        yield "value", "zero_value", _ZERO
    if not _DOUBTFUL.isdisjoint(given.items):
        yield from _of_items(platform, conversion)
    limits = platform.limited_use(conversion.consent, conversion.visitor)
    if limits and {key: limits[key] for key in _CALIFORNIA} != _CALIFORNIA:
        yield "consent", "limited_use_uncertain", _PLACE
    if conversion.app:
        yield from _of_app(platform, conversion)


def _of_items(platform: Pinterest, conversion: Conversion) -> Found:
    items: tuple[Any, ...] = conversion.event.__dict__["items"]
    for item in items:
        if item.delivery_category:
            yield "items.delivery_category", "no_such_field", NOWHERE["delivery_category"]
        if item.brand_id and not platform.newer_fields:
            yield "items.brand_id", "newer_field", _NEWER
        elif item.brand_id and len(item.brand_id) > mapping.LONGEST_BRAND_ID:
            yield "items.brand_id", "unusable_value", _BRAND_ID
        if (item.variant or item.variant_id) and not platform.on_page(conversion):
            yield "items.variant", "no_browser_half", _TAG_ALONE


def _of_app(platform: Pinterest, conversion: Conversion) -> Found:
    app = conversion.app
    if app is None or conversion.action_source != "app":
        return
    for field, why in APP_NOWHERE.items():
        if getattr(app, field):
            yield f"app.{field}", "no_such_field", why
    if app.device and app.device.density is not None:
        yield "app.device.density", "no_such_field", _DENSITY
    known = {**apps.APP_FIELDS, "os_version": apps.OS_VERSION}
    for holder, fields, place in ((app, known, "app"), (app.device, apps.DEVICE_FIELDS, "app.device")):
        for field, form in fields.items() if holder else ():
            value = getattr(holder, field)
            if value not in (None, "") and apps.usable(value, form) is None:
                yield f"{place}.{field}", "unusable_value", _UNUSABLE
