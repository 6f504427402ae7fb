"""Reading answers: what all platforms' replies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from .contract import Outcome, RetryLater
from .strictjson import decode

LONGEST_WAIT = 3600.0  # seconds; a server that asks for more is asked again in an hour


def json_body(body: bytes) -> Any:
    """The parsed body, or None when it is no JSON (an HTML error page, a truncated answer)."""
    try:
        return decode(body)
    except ValueError:
        return None


def words(body: bytes) -> str:
    """The beginning of a body, to be quoted in a reason: one line, at most 200 characters."""
    return " ".join(body[:800].decode("utf-8", "replace").split())[:200]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server asks: Retry-After (seconds, or a date against the answer's own Date), then the
    reset of the common rate-limit headers. Header names are lower case. None: it did not say."""
    asked = headers.get("retry-after", "").strip()
    if asked:
        seconds = _number(asked)
        if seconds is None:
            until, answered = _date(asked), _date(headers.get("date", ""))
            seconds = (until - answered).total_seconds() if until and answered else None
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def transient(status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome] | None:
    """The outcomes of an answer that says "not now" whoever says it (408, 425, 429, 5xx); None for any other."""
    if status in (408, 425, 429) or status >= 500:
        later = RetryLater(retry_after(headers), f"HTTP {status}: {words(body)}".rstrip(": "))
        return [later for _ in range(count)]
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
