"""A tracker on a vendor of the tests' own, for what is seen from outside: signals, log lines, metrics, health."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pixeltwin import Consent, Conversion, Tracker, Visitor
from pixeltwin.events import Purchase
from tests.local_vendor import NOW, Answer, Events, Vendor
from tests.samples import Clock

ADA = Visitor(email="ada@example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0 (Ada)")


class Shop:
    """A shop with one pixel; `order` tracks, `deliver` is one pass."""

    def __init__(self, vendor: Vendor, **settings: Any) -> None:
        self.vendor = vendor
        self.clock = Clock(NOW)
        given = {"secret_keys": ["k"], "outbox": "memory:", "clock": self.clock, **settings}
        self.tracker = Tracker([vendor.platform()], **given)

    def order(self, key: str = "1", **options: Any) -> Conversion:
        """One purchase."""
        event = Purchase(order_id=key, value="9.90", currency="EUR")
        return self.tracker.track(event, **{"visitor": ADA, "consent": Consent.granted(), **options})

    def deliver(self) -> None:
        self.tracker.deliver()


@pytest.fixture(name="shop")
def shop_fixture() -> Iterator[Shop]:
    """A shop whose vendor takes everything, until told otherwise."""
    with Vendor() as vendor:
        shop = Shop(vendor)
        yield shop
        shop.tracker.close()


def refuses(words: str) -> Any:
    """Every event is refused with these words."""

    def answer(events: Events) -> Answer:
        return 200, {}, json.dumps([words] * len(events)).encode()

    return answer
