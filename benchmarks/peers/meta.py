"""facebook-business: the official client of Meta's Conversions API. It sends while the caller waits, up to 1000 events
a request (Meta's documented limit)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..goods import AGENT, URL
from . import SendMany

MODULE = "facebook_business"
BATCH = 1000


def send(url: str) -> SendMany:
    server: Any = import_module("facebook_business.adobjects.serverside.event_request")
    import_module("facebook_business.session").FacebookSession.GRAPH = url
    import_module("facebook_business.api").FacebookAdsApi.init(access_token="made-up", crash_log=False)

    def post(numbers: Sequence[int]) -> None:
        events = [_event(number) for number in numbers]
        server.EventRequest(pixel_id="1234567890", events=events).execute()

    return post


def _event(number: int) -> Any:
    parts: Any = import_module("facebook_business.adobjects.serverside.event")
    user: Any = import_module("facebook_business.adobjects.serverside.user_data")
    custom: Any = import_module("facebook_business.adobjects.serverside.custom_data")
    content: Any = import_module("facebook_business.adobjects.serverside.content")
    source: Any = import_module("facebook_business.adobjects.serverside.action_source")
    lines = [
        content.Content(product_id="sku-1", title="Mug", item_price=29.95, quantity=2),
        content.Content(product_id="sku-2", title="Teapot", item_price=40.10, quantity=1),
    ]
    return parts.Event(
        event_name="Purchase",
        event_time=int(time.time()),
        event_id=f"bench-{number}",
        event_source_url=URL,
        action_source=source.ActionSource.WEBSITE,
        user_data=user.UserData(
            email=f"ada.lovelace.{number}@example.com",
            phone=f"49301{number % 10_000_000:07d}",
            client_ip_address="203.0.113.7",
            client_user_agent=AGENT,
            fbc=f"fb.1.1554763741205.{number}",
        ),
        custom_data=custom.CustomData(value=100.0, currency="eur", contents=lines),
    )
