"""What the sandbox serves for Reddit: the Conversions API v3, the pixel's hit and the pixel script.

Strict like the vendor: a closed schema, all or nothing, the answers in its own shapes. It reads an ID only where Reddit
reads one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from ...contract import BrowserCall
from ...dedup import Half
from ...emulation import DROPPED, Answer, Emulator, Incoming, Rejection
from ...replies import json_body
from ...strictjson import decode, encode
from . import pixel, wire
from .dedup import stored_id
from .mapping import CUSTOM, KNOWN_NAMES
from .schema import USER_KEYS, Fault, body_faults, event_faults, is_number, remarks
from .signals import uuid

_CONVERSIONS = re.compile(r"/api/v3/pixels/([^/]+)/conversion_events")
_DEFAULT_AGENT = re.compile(r"$|(?:python|aiohttp|curl|wget|go-http-client|okhttp|axios|node|java|ruby|guzzle)\b", re.I)
_TYPES = {known.browser: known.server for known in KNOWN_NAMES}
_SOURCES = {"WEBSITE": "web", "APP": "app", "PHYSICAL_STORE": "offline"}
_HIT_KEYS = ("em", "pn", "external_id", "uuid", "idfa", "aaid", "click_id", "sw")
_HIT_METADATA = ("m.currency", "m.valueDecimal", "m.itemCount", "m.transactionId", "m.products")
_GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
_TROUBLE = {
    400: "Bad Request",
    401: "UNAUTHORIZED",
    403: "You're not authorized to post conversions to Pixel ID.",
    404: "Not Found",
    429: "Too many requests/events within timeframe.",
}
_TESTED = "with a test_id: shown in Event Testing, counted nowhere"
_UNSEEN = "with a test_id, but in a batch: Event Testing shows one event a request; counted nowhere"
_UNAVAILABLE = "The service is currently unavailable. No conversion events were processed."


class RedditEmulator(Emulator):
    """Reddit's endpoints. Any pixel and any token are accepted; no token is a 401."""

    api_path = "/api/v3"
    script_path = "/ads/pixel.js"
    fields = wire.FIELDS
    click_in_page = True  # used when click_id is absent (v3 reference, 2026-03-09)

    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        conversions = _CONVERSIONS.fullmatch(incoming.path)
        if conversions and incoming.method == "POST":
            return _post(unquote(conversions[1]), incoming, now)
        if incoming.path == "/rp.gif" and incoming.method == "GET":
            return _hit(incoming, now)
        if incoming.path == self.script_path and incoming.method == "GET":
            script = files("pixeltwin.platforms.reddit").joinpath("pixel.js").read_bytes()
            return Answer(200, script, "text/javascript; charset=utf-8")
        return _error(404, "Not Found")

    def hit(self, init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
        return pixel.hit(init, call, page_url, now)

    def trouble(self, status: int) -> Answer:
        return _error(status, _TROUBLE.get(status, _UNAVAILABLE))


# --- the Conversions API ---------------------------------------------------------------------------------------------


def _post(pixel: str, incoming: Incoming, now: datetime) -> Answer:
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return _error(401, "No bearer token provided")
    try:
        body = json.loads(incoming.body, parse_float=Decimal)
        payloads = decode(incoming.body)  # which also refuses NaN
    except (ValueError, RecursionError):
        return _error(400, "Bad Request")
    wrong = body_faults(body)
    if wrong:
        return _error(400, "Bad Request", wrong)
    events = body["data"]["events"]
    halves = [_server_half(one, raw, pixel, now) for one, raw in zip(events, payloads["data"]["events"], strict=True)]
    faults = [event_faults(one, f"$.data.events[{index}]", now) for index, one in enumerate(events)]
    if any(faults):
        return _void(halves, faults)
    message = encode({"data": {"message": f"Successfully processed {len(events)} conversion events."}})
    if "test_id" in body["data"]:
        return Answer(200, message, warnings=(_TESTED if len(events) == 1 else _UNSEEN,))
    said = dict.fromkeys(remark for one in events for remark in remarks(one))
    if _DEFAULT_AGENT.match(incoming.headers.get("user-agent", "")):
        said["send a descriptive User-Agent: Reddit throttles the defaults of HTTP libraries"] = None
    return Answer(200, message, halves=tuple(halves), warnings=tuple(said))


def _void(halves: Sequence[Half], faults: Sequence[Sequence[Fault]]) -> Answer:
    """All or nothing: the answer blames by index, and the blameless events were not taken either."""
    bad = [index for index, found in enumerate(faults) if found]
    answer = _error(
        400,
        f"There were {len(bad)} invalid conversion events. None were processed.",
        [fault for found in faults for fault in found],
    )
    rejected = tuple(Rejection(halves[index], "; ".join(why for _, why in faults[index])) for index in bad)
    return Answer(answer.status, answer.body, rejected=rejected)


def _error(status: int, message: str, faults: Sequence[Fault] = ()) -> Answer:
    error: dict[str, Any] = {"code": status, "message": message}
    if faults:
        error["fields"] = [{"field": path, "message": why} for path, why in faults]
    return Answer(status, encode({"error": error}))


def _server_half(event: Any, payload: Any, pixel: str, now: datetime) -> Half:
    """The half of an event, as much of it as could be read."""
    said = _dict(event)
    kind, metadata, user = _dict(said.get("type")), _dict(said.get("metadata")), _dict(said.get("user"))
    conversion_id, value = _string(metadata.get("conversion_id")), metadata.get("value")
    return Half(
        side="server",
        event=_string(kind.get("tracking_type")),
        id=stored_id(conversion_id) if conversion_id else None,
        occurred_at=_time(said.get("event_at"), now),
        received_at=now,
        account=pixel,
        custom_name=_string(kind.get("custom_event_name")),
        action_source=_SOURCES.get(_string(said.get("action_source")), "other"),
        value=Decimal(cast("int | Decimal", value)) if is_number(value) else None,
        keys=_keys(_string(user.get("uuid")), _string(user.get("external_id"))),
        quality=len(user.keys() & {*USER_KEYS, "uuid", "screen_dimensions"})
        + ("click_id" in said)
        + len(metadata.keys() - {"conversion_id"}),
        payload=payload,
    )


# --- the pixel -------------------------------------------------------------------------------------------------------


def _hit(incoming: Incoming, now: datetime) -> Answer:
    """The pixel's image. It is always an image: what was wrong with a hit, the page never learns."""
    hit = {name: value for name, value in parse_qsl(incoming.query) if value}
    half = _browser_half(hit, now)
    if not half.account:
        reason = "the hit names no pixel (id)"
    elif hit.get("event") not in _TYPES:
        reason = f"unknown event {hit.get('event', '')!r}"
    elif half.event == CUSTOM.server and not half.custom_name:
        reason = "a Custom event needs its customEventName"
    else:
        warnings = () if half.id else ("without conversionId this event only merges by Reddit's session rule",)
        return Answer(200, _GIF, "image/gif", halves=(half,), warnings=warnings)
    return Answer(200, _GIF, "image/gif", rejected=(Rejection(half, reason),))


def _browser_half(hit: Mapping[str, str], now: datetime) -> Half:
    conversion_id, happened = hit.get("m.conversionId"), hit.get("ts", "")
    return Half(
        side="browser",
        event=_TYPES.get(hit.get("event", ""), hit.get("event", "")),
        id=stored_id(conversion_id) if conversion_id else None,
        occurred_at=_time(int(happened), now) if re.fullmatch("[0-9]{1,15}", happened) else now,
        received_at=now,
        account=hit.get("id", ""),
        custom_name=hit.get("m.customEventName", ""),
        order_id=hit.get("m.transactionId"),
        value=_decimal(hit.get("m.valueDecimal", "")),
        keys=_keys(hit.get("uuid", ""), hit.get("external_id", "")),
        quality=len(hit.keys() & {*_HIT_KEYS, *_HIT_METADATA}) + 2,  # its IP address and user agent come with it
        payload=_told(hit),
    )


def _told(hit: Mapping[str, str]) -> dict[str, Any]:
    """The hit as it came, and what the sandbox's own pixel says of the call's arguments that had no place in it."""
    shown: dict[str, Any] = {name: value for name, value in hit.items() if name != "dropped"}
    lost = _dict(json_body(hit.get("dropped", "").encode()))
    return {**shown, DROPPED: lost} if lost else shown


# --- reading loosely -------------------------------------------------------------------------------------------------


def _keys(browser_id: str, external_id: str) -> dict[str, str]:
    """What links a user's events; the pixel hashes the external id, the API is told either form."""
    keys: dict[str, str] = {}
    if uuid(browser_id):
        keys["uuid"] = browser_id.rpartition(".")[2].lower()
    if external_id:
        keys["external_id"] = stored_id(external_id)
    return keys


def _time(milliseconds: Any, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        return now


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
