"""Made-up settings, people and orders that several tests use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from pixeltwin import Conversion, Item, Pinterest, Purchase, Reddit, Snap, Visitor
from pixeltwin.contract import Loss, Platform

NOW = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)
KEY = "a secret for tests"
SNAP_PIXEL = "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36"
TOKENS = ("reddit-token-Zq81", "snap-token-Zq82", "pinterest-token-Zq83")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def platforms(sandbox: str | None = None) -> list[Platform]:
    """All three, at the sandbox with this URL or at their own."""

    def where(kind: type[Platform]) -> Mapping[str, Any]:
        return kind.emulated(sandbox) if sandbox else {}

    return [
        Reddit(pixel_id="a2_shop", access_token=TOKENS[0], **where(Reddit)),
        Snap(pixel_id=SNAP_PIXEL, access_token=TOKENS[1], **where(Snap)),
        Pinterest(tag_id="2612345678901", ad_account_id="549755885175", access_token=TOKENS[2], **where(Pinterest)),
    ]


def purchase(order_id: str = "1001", value: str = "59.90") -> Purchase:
    lines = [Item(id="sku-1", name="Mug", category="kitchen", price="29.95", quantity=2)]
    return Purchase(order_id=order_id, value=value, currency="EUR", items=lines)


def visitor(email: str = "Ada.Lovelace@example.com") -> Visitor:
    return Visitor(email=email, ip_address="203.0.113.7", user_agent=AGENT, click_ids={"reddit": "r1", "snap": "s1"})


def lost(platform: Platform, conversion: Conversion) -> list[Loss]:
    """What the platform will not get, without the advice on what would match better."""
    return [loss for loss in platform.losses(conversion) if loss.reason != "recommended_signal"]
