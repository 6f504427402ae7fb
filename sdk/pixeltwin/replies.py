"""Reading answers: what all platforms' replies have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from .outcomes import Outcome, RetryLater
from .strictjson import decode

LONGEST_WAIT = 3600.0  # seconds; a server that asks for more is asked again in an hour
_EPOCH = 1_000_000_000.0  # a reset this large is no wait but a moment: seconds since 1970
# "limit=10, remaining=0, reset=30" and '"default";r=0;t=30': the drafts of the RateLimit header (IETF httpapi, 2025)
_REMAINING = re.compile(r"\b(?:remaining|r)=([0-9]{1,9})")
_RESET = re.compile(r"\b(?:reset|t)=([0-9]{1,9})")


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
            until, answered = http_date(asked), http_date(headers.get("date", ""))
            seconds = (until - answered).total_seconds() if until and answered else None
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return _reset(headers)


def spent(headers: Mapping[str, str]) -> float | None:
    """Seconds until requests are taken again, where the common rate-limit headers (RateLimit, X-RateLimit-Remaining and
    -Reset) say that none remains. Header names are lower case. None: some remain, or they do not say."""
    combined = _REMAINING.search(headers.get("ratelimit", ""))
    remaining = combined[1] if combined else _first(headers, "x-ratelimit-remaining", "ratelimit-remaining")
    return _reset(headers) if _number(remaining.partition(",")[0]) == 0 else None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the rate limit is over: a wait, or a moment against the answer's own Date."""
    combined = _RESET.search(headers.get("ratelimit", ""))
    seconds = _number(combined[1] if combined else _first(headers, "x-ratelimit-reset", "ratelimit-reset"))
    if seconds is not None and seconds >= _EPOCH:
        answered = http_date(headers.get("date", ""))
        seconds = None if answered is None else seconds - answered.timestamp()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)


def _first(headers: Mapping[str, str], *names: str) -> str:
    return next((headers[name] for name in names if name in headers), "")


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


def http_date(text: str) -> datetime | None:
    """The moment a header names; None when it names none."""
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
