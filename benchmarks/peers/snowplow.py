"""snowplow-tracker: `AsyncEmitter` as documented; for throughput 500 events a request and one kept connection."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from . import properties

MODULE = "snowplow_tracker"
BATCH = 500


class Snowplow:
    def __init__(self, url: str, *, best: bool) -> None:
        package: Any = import_module("snowplow_tracker")
        logging.getLogger("snowplow_tracker").setLevel(logging.ERROR)  # it logs each request
        logging.getLogger("snowplow_tracker.emitters").setLevel(logging.ERROR)
        host, port = url.removeprefix("http://").split(":")
        options: dict[str, Any] = {}
        if best:
            session: Any = import_module("requests").Session()
            options = {"batch_size": BATCH, "buffer_capacity": 100_000, "session": session}
        self._emitter: Any = package.AsyncEmitter(host, protocol="http", port=int(port), **options)
        # In plain JSON, not in base64: less to send, and the sink can read it.
        self._tracker: Any = package.Tracker(namespace="shop", emitters=[self._emitter], encode_base64=False)
        self._json: Any = package.SelfDescribingJson
        self._event: Any = package.SelfDescribing

    def capture(self, number: int) -> bool:
        sale = self._json("iglu:example.shop/purchase/jsonschema/1-0-0", properties(number))
        self._tracker.track(self._event(sale))
        return True

    def flush(self) -> None:
        self._emitter.sync_flush()


def queue(url: str, *, best: bool = False) -> Snowplow:
    return Snowplow(url, best=best)
