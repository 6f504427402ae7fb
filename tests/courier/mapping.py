"""Courier's words for an event: the pixel's and the API's, written from the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pixeltwin.consent import Consent
from pixeltwin.contract import EventName, Loss, Platform
from pixeltwin.conversion import Conversion
from pixeltwin.events import EVENT_TYPES, Event
from pixeltwin.frozen import FrozenDict
from pixeltwin.normalising.normal import email_address, ip_canonical
from pixeltwin.visitor import AnyVisitor, Rule

KNOWN_NAMES = (
    *(EventName(kind, kind.upper()) for kind in EVENT_TYPES if kind != "WatchVideo"),
    EventName("Parcel", "PARCEL"),
)
_NAMED = {known.browser: known for known in KNOWN_NAMES}
EVENT_NAMES: Mapping[str, EventName | None] = FrozenDict({kind: _NAMED.get(kind) for kind in EVENT_TYPES})

IDENTITY: Mapping[str, Rule] = FrozenDict(
    {
        "email": Rule("email_address", email_address),
        "ip_address": Rule("ip_canonical", ip_canonical, hashed=False),
    }
)
WHO = (("email", "mail"), ("ip_address", "ip"))

#   ours → theirs, on both halves
FIELDS = (
    ("value", "amount"),
    ("currency", "money"),
    ("order_id", "order"),
    ("search_string", "words"),
    ("name", "label"),  # of a CustomEvent
)
WHERE: Mapping[str, str] = FrozenDict({"web": "page", "app": "app", "offline": "counter"})
_ELSEWHERE = ("names", "items")  # not lost: the one is the event's name, the other its things


def said(conversion: Conversion) -> dict[str, Any]:
    """What both halves say of the event. Empty values are omitted."""
    fields = conversion.event.__dict__
    found: dict[str, Any] = {"id": conversion.id}
    found |= {theirs: fields[ours] for ours, theirs in FIELDS if fields.get(ours) not in (None, "")}
    if fields.get("items"):
        things = [{"sku": item.id, "count": item.quantity, "price": item.price} for item in fields["items"]]
        found["things"] = [{key: value for key, value in one.items() if value is not None} for one in things]
    return found


def who(platform: Platform, visitor: AnyVisitor) -> dict[str, Any]:
    """What the platform may know of the visitor."""
    found = {theirs: platform.first(visitor, ours) for ours, theirs in WHO}
    return {key: value for key, value in found.items() if value}


def start(platform: Platform, visitor: AnyVisitor, consent: Consent) -> dict[str, Any]:
    """What starts the pixel: the hashed address, and the limit of use. Never a field of an event."""
    mail = platform.first(visitor, "email")
    return {**({"mail": mail} if mail else {}), **_limit(platform, consent)}


def parcel(platform: Platform, conversion: Conversion, name: str, who: Mapping[str, Any]) -> dict[str, Any]:
    """The server's event."""
    return {
        "name": name,
        "at": round(conversion.occurred_at.timestamp() * 1000),
        "where": WHERE[conversion.action_source],
        "who": who,
        **said(conversion),
        **_limit(platform, conversion.consent),
    }


def losses(platform: Platform, event: Event) -> Iterator[Loss]:
    """Fields the caller gave that Courier has no place for."""
    known = {ours for ours, _ in FIELDS}
    for field, value in event.__dict__.items():
        if field not in known and field not in _ELSEWHERE and value:
            yield Loss(platform.name, field, "no_field", f"Courier has no field for {field}")


def _limit(platform: Platform, consent: Consent) -> dict[str, Any]:
    return {"limit": consent.country} if platform.limited(consent) and consent.country else {}
