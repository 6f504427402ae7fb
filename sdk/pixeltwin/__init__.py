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

# Where the public names that are no events live. Each is imported when it is first asked for: nobody waits for a
# platform that he has not.
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES.get(name, ".events"), __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
