"""What the wire itself can do: the bodies of a thousand sales, posted by nearly nothing."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from datetime import datetime, timezone
from urllib.parse import urlsplit

import httpx

from pixeltwin.contract import Platform
from pixeltwin.strictjson import encode

from . import goods

BATCH = 1000


def bare(how: str, url: str, many: int) -> Callable[[], None]:
    """Send so many sales to each platform: "bound" posts ready bodies with httpx, "floor" joins stored events and posts
    them with the standard library."""
    ours = goods.tracker(url, "memory:")
    sold = [goods.track(ours, number) for number in range(BATCH)]
    now = datetime.now(timezone.utc)
    ready = [(one, [encode(one.server_event(sale, now)) for sale in sold]) for one in ours.platforms]
    times = range(-(-many // BATCH))
    return _bound(ready, times) if how == "bound" else _floor(ready, times)


def _bound(ready: list[tuple[Platform, list[bytes]]], times: range) -> Callable[[], None]:
    requests = [platform.server_request(events) for platform, events in ready]

    def work() -> None:
        with httpx.Client() as client:
            for _ in times:
                for one in requests:
                    client.post(one.url, content=one.body, headers=dict(one.headers))

    return work


def _floor(ready: list[tuple[Platform, list[bytes]]], times: range) -> Callable[[], None]:
    targets = [(urlsplit(platform.server_request(events).url), events) for platform, events in ready]

    def work() -> None:
        address = targets[0][0]
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        for _ in times:
            for parts, events in targets:
                connection.request("POST", parts.path, b"[" + b",".join(events) + b"]")
                connection.getresponse().read()
        connection.close()

    return work
