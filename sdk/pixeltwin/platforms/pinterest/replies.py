"""Reading what Pinterest answers: HTTP 200 is no success, each event's own `status` is.

Sources: responses of `events/create` (OpenAPI 5.23.0, 2025-12); bodies recorded by others are in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...contract import Delivered, Misconfigured, Outcome, Refused, RetryLater
from ...replies import json_body, transient, words

_TOKEN = re.compile(rb"pina_[\w.~+/=-]+")  # how Pinterest's tokens begin, conversion and OAuth alike
_BLAMES_EVENTS = (400, 413, 422)


def read(status: int, headers: Mapping[str, str], body: bytes, count: int, secret: str) -> list[Outcome]:
    """One outcome an event. A batch that was refused as a whole is halved until the one to blame stands alone.
    `secret` is masked wherever the answer repeats it."""
    body = _masked(body, secret)
    later = transient(status, headers, body, count)
    if later:
        return later
    answer = an_object(json_body(body))
    results = _results(status, answer)
    if results:
        return [_outcome(results[index] if index < len(results) else None) for index in range(count)]
    reason = _reason(status, answer, body)
    if 200 <= status < 300:  # it says of no event that it was taken
        return [RetryLater(None, reason)] * count
    if status in _BLAMES_EVENTS:
        return [Refused(reason)] if count == 1 else [RetryLater(0.0, reason, alone=True)] * count
    # 401 (code 2), 403 (code 29), 404 "AdAccount not found", a redirect: token, account or URL, never an event
    return [Misconfigured(reason)] * count


def an_object(value: Any) -> dict[str, Any]:
    """A parsed JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def a_list(value: Any) -> Sequence[Any]:
    """A parsed JSON array; an empty one for anything else."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _results(status: int, answer: Mapping[str, Any]) -> Sequence[Any]:
    """The per-event results, if the answer has any: a 422 holds them in its `details`."""
    holder = an_object(answer.get("details")) if status == 422 else answer
    return a_list(holder.get("events"))


def _outcome(given: Any) -> Outcome:
    """Of one event. Pinterest has sent an error_message with status "processed": the status decides."""
    result = an_object(given)
    if not result:
        return RetryLater(None, "Pinterest's answer says nothing of this event")
    said = [text for key in ("error_message", "warning_message") if isinstance(text := result.get(key), str) and text]
    if result.get("status") == "processed":
        return Delivered("; ".join(said))
    if result.get("status") == "failed":
        return Refused("; ".join(said) or "failed, without a reason")
    return RetryLater(None, "Pinterest's answer gives this event no status")


def _reason(status: int, answer: Mapping[str, Any], body: bytes) -> str:
    """Pinterest's own words: its code and message, else the beginning of the body."""
    if isinstance(answer.get("message"), str):
        code = answer.get("code")
        return f"HTTP {status}: {answer['message']}" + (f" (code {code})" if code is not None else "")
    return f"HTTP {status}: {words(body)}".rstrip(": ")


def _masked(body: bytes, secret: str) -> bytes:
    if secret:
        body = body.replace(secret.encode(), b"***")
    return _TOKEN.sub(b"***", body)
