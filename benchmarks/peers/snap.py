"""snap-business-sdk: Snap's official client, for its former API v2. It sends while the caller waits, up to 2000 events
a request (Snap's documented limit)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..goods import AGENT, SNAP_PIXEL, URL
from . import SendMany

MODULE = "snap_business_sdk"
BATCH = 2000


def send(url: str) -> SendMany:
    conversions: Any = import_module("snap_business_sdk.public.conversion_api")
    events: Any = import_module("snap_business_sdk.public.conversion_event")
    client = conversions.ConversionApi("made-up", launchpad_url=url)

    def post(numbers: Sequence[int]) -> None:
        answer = client.send_events_sync([_event(events, number) for number in numbers])
        if getattr(answer, "status", "") != "SUCCESS":
            raise RuntimeError(f"the Snap SDK says: {answer}")

    return post


def _event(events: Any, number: int) -> Any:
    return events.ConversionEvent(
        pixel_id=SNAP_PIXEL,
        event_type="PURCHASE",
        event_conversion_type="WEB",
        timestamp=str(int(time.time() * 1000)),
        client_dedup_id=f"bench-{number}",
        page_url=URL,
        email=f"ada.lovelace.{number}@example.com",
        phone_number=f"49301{number % 10_000_000:07d}",
        ip_address="203.0.113.7",
        user_agent=AGENT,
        uuid_c1=f"s{number}",
        price="100.00",
        currency="EUR",
        number_items="3",
        item_ids="sku-1;sku-2",
    )
