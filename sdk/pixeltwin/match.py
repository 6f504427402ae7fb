"""What a platform can recognise a visitor by: which match signals a conversion carries to it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import Platform
    from .visitor import AnyVisitor

Carried = tuple[str, frozenset[str]]  # an event's neutral name, and the signals it carried
SIGNALS = ("click_ids", "browser_ids", "user_agent", "screen")  # what of a visitor is no identity; the rest has a rule


def carried(platform: Platform, visitor: AnyVisitor) -> frozenset[str]:
    """The signals of this visitor that the platform gets, by the names of `Visitor`'s fields."""
    found = {platform.rules[name].source or name for name in platform.wires(visitor)}
    for field in SIGNALS:
        own = getattr(visitor, field)
        if field in ("click_ids", "browser_ids"):
            own = own.get(platform.name) or own.get(platform.kind)
        if own and field not in platform.withhold:
            found.add(field)
    return frozenset(found)
