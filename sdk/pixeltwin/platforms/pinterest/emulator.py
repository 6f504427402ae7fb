"""Pinterest's part of the sandbox: the API for Conversions, the tag's collector and a tag script of its own.

Any tag, ad account and token is accepted; their order tells which tag is which ad account's. Strict as published: a
body that breaks the schema is refused whole (400); other faults fail the one event (200, or 422 when none is left).
Fields newer than the published schema are taken with a remark, for whoever switched them on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from ...contract import BrowserCall
from ...dedup import Half
from ...emulation import Answer, Emulator, Incoming, Rejection
from ...replies import json_body
from ...strictjson import encode
from . import hits, mapping, pixel, schema, wire
from .pairs import Pairs
from .replies import a_list, an_object

TEST_EVENTS = 20  # with test=true only so many are looked at
MAX_AGE = timedelta(days=7)
AHEAD = timedelta(minutes=5)
ACTION_SOURCES = ("web", "app_ios", "app_android", "offline")

_EVENTS = re.compile(r"/v5/ad_accounts/([^/]*)/events")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_API_NAMES = frozenset(name.server for name in mapping.KNOWN_NAMES)
_STANDARD = frozenset(spelling for name in mapping.KNOWN_NAMES for spelling in (name.browser, name.server))
_HASHED_KEYS = tuple(key for key, _ in mapping.HASHED.values())
_PIXEL = bytes.fromhex(  # a GIF of one transparent dot
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

# Pinterest's code and words by HTTP status (OpenAPI 5.23.0; 404: API reference, 2026).
_WORDS = {
    400: (4196, "The request was invalid."),
    401: (2, "Authentication failed."),
    403: (29, "You are not permitted to access that resource."),
    404: (2, "AdAccount not found."),
    429: (
        8,
        "This request exceeded a rate limit. This can happen if the client exceeds one\nof the published rate "
        "limits within a short time window.",
    ),
    503: (4197, "The endpoint has been ramped down and is currently not accepting any traffic."),
}


class PinterestEmulator(Emulator):
    """Plays api.pinterest.com, ct.pinterest.com and s.pinimg.com."""

    api_path = "/v5"
    script_path = "/ct/core.js"
    fields = wire.FIELDS

    def __init__(self) -> None:
        self._pairs = Pairs()

    def reset(self) -> None:
        self._pairs = Pairs()

    def is_api(self, incoming: Incoming) -> bool:
        return incoming.path.startswith(self.api_path + "/")  # a long hit of the tag is a POST too

    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        if incoming.path == self.script_path:
            return Answer(200, _script(), "text/javascript; charset=utf-8")
        if incoming.path in ("/v3/", "/v3"):
            return _collect(incoming, self._pairs, now)
        account = _EVENTS.fullmatch(incoming.path)
        if not account:
            return _error(404, "Not found.", code=0)
        if incoming.method != "POST":
            return _error(405, "Method not allowed.", code=0)
        return _receive(incoming, account[1], self._pairs, now)

    def hit(self, init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
        return pixel.hit(init, call, page_url, now)

    def trouble(self, status: int) -> Answer:
        answer = _error(status)
        if status != 429:
            return answer
        limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        return replace(answer, headers=limits)


@cache
def _script() -> bytes:
    return files("pixeltwin.platforms.pinterest").joinpath("pixel.js").read_bytes()


def _error(status: int, message: str = "", *, code: int | None = None) -> Answer:
    usual_code, usual = _WORDS.get(status, (status, "Unexpected error"))
    return Answer(status, encode({"code": usual_code if code is None else code, "message": message or usual}))


# --- the tag ---------------------------------------------------------------------------------------------------------


def _collect(incoming: Incoming, pairs: Pairs, now: datetime) -> Answer:
    """A hit of the tag: always taken, with a pixel for an answer. The page's origin may read it, cookies and all."""
    if incoming.method not in ("GET", "POST"):
        return _error(405, "Method not allowed.", code=0)
    half, remarks = hits.half(hits.read(incoming), now)
    if half:
        account, stranger = pairs.account("tag", str(half.payload["tid"]))
        half, remarks = replace(half, account=account), [*remarks, *stranger]
    origin = incoming.headers.get("origin")
    shared = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"} if origin else None
    return Answer(200, _PIXEL, "image/gif", shared, halves=(half,) if half else (), warnings=tuple(remarks))


# --- the API ---------------------------------------------------------------------------------------------------------


def _receive(incoming: Incoming, ad_account: str, pairs: Pairs, now: datetime) -> Answer:
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return _error(401)
    body = json_body(incoming.body)
    if not re.fullmatch(r"[0-9]{1,18}", ad_account):
        wrong = schema.Fault(f"'{ad_account:.40}' does not match '^\\d+$'", "ad_account_id")
        return _refused(body, wrong, ad_account, now)
    test = parse_qs(incoming.query).get("test", [""])[-1].lower() == "true"
    account, stranger = ("", ()) if test else pairs.account("ad account", ad_account)
    fault = schema.Fault("the body is no JSON", "the body") if body is None else schema.fault(body, schema.NEWER_BODY)
    if fault:
        return _refused(body, fault, account, now)
    answer = _processed(a_list(an_object(body)["data"]), account, now, test=test)
    newer = schema.fault(body)
    if newer:
        remark = f"newer than Pinterest's API 5.23.0, which refuses it: {newer.said} (in {newer.where})"
        answer = replace(answer, warnings=(*answer.warnings, remark))
    return replace(answer, warnings=(*answer.warnings, *stranger))


