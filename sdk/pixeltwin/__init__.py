"""pixeltwin: one conversion, one ID, both sides, proven.

The flow, and the modules that are its steps:

    event → conversion (id) → consent → platforms/* → snippet (browser half) | outbox → delivery (server half)

    events      what happened                    snippet    the browser half as HTML
    conversion  the ONE id                       outbox     the durable queue
    visitor     who did it, hashed               delivery   claim → send → settle
    consent     what he allowed                  tracker    the flow tied together
    contract    what a platform is               visit, web what a request and its response need
    platforms   Reddit, Snap, Pinterest          flask      the extension
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import App, Device
    from .consent import Consent
    from .conversion import Conversion
    from .events import (
        AddPaymentInfo,
        AddToCart,
        AddToWishlist,
        CustomEvent,
        Item,
        Lead,
        PageView,
        Purchase,
        Refund,
        Search,
        SignUp,
        StartCheckout,
        StartTrial,
        Subscribe,
        Travel,
        ViewCategory,
        ViewContent,
        WatchVideo,
    )
    from .platforms.pinterest import Pinterest
    from .platforms.reddit import Reddit
    from .platforms.snap import Snap
    from .tracker import Tracker
    from .visitor import Visitor

__all__ = [
    "AddPaymentInfo",
    "AddToCart",
    "AddToWishlist",
    "App",
    "Consent",
    "Conversion",
    "CustomEvent",
    "Device",
    "Item",
    "Lead",
    "PageView",
    "Pinterest",
    "Purchase",
    "Reddit",
    "Refund",
    "Search",
    "SignUp",
    "Snap",
    "StartCheckout",
    "StartTrial",
    "Subscribe",
    "Tracker",
    "Travel",
    "ViewCategory",
    "ViewContent",
    "Visitor",
    "WatchVideo",
]

# Where the public names that are no events live.
_HOMES = {
    "App": ".app",
    "Device": ".app",
    "Consent": ".consent",
    "Conversion": ".conversion",
    "Pinterest": ".platforms.pinterest",
    "Reddit": ".platforms.reddit",
    "Snap": ".platforms.snap",
    "Tracker": ".tracker",
    "Visitor": ".visitor",
}


def deferred(module: dict[str, Any], homes: Mapping[str, str]) -> Callable[[str], Any]:
    """For this package's own modules: the `__getattr__` of one, given as its `globals()`, that offers names which
    another one makes. Each is imported when it is first asked for; `homes` says from where."""

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}")
        value = module[name] = getattr(import_module(homes[name], module["__package__"]), name)
        return value

    return found


if not TYPE_CHECKING:  # nobody waits for a platform that he has not
    __getattr__ = deferred(globals(), {name: _HOMES.get(name, ".events") for name in __all__})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
