"""Reading what Snap's pixel sends: a beacon of many events as JSON text, or one event as a form or a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from ...dedup import Half
from ...emulation import DROPPED, Incoming
from ...replies import json_body
from .dedup import DEVICE_ID
from .replies import a_list, an_object
from .schema import event_time

MADE_UP = "@-"  # how an id begins that the pixel made up because the call brought none (3.35 and later)
_SIGNALS = ("u_hem", "u_hpn", "u_hmai", "c1", "u_c1", "sr")


def read(incoming: Incoming) -> Iterator[dict[str, Any]]:
    """The events of one request, each with what its envelope says of all: {ctx, req: [{t}, …]}."""
    body = incoming.body.lstrip()
    if not body.startswith(b"{"):
        event: dict[str, Any] = dict(parse_qsl(incoming.query or body.decode("utf-8", "replace")))
        if event:
            yield event
        return
    beacon = an_object(json_body(body))
    context = an_object(beacon.get("ctx"))
    for request in a_list(beacon.get("req")):
        event = an_object(an_object(request).get("t"))
        if event:
            lost = an_object(an_object(request).get("dropped"))  # the sandbox's own pixel says what had no place
            yield {**context, **event, **({DROPPED: lost} if lost else {})}


def half(event: Mapping[str, Any], now: datetime) -> Half:
    """The browser half of an event as it came: an id the pixel made up is none."""
    own_id = text(event.get("cdid"))
    device = text(event.get("u_hmai"))
    return Half(
        side="browser",
        event=(text(event.get("ev")) or "").upper(),
        id=None if own_id is None or own_id.startswith(MADE_UP) else own_id,
        occurred_at=event_time(event.get("ts")) or now,
        received_at=now,
        account=(text(event.get("pid")) or "").lower(),
        order_id=text(event.get("e_tid")),
        value=amount(event.get("e_pr")),
        keys={DEVICE_ID: device} if device else {},
        quality=sum(1 for key in event if key in _SIGNALS or key.startswith(("e_", "l_"))),
        payload=dict(event),
    )


def text(value: object) -> str | None:
    """An id as it is compared: numbers too are compared as text. None for nothing."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value) or None


def amount(value: object) -> Decimal | None:
    """Money that came as a number or as text; None for what is none."""
    try:
        found = Decimal(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
