"""Reading the answers of the Conversions API v3.

A request is taken whole or not at all: one bad event voids it, and `error.fields[]` names the event by its index
(recorded answers of 2025 and 2026). Nothing in an outcome quotes a token, even where an answer does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from ...contract import Delivered, Misconfigured, Outcome, Refused, RetryLater
from ...replies import json_body, transient, words
from ...strictjson import encode

_INDEX = re.compile(r"events\[([0-9]{1,6})\]")
_PROCESSED = re.compile(r"processed ([0-9]{1,9})\b")
_SECRETS = re.compile(rb"eyJ[\w-]+\.[\w-]+\.?[\w-]*|(?i:bearer)\s+[\w.~+/=-]{8,}")


def read(status: int, headers: Mapping[str, str], body: bytes, count: int, secret: str) -> list[Outcome]:
    """One outcome an event, in order. `secret` is masked wherever the answer repeats it."""
    body = _masked(body, secret)
    later = transient(status, headers, body, count)
    if later is not None:
        return later
    if status in (400, 413, 422):
        return _refusals(body, count, f"HTTP {status}")
    if not 200 <= status < 300:
        return [Misconfigured(f"HTTP {status}: {_said(body)}")] * count
    return _acceptance(body, count)


def _acceptance(body: bytes, count: int) -> list[Outcome]:
    answer = json_body(body)
    if _part(answer, "error"):
        return _refusals(body, count, "refused inside a success")
    message = _text(_part(answer, "data", "message"))
    if not message:
        return [RetryLater(None, f"Reddit did not say what it took: {words(body)}")] * count
    found = _PROCESSED.search(message)
    if found is None:
        return [Delivered(warning=message)] * count
    if int(found[1]) < count:
        return [RetryLater(None, f"sent {count} events, but Reddit says: {message}", alone=count > 1)] * count
    return [Delivered()] * count


def _refusals(body: bytes, count: int, status: str) -> list[Outcome]:
    blamed = _blamed(json_body(body), count)
    if not blamed:
        reason = f"{status}: {_said(body)}"
        return [Refused(reason)] if count == 1 else [RetryLater(0, reason, alone=True)] * count
    blameless = RetryLater(0, "another event voided the request")
    return [Refused(blamed[index]) if index in blamed else blameless for index in range(count)]


def _blamed(answer: Any, count: int) -> dict[int, str]:
    """The reasons by index of the event. The paths' casing varies ("user.UUID"), so only the index is read."""
    blamed: dict[int, str] = {}
    fields = _part(answer, "error", "fields")
    for fault in cast("Sequence[Any]", fields) if isinstance(fields, list) else ():
        where = _text(_part(fault, "field"))
        found = _INDEX.search(where)
        if found and int(found[1]) < count:
            index, why = int(found[1]), _text(_part(fault, "message")) or where
            blamed[index] = f"{blamed[index]}; {why}" if index in blamed else why
    return blamed


def _said(body: bytes) -> str:
    return _text(_part(json_body(body), "error", "message")) or words(body) or "no reason given"


def _part(answer: Any, *path: str) -> Any:
    for key in path:
        answer = cast("dict[str, Any]", answer).get(key) if isinstance(answer, dict) else None
    return answer


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _masked(body: bytes, secret: str) -> bytes:
    """The body without secrets; JSON is written anew first, so that no escape hides one."""
    answer = json_body(body)
    if answer is not None:
        body = encode(answer)
    for spelling in (secret, quote(secret, safe="")) if secret else ():
        body = body.replace(spelling.encode(), b"***")
    return _SECRETS.sub(b"***", body)