def _refused(body: Any, fault: schema.Fault, account: str, now: datetime) -> Answer:
    """The whole request is void, and every event in it."""
    message = f"Invalid request: {fault.said}"
    given = [event for one in a_list(an_object(body).get("data")) if (event := an_object(one))]
    rejected = tuple(Rejection(_half(event, account, now), message) for event in given)
    return replace(_error(400, message, code=400), rejected=rejected, warnings=(f"{fault.said} (in {fault.where})",))


def _processed(events: Sequence[dict[str, Any]], account: str, now: datetime, *, test: bool) -> Answer:
    """One result an event, in order. A test is answered the same and records nothing."""
    looked_at = events[:TEST_EVENTS] if test else events
    results: list[dict[str, str]] = []
    taken: list[Half] = []
    failed: list[Rejection] = []
    for event in looked_at:
        error, warning = _error_of(event, now), _warning_of(event)
        results.append(
            {"status": "failed" if error else "processed", "error_message": error, "warning_message": warning}
        )
        if error:
            failed.append(Rejection(_half(event, account, now), error))
        else:
            taken.append(_half(event, account, now))
    summary = {"num_events_received": len(events), "num_events_processed": len(taken), "events": results}
    if taken:
        status, answer = 200, summary
    else:
        status = 422
        answer = {"code": 422, "message": "Not all events were successfully processed.", "details": summary}
    if test:
        return Answer(status, encode(answer), warnings=("test=true: answered, not recorded",))
    return Answer(status, encode(answer), halves=tuple(taken), rejected=tuple(failed))


def _error_of(event: Mapping[str, Any], now: datetime) -> str:
    """Why Pinterest would fail this event, or nothing. That an unhashed `em` fails it is Pinterest's own test (Python
    SDK, 2024); the age limit is Amperity's word (7 days); an empty array is taken for a missing key here."""
    user = event["user_data"]
    if event["action_source"] not in ACTION_SOURCES:
        return f"Invalid action_source: {event['action_source']:.40}. Use one of {', '.join(ACTION_SOURCES)}."
    if not (
        user.get("em") or user.get("hashed_maids") or (user.get("client_ip_address") and user.get("client_user_agent"))
    ):
        return "user_data has no em, no hashed_maids and no client_ip_address with client_user_agent"
    if any(not _SHA256.fullmatch(one) for one in user.get("em", ())):
        return "'em' is not in sha256 hashed format"
    occurred = _moment(event["event_time"])
    if occurred is None or occurred > now + AHEAD:
        return "event_time is in the future; it is Unix time in seconds"
    if now - occurred > MAX_AGE:
        return "event_time is more than 7 days ago"
    custom = event.get("custom_data", {})
    if custom.get("value") is not None and hits.number(custom["value"]) is None:
        return "custom_data.value cannot be parsed as a number"
    return ""


def _warning_of(event: Mapping[str, Any]) -> str:
    """What Pinterest remarks about an event it takes (unhashed keys: Adobe Commerce extension's tests, 2026)."""
    user, custom = event["user_data"], event.get("custom_data", {})
    remarks = [
        f"'{key}' is not in sha256 hashed format"
        for key in _HASHED_KEYS
        if key != "em" and any(not _SHA256.fullmatch(one) for one in user.get(key, ()))
    ]
    if event["event_name"] not in _API_NAMES:
        remarks.append(f"{event['event_name']:.40} is a non-standard name and is labeled as an 'Unknown' event")
    if custom.get("opt_out_type") and not (user.get("st") and user.get("country")):
        remarks.append("opt_out_type is ignored without st and country")
    missing = [f"{key} is missing" for key in ("external_id", "click_id") if not user.get(key)]
    if missing:
        remarks.append(f"{'; '.join(missing)}. We highly recommend this on all events")
    return "; ".join(remarks)


def _half(event: Mapping[str, Any], account: str, now: datetime) -> Half:
    """The server half, read leniently: refused ones are shown too."""
    data = an_object(event.get("custom_data"))
    name = hits.text(event.get("event_name")) or ""
    own = "" if name in _API_NAMES else name.lower()  # an advertiser's own name counts in any case
    return Half(
        side="server",
        event=name if not own or own in _STANDARD else own,  # a standard name in another spelling is shown as it came
        id=hits.text(event.get("event_id")),
        occurred_at=_moment(event.get("event_time")) or now,
        received_at=now,
        account=account,
        custom_name=own,
        action_source=hits.text(event.get("action_source")) or "web",
        order_id=hits.text(data.get("order_id")),
        value=hits.number(data.get("value")),
        payload=event,
    )


def _moment(seconds: Any) -> datetime | None:
    """Unix seconds as a time; None where the calendar ends before (milliseconds taken for seconds)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
