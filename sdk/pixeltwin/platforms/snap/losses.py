"""What Snap will not get of a conversion, named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...contract import Loss, Platform
from ...conversion import Conversion
from ...events import Given
from ...visitor import IDENTITY_FIELDS, SealedVisitor
from . import apps, mapping
from .identity import IDENTITY, SINGLES

# Fields of an event that reach Snap under some name; `names` says which event it is, tax and shipping what its value.
_SAID = frozenset(
    {*mapping.FIELDS, *mapping.PIXEL_ONLY, *mapping.API_ONLY, "items", "travel", "names", "tax", "shipping"}
)
_ITEM_UNKNOWN = ("variant", "variant_id")
_ITEM_SHARED = ("category", "brand_id")
_ITEM_DOUBTFUL = frozenset({*_ITEM_SHARED, "name"})
_RECOMMENDED = ("email", "phone", "ip_address")
_UNKNOWN = frozenset(IDENTITY_FIELDS) - IDENTITY.keys()


def of(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """Every loss. What shows by which fields were given is remembered: a site gives few different sets of them."""
    own, given, visitor = conversion.event.__dict__, conversion.given, conversion.visitor
    yield from _of_event(platform.name, platform.on_page(conversion), given)
    if not _ITEM_DOUBTFUL.isdisjoint(given.items):
        yield from _of_items(platform.name, own, given.items)
    currency = own.get("currency")
    if currency and currency not in mapping.CURRENCIES:
        detail = f"Snap's published list has no {currency}; it is sent, but its value may be ignored"
        yield Loss(platform.name, "currency", "doubtful_currency", detail)
    who = platform.sealed(visitor)
    if not who.plain:
        yield from _identity(platform, who)
    yield from _of_visitor(platform.name, platform.withhold, visitor.given_fields, bool(visitor.user_agent))
    if conversion.app:
        yield from apps.losses(platform, conversion)


@lru_cache(maxsize=1000)
def _of_event(platform: str, page: bool, given: Given) -> tuple[Loss, ...]:
    """What Snap has no field for; and of an event that has no browser half, what only the pixel has room for."""
    found = [_unsupported(platform, field) for field in sorted(given.event - _SAID)]
    found += [_unsupported(platform, f"items.{field}") for field in _ITEM_UNKNOWN if field in given.items]
    if not page:
        found += [
            Loss(platform, field, "browser_only", f"only Snap's pixel takes {field}, and there is no page")
            for field in mapping.PIXEL_ONLY
            if field in given.event
        ]
    return tuple(found)


def _of_items(platform: str, own: Mapping[str, Any], given: frozenset[str]) -> Iterator[Loss]:
    """What there is room for once an event."""
    lines = [item.__dict__ for item in own["items"]]
    if len(lines) > 1 and "name" in given:
        yield Loss(platform, "items.name", "unsupported_field", "Snap takes a name only of a single item")
    for field in _ITEM_SHARED:
        if field in given and not own.get(field) and not mapping.shared(lines, field):
            detail = f"Snap takes one {field} an event, and the items differ in theirs"
            yield Loss(platform, f"items.{field}", "one_value_only", detail)


def _identity(platform: Platform, who: SealedVisitor) -> Iterator[Loss]:
    yield from platform.identity_losses(who)
    wires = platform.wires(who)
    for field in SINGLES:
        if len(wires.get(field, ())) > 1:
            yield Loss(platform.name, field, "one_value_only", f"Snap takes one {field}; the first is sent")


@lru_cache(maxsize=1000)
def _of_visitor(platform: str, withheld: frozenset[str], given: frozenset[str], agent: bool) -> tuple[Loss, ...]:
    """What Snap has no field for; and what is missing and would improve matching, though nothing of it is needed (Snap,
    "Using the API" and "Best practices": as many match keys as there are, an address of the network only together with
    the agent)."""
    found = [_unsupported(platform, field) for field in sorted(given & _UNKNOWN)]
    for field in _RECOMMENDED:
        if field not in given and field not in withheld:
            detail = f"Snap matches better with {field}; give it if known"
            found.append(Loss(platform, field, "recommended_signal", detail))
    if not agent and "user_agent" not in withheld:
        found.append(Loss(platform, "user_agent", "recommended_signal", "Snap matches better with the user agent"))
    return tuple(found)


def _unsupported(platform: str, field: str) -> Loss:
    return Loss(platform, field, "unsupported_field", f"Snap has no field for {field}; it is left out")
