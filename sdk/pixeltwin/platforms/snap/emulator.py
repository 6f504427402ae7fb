"""Snap's part of the sandbox: the Conversions API v3 with its /validate, logs and stats, the pixel's collector and a
pixel script.

Any pixel, app and token is accepted; no token is a 401. It reads an id only where Snap reads one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote

from ...contract import BrowserCall
from ...dedup import Half
from ...emulation import Answer, Emulator, Incoming, Rejection
from ...replies import json_body
from ...strictjson import encode
from . import hits, pixel, schema, wire
from .dedup import DEVICE_ID
from .mapping import ACTION_SOURCES
from .replies import a_list, an_object
from .validation import Seen, Validation

MAX_EVENTS = 2000
COLLECTOR = "/p"

_EVENTS = re.compile(r"/v3/([^/]+)/events(/validate)?")
_ASKED = re.compile(r"/v3/([^/]+)/events/validate/(logs|stats)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # what the pixel checks
_SOURCES = {theirs: ours for ours, theirs in ACTION_SOURCES.items()}
_PROCESSED = "Events have been processed successfully."
_UNRECOGNIZED = "Unrecognized event type"
# Snap documents no bodies for these; they have the shape of its other answers.
_TROUBLE = {
    400: "Invalid access token",
    401: "Unauthorized: missing or invalid access token",
    403: "Forbidden: the access token has no permission for this asset",
    404: "Not found",
    429: "Too many requests",
}
# Ids in places where Snap does not look, and where they belong. The pixel drops such keys before they reach the wire.
_MISPLACED = (
    ("custom_data", "event_id", "event_id"),
    ("custom_data", "client_dedup_id", "event_id"),
    ("custom_data", "transaction_id", "custom_data.order_id"),
    ("", "client_dedup_id", "event_id"),
    ("", "transaction_id", "custom_data.order_id"),
    ("", "order_id", "custom_data.order_id"),
)


class SnapEmulator(Emulator):
    """Plays tr.snapchat.com and sc-static.net."""

    api_path = ""
    script_path = "/scevent.min.js"
    fields = wire.FIELDS

    def __init__(self) -> None:
        self._validation = Validation()

    def reset(self) -> None:
        self._validation = Validation()

    def is_api(self, incoming: Incoming) -> bool:
        return incoming.path.startswith("/v3/")  # the pixel's beacons are POSTs too

    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        if incoming.path == self.script_path:
            return Answer(200, _script(), "text/javascript; charset=utf-8")
        if incoming.path == COLLECTOR:
            return _collect(incoming, now)
        asked = _ASKED.fullmatch(incoming.path)
        asset = asked or _EVENTS.fullmatch(incoming.path)
        if not asset:
            return _invalid(404, "Not found")
        if incoming.method != ("GET" if asked else "POST"):
            return _invalid(405, "Method not allowed")
        if not parse_qs(incoming.query).get("access_token"):
            return _invalid(401, "Unauthorized: missing access token")
        if asked:
            tell = self._validation.logs if asked[2] == "logs" else self._validation.stats
            return Answer(200, encode(tell(unquote(asked[1]).lower(), now)))
        return self._receive(incoming, unquote(asset[1]), now, test=asset[2] is not None)

    def _receive(self, incoming: Incoming, asset: str, now: datetime, *, test: bool) -> Answer:
        body = an_object(json_body(incoming.body))
        events = a_list(body.get("data"))
        if not events:
            return _invalid(400, "Invalid request body: data must be a list of events")
        if len(events) > MAX_EVENTS:
            return _invalid(400, f"Too many events in the request: the maximum is {MAX_EVENTS}")
        tested = [test or _tested(body) or _tested(event) for event in events]
        faults = [schema.first_fault(event, now) for event in events]
        for event, fault, is_test in zip(events, faults, tested, strict=True):
            self._validation.add(Seen(now, asset.lower(), is_test, event, fault[1] if fault else ""))
        remarks = tuple(dict.fromkeys(remark for event in events for remark in _remarks(event, asset, now)))
        return _validated(faults, remarks) if test else _taken(events, faults, tested, remarks, asset, now)

    def hit(self, init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
        return pixel.hit(init, call, page_url, now)

    def trouble(self, status: int) -> Answer:
        return _invalid(status, _TROUBLE.get(status, "Internal error"))


@cache
def _script() -> bytes:
    return files("pixeltwin.platforms.snap").joinpath("pixel.js").read_bytes()


# --- the pixel -------------------------------------------------------------------------------------------------------


def _collect(incoming: Incoming, now: datetime) -> Answer:
    """A beacon. What is wrong with it, the page never learns."""
    halves: list[Half] = []
    rejected: list[Rejection] = []
    warnings: dict[str, None] = {}
    for event in hits.read(incoming):
        half = hits.half(event, now)
        if not _UUID.fullmatch(half.account):
            rejected.append(Rejection(half, "the pixel id is no UUID"))
        elif schema.event_name(half.event) is None:
            rejected.append(Rejection(half, _UNRECOGNIZED))
        else:
            halves.append(half)
            if half.id is None:
                warnings["the call carried no client_dedup_id; the id that the pixel made up equals no event_id"] = None
    return Answer(200, b"", "text/plain", None, tuple(halves), tuple(rejected), tuple(warnings))


# --- the API ---------------------------------------------------------------------------------------------------------


def _taken(
    events: Sequence[Any],
    faults: Sequence[schema.Fault | None],
    tested: Sequence[bool],
    remarks: tuple[str, ...],
    asset: str,
    now: datetime,
) -> Answer:
    # Whether Snap takes the others of a request with a bad event is not known; here it takes none.
    first = next((index for index, fault in enumerate(faults) if fault), None)
    counting = [(event, fault) for event, fault, is_test in zip(events, faults, tested, strict=True) if not is_test]
    if first is None:
        taken = tuple(_half(event, asset, now) for event, _ in counting)
        if any(tested):
            said = f"test_event_code on {sum(tested)} of {len(events)} events: not processed, not counted"
            remarks = (*remarks, said)
        return Answer(200, encode({"status": "VALID", "reason": _PROCESSED}), halves=taken, warnings=remarks)
    rejected = tuple(Rejection(_half(event, asset, now), fault[1]) for event, fault in counting if fault)
    code, reason = faults[first] or ("", "")
    return replace(_invalid(400, reason, code=code, event=first), rejected=rejected, warnings=remarks)


def _tested(holder: Any) -> bool:
    """Whether a request or an event carries a test code: "sent but not processed" (Snap's v3 SDK, 2025-05-22)."""
    return bool(an_object(holder).get("test_event_code"))


def _validated(faults: list[schema.Fault | None], remarks: tuple[str, ...]) -> Answer:
    """What /validate says: the same checks, an answer for every event, and nothing is counted."""
    logs: list[dict[str, Any]] = [
        {
            "event": index,
            "status": "INVALID" if fault else "VALID",
            "errors": _errors(*fault) if fault else {"codes": [], "error_msgs": []},
            "warnings": [],
        }
        for index, fault in enumerate(faults)
    ]
    reason = next((fault[1] for fault in faults if fault), _PROCESSED)
    answer = {
        "status": "INVALID" if any(faults) else "VALID",
        "test_event": True,
        "reason": reason,
        "event_logs": logs,
    }
    return Answer(400 if any(faults) else 200, encode(answer), warnings=(*remarks, "validated, not counted"))


def _invalid(status: int, reason: str, *, code: str = "", event: int | None = None) -> Answer:
    answer: dict[str, Any] = {"status": "INVALID"}
    if event is not None:
        answer["event"] = event
    answer |= {"reason": reason, "errors": _errors(code, reason)}
    return Answer(status, encode(answer))


def _errors(code: str, reason: str) -> dict[str, list[str]]:
    return {"codes": [code] if code else [], "error_msgs": [reason]}


def _remarks(event: Any, asset: str, now: datetime) -> Iterator[str]:
    """What Snap takes, and does not read or makes little of."""
    if not _UUID.fullmatch(asset.lower()):
        yield f"{asset[:40]} is no UUID; Snap's pixel and app ids are"
    said = an_object(event)
    happened = schema.event_time(said.get("event_time"))
    if happened and now - happened > schema.USEFUL_AGE:
        yield f"older than {schema.USEFUL_AGE.days} days: reported, and of little use to optimisation"
    for place, key, right in _MISPLACED:
        if key in (an_object(said.get(place)) if place else said):
            yield f"{place}.{key} is not read; Snap reads the id from {right}".lstrip(".")
    if not said.get("event_id"):
        yield "without event_id this event cannot be deduplicated by id"


def _half(event: Any, asset: str, now: datetime) -> Half:
    """A server half, as much of it as can be read."""
    said = an_object(event)
    custom, user = an_object(said.get("custom_data")), an_object(said.get("user_data"))
    device = hits.text(user.get("madid"))
    return Half(
        side="server",
        event=schema.event_name(said.get("event_name")) or hits.text(said.get("event_name")) or "",
        id=hits.text(said.get("event_id")),
        occurred_at=schema.event_time(said.get("event_time")) or now,
        received_at=now,
        account=asset.lower(),
        action_source=_SOURCES.get(schema.action_source(said.get("action_source")) or "", "web"),
        order_id=hits.text(custom.get("order_id")),
        value=hits.amount(custom.get("value")),
        keys={DEVICE_ID: device} if device else {},
        quality=len(user) + len(custom),
        payload=event,
    )
