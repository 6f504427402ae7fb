"""What Snap will not get of a conversion, named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...contract import Loss, Platform
from ...conversion import Conversion
from ...events import Event, Item
from ...visitor import IDENTITY_FIELDS, AnyVisitor
from . import apps, mapping
from .identity import IDENTITY, SINGLES

# Fields of an event that reach Snap under some name; `names` says which event it is, tax and shipping what its value.
_SAID = frozenset(
    {*mapping.FIELDS, *mapping.PIXEL_ONLY, *mapping.API_ONLY, "items", "travel", "names", "tax", "shipping"}
)
_ITEM_UNKNOWN = ("variant", "variant_id")
_ITEM_SHARED = ("category", "brand_id")
_ITEM_DOUBTFUL = frozenset({*_ITEM_UNKNOWN, *_ITEM_SHARED, "name"})
_RECOMMENDED = ("email", "phone", "ip_address")
_UNKNOWN = frozenset(IDENTITY_FIELDS) - IDENTITY.keys()


def of(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    yield from _event(platform, conversion.event)
    if not platform.on_page(conversion):
        yield from _no_page(platform, conversion)
    yield from _visitor(platform, conversion.visitor)
    yield from _advice(platform, conversion.visitor)
    yield from apps.losses(platform, conversion)


def _event(platform: Platform, event: Event) -> Iterator[Loss]:
    own = event.__dict__
    for field in sorted(event.model_fields_set - _SAID):
        if own[field]:
            yield _unsupported(platform, field)
    items: Sequence[Item] = own.get("items") or ()
    said = {field for item in items for field in item.model_fields_set & _ITEM_DOUBTFUL if item.__dict__[field]}
    for field in _ITEM_UNKNOWN:
        if field in said:
            yield _unsupported(platform, f"items.{field}")
    if len(items) > 1 and "name" in said:
        yield Loss(platform.name, "items.name", "unsupported_field", "Snap takes a name only of a single item")
    for field in _ITEM_SHARED:
        if field in said and not own.get(field) and not mapping.shared([item.__dict__ for item in items], field):
            detail = f"Snap takes one {field} an event, and the items differ in theirs"
            yield Loss(platform.name, f"items.{field}", "one_value_only", detail)
    currency = own.get("currency")
    if currency and currency not in mapping.CURRENCIES:
        detail = f"Snap's published list has no {currency}; it is sent, but its value may be ignored"
        yield Loss(platform.name, "currency", "doubtful_currency", detail)


def _no_page(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """What only the pixel has room for, of an event that has no browser half."""
    own = conversion.event.__dict__
    for field in mapping.PIXEL_ONLY:
        if own.get(field):
            yield Loss(platform.name, field, "browser_only", f"only Snap's pixel takes {field}, and there is no page")


def _visitor(platform: Platform, visitor: AnyVisitor) -> Iterator[Loss]:
    for field in sorted(visitor.given_fields & _UNKNOWN):
        yield _unsupported(platform, field)
    who = platform.sealed(visitor)
    if who.plain:
        return
    yield from platform.identity_losses(who)
    wires = platform.wires(who)
    for field in SINGLES:
        if len(wires.get(field, ())) > 1:
            yield Loss(platform.name, field, "one_value_only", f"Snap takes one {field}; the first is sent")


def _advice(platform: Platform, visitor: AnyVisitor) -> Iterator[Loss]:
    """What is missing and would improve matching (Snap, "Using the API" and "Best practices": as many match keys as
    there are, an address of the network only together with the agent). Nothing of it is needed."""
    given = visitor.given_fields
    for field in _RECOMMENDED:
        if field not in given and field in platform.rules:
            yield Loss(
                platform.name, field, "recommended_signal", f"Snap matches better with {field}; give it if known"
            )
    if not visitor.user_agent and "user_agent" not in platform.withhold:
        yield Loss(platform.name, "user_agent", "recommended_signal", "Snap matches better with the user agent")


def _unsupported(platform: Platform, field: str) -> Loss:
    return Loss(platform.name, field, "unsupported_field", f"Snap has no field for {field}; it is left out")
