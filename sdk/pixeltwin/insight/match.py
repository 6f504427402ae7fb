"""What a platform can recognise a visitor by: which match signals a conversion carries to it. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contract import Platform
    from ..visitor import AnyVisitor

Carried = tuple[str, frozenset[str]]  # an event's neutral name, and the signals it carried
SIGNALS = ("click_ids", "browser_ids", "user_agent", "screen")  # what of a visitor is no identity; the rest has a rule


def carried(platform: Platform, visitor: AnyVisitor) -> frozenset[str]:
    """The signals of this visitor that the platform gets, by the names of `Visitor`'s fields."""
    return carried_by(platform, "", visitor)[1]


def carried_by(platform: Platform, event: str, visitor: AnyVisitor) -> Carried:
    """The same with an event's name. Conversions that carried the same share one."""
    who, name, kind = platform.sealed(visitor), platform.name, platform.kind
    clicks, browsers = who.click_ids, who.browser_ids
    click = bool(clicks and (clicks.get(name) or clicks.get(kind)))
    browser = bool(browsers and (browsers.get(name) or browsers.get(kind)))
    return _known(platform, event, tuple(who.sealed), (click, browser, bool(who.user_agent), bool(who.screen)))


@lru_cache(maxsize=1000)  # of which a site has a few dozen
def _known(platform: Platform, event: str, places: tuple[str, ...], given: tuple[bool, ...]) -> Carried:
    """`places`: where the sealed visitor keeps what is known of him; `given`: which of `SIGNALS` there are."""
    fields = [(rule, rule.source or name) for name, rule in platform.rules.items()]
    found = {field for rule, field in fields if rule.place(field) in places}
    found.update(field for field, there in zip(SIGNALS, given, strict=True) if there and field not in platform.withhold)
    return event, frozenset(found)
