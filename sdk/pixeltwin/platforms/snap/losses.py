"""What Snap will not get of a conversion, named."""

from __future__ import annotations

from collections.abc import Iterator

from ...contract import Loss, Platform
from ...conversion import Conversion
from ...events import Event
from ...visitor import IDENTITY_FIELDS, AnyVisitor
from . import mapping

# Fields of an event that reach Snap under some name; `names` and a custom event's own name say which event it is.
_SAID = frozenset(
    {"order_id", "value", "currency", "items", "category", "search_string", "sign_up_method", "names", "name"}
)

_UNKNOWN = tuple(field for field in IDENTITY_FIELDS if field not in mapping.IDENTITY)


def of(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    yield from _event(platform, conversion.event)
    yield from _visitor(platform, conversion.visitor)


def _event(platform: Platform, event: Event) -> Iterator[Loss]:
    own = event.__dict__
    for field in own.keys() - _SAID:
        if own[field]:
            yield Loss(platform.name, field, "unsupported_field", f"Snap has no field for {field}; it is left out")
    items = own.get("items") or ()
    if len(items) > 1 and any(item.name for item in items):
        yield Loss(platform.name, "items.name", "unsupported_field", "Snap takes a name only of a single item")
    if any(item.category for item in items) and not own.get("category") and not mapping.common_category(items):
        yield Loss(
            platform.name, "items.category", "one_value_only", "Snap takes one category an event; give category="
        )
    currency = own.get("currency")
    if currency and currency not in mapping.CURRENCIES:
        detail = f"Snap's published list has no {currency}; it is sent, but its value may be ignored"
        yield Loss(platform.name, "currency", "doubtful_currency", detail)


def _visitor(platform: Platform, visitor: AnyVisitor) -> Iterator[Loss]:
    yield from platform.identity_losses(visitor)
    for field in _UNKNOWN:
        if visitor.has(field):
            yield Loss(platform.name, field, "unsupported_field", f"Snap has no field for {field}; it is left out")
    for field in mapping.SINGLES:
        if len(platform.wire(visitor, field)) > 1:
            yield Loss(platform.name, field, "one_value_only", f"Snap takes one {field}; the first is sent")
