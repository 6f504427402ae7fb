"""Reading Courier's answers: `{"parcels": [{"taken": true}, {"taken": false, "why": "…"}]}`, one entry an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from pixeltwin.contract import Delivered, Misconfigured, Outcome, Refused, RetryLater
from pixeltwin.replies import json_body, transient, words


def read(status: int, headers: Mapping[str, str], body: bytes, count: int, secret: str) -> list[Outcome]:
    """One outcome an event, in order. The token is taken out first: no answer may bring it into a log."""
    for form in (secret, quote(secret, safe="")):
        body = body.replace(form.encode(), b"***") if form else body
    later = transient(status, headers, body, count)
    if later is not None:
        return later
    if status in (401, 403, 404):
        return [Misconfigured(f"HTTP {status}: {words(body)}; check bag and access token")] * count
    if 200 <= status < 300:
        return _each(json_body(body), count)
    if count > 1:  # it did not say which one is to blame
        return [RetryLater(0, f"HTTP {status}: {words(body)}", alone=True)] * count
    return [Refused(f"HTTP {status}: {words(body)}")]


def _each(answer: Any, count: int) -> list[Outcome]:
    entries: Any = answer.get("parcels") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or len(entries) != count:
        return [RetryLater(None, "the answer does not say what became of each parcel")] * count
    return [_outcome(entry) for entry in entries]


def _outcome(entry: Any) -> Outcome:
    said = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    if said.get("taken") is True:
        return Delivered()
    if said.get("taken") is False:
        return Refused(str(said.get("why") or "no reason given")[:200])
    return RetryLater(None, "the answer does not say what became of this parcel")
