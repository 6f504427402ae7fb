"""What the sink says to each client so that it takes its events for delivered, and how it counts them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """Requests whose path holds `path`. Each event has `mark` in it exactly once."""

    name: str
    path: str
    mark: bytes
    answer: Callable[[int], bytes]


def _always(answer: object) -> Callable[[int], bytes]:
    body = json.dumps(answer).encode()
    return lambda count: body


def _pinterest(count: int) -> bytes:
    one = b'{"status":"processed","error_message":"","warning_message":""}'
    head = b'{"num_events_received":%d,"num_events_processed":%d,"events":[' % (count, count)
    return head + b",".join([one] * count) + b"]}"


def _reddit(count: int) -> bytes:
    return b'{"data":{"message":"Successfully processed %d conversion events."}}' % count


def _meta(count: int) -> bytes:
    return b'{"events_received":%d,"messages":[],"fbtrace_id":"made-up"}' % count


SALE = b"bench-"  # in each order's number, which every peer is given once
ENDPOINTS = (
    Endpoint("reddit", "/reddit/", b'"event_at":', _reddit),
    Endpoint("snap", "/snap/", b'"event_time":', _always({"status": "VALID"})),
    Endpoint("pinterest", "/pinterest/", b'"event_time":', _pinterest),
    Endpoint("segment", "/v1/batch", SALE, _always({"success": True})),
    Endpoint("posthog", "/batch", SALE, _always({"status": 1})),
    Endpoint("snowplow", "/com.snowplowanalytics", SALE, _always("ok")),
    Endpoint("facebook-business", "/events", SALE, _meta),
    Endpoint("snap-business-sdk", "/v2/conversion", SALE, _always({"status": "SUCCESS", "reason": "All good"})),
)
OTHER = Endpoint("other", "", b"", _always({}))


def endpoint(path: str) -> Endpoint:
    """Whose request it is."""
    return next((one for one in ENDPOINTS if one.path in path), OTHER)
