"""Reading the answers of the Conversions API v3.

    {"status": "VALID", "reason": …}
    {"status": "INVALID", "event": <index in data>, "reason": …, "errors": {"codes": […], "error_msgs": […]}}

Every field may be absent, and a failure may come inside a 200: the status word decides (Snap's SDK for v3, 2025-05-22).
Whether one bad event voids a request is not documented; it is taken to, and the others are sent again: their ids keep
them from counting twice. /validate adds `event_logs`, one an event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote

from ...contract import Delivered, Misconfigured, Outcome, Refused, RetryLater
from ...replies import json_body, transient

_ADVICE = "check that the access token is whole and of the organisation that owns the pixel"
_BLAMELESS = RetryLater(0, "another event voided the request")
_QUOTED = 4000  # bytes of a foreign answer that are looked at for words
_SHOWN = 300  # characters of a reason

# An expired or foreign token is often answered with a 400 that names it (Segment's documentation, pull request 5173).
_SETTINGS = re.compile(
    r"token|unauthori[sz]ed|not authori[sz]ed|permission|forbidden|\b(?:asset|pixel|snap[ _]app)[ _]id\b", re.I
)
_ACCOUNT = re.compile(r"permission|forbidden|not authori[sz]ed|\b(?:asset|pixel|snap[ _]app)[ _]id\b", re.I)
_SECRETS = re.compile(r"(?i:access_token=|bearer\s+)[^\s\"'&<>]+|[\w.~+/%=-]{48,}")


def read(status: int, headers: Mapping[str, str], body: bytes, count: int, secret: str) -> list[Outcome]:
    """One outcome an event, in order. `secret` is masked wherever the answer repeats it: the token travels in the
    request's URL, and answers quote URLs."""
    later = transient(status, headers, _masked(body[:_QUOTED].decode("utf-8", "replace"), secret).encode(), count)
    outcomes = later if later is not None else _read(status, body, count)
    shown = {outcome: _without(outcome, secret) for outcome in set(outcomes)}
    return [shown[outcome] for outcome in outcomes]


def _read(status: int, body: bytes, count: int) -> list[Outcome]:
    said = an_object(json_body(body))
    word = str(said.get("status", "")).upper()
    reason = _reason(said) or f"HTTP {status}: {' '.join(body[:_QUOTED].decode('utf-8', 'replace').split())}"
    if word == "VALID" and 200 <= status < 300:
        return _each(said, count, Delivered())
    if word == "INVALID" or status >= 400:
        if status < 400 or status in (400, 413, 422):
            blamed = _blamed(said, reason, count)
            if blamed:
                return [blamed.get(place, _BLAMELESS) for place in range(count)]
            if not _SETTINGS.search(reason):
                return [Refused(reason)] if count == 1 else [RetryLater(0, reason, alone=True)] * count
        return [Misconfigured(f"{reason}; {_ADVICE}")] * count
    return [RetryLater(None, f"Snap did not say what it took: {reason}")] * count


def blames_account(reason: str) -> bool:
    """Whether the words of a `Misconfigured` are about what the token may be used for, not about the token itself: an
    expired one is often a 400, so that the status does not tell."""
    return bool(_ACCOUNT.search(reason.removesuffix(_ADVICE)))


def _blamed(said: Mapping[str, Any], reason: str, count: int) -> dict[int, Outcome]:
    """The refusals by place, of the events that the answer names. It is read before the words are: a wrong token is no
    single event's fault, while a product may well be called one."""
    by_log = enumerate(_each(said, count, _BLAMELESS))
    blamed: dict[int, Outcome] = {place: outcome for place, outcome in by_log if isinstance(outcome, Refused)}
    index = said.get("event")
    if not blamed and isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count:
        blamed[index] = Refused(reason)
    return blamed


def _each(said: Mapping[str, Any], count: int, otherwise: Outcome) -> list[Outcome]:
    """By `event_logs` where there are any; `otherwise` for events that have none."""
    outcomes = [otherwise] * count
    for place, one in enumerate(a_list(said.get("event_logs"))):
        log = an_object(one)
        index = log.get("event", place)
        if not isinstance(index, int) or not 0 <= index < count:
            continue
        if str(log.get("status", "")).upper() == "INVALID":
            outcomes[index] = Refused(_reason(log) or "no reason given")
        elif isinstance(otherwise, Delivered):
            outcomes[index] = Delivered(warning=_joined(log.get("warnings")))
    return outcomes


def _reason(said: Mapping[str, Any]) -> str:
    """`reason`, the codes and the messages, in Snap's words."""
    details = an_object(said.get("errors"))
    parts = (said.get("reason"), _joined(details.get("codes")), _joined(details.get("error_msgs")))
    return "; ".join(dict.fromkeys(part for part in parts if isinstance(part, str) and part))


def _joined(many: Any) -> str:
    return ", ".join(str(one) for one in a_list(many))


def an_object(value: Any) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def a_list(value: Any) -> Sequence[Any]:
    """A JSON array; an empty one for anything else."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else []


def _without(outcome: Outcome, secret: str) -> Outcome:
    """The outcome with its words cut to a length, and no secret in them."""
    if isinstance(outcome, Delivered):
        return replace(outcome, warning=_masked(outcome.warning, secret)[:_SHOWN])
    return replace(outcome, reason=_masked(outcome.reason, secret)[:_SHOWN])


def _masked(text: str, secret: str) -> str:
    for form in (secret, quote(secret, safe="")):
        if form:
            text = text.replace(form, "***")
    return _SECRETS.sub("***", text)
