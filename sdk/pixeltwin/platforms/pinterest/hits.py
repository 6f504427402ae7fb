"""What the Pinterest tag sends, read as its collector reads it: hits of the script and of the noscript image.

Wire form as observed on the tag (2025-04): `/v3/?event=…&ed={…}&tid=…&pd={…}&ad={…}&cb=…`, by POST (a form, or
JSON) when it grows long. The image spells the same as `ed[key]=…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from urllib.parse import parse_qsl

from ...dedup import Half
from ...emulation import Incoming
from ...replies import json_body
from . import mapping
from .replies import an_object

ID_KEYS = ("event_id", "eventID", "eid")  # the tag takes any of these three, in this very spelling
_API_NAMES = {name.browser: name.server for name in mapping.KNOWN_NAMES if name.browser}
_BRACKETED = re.compile(r"(ed|pd|ad)((?:\[[^\[\]]*\])+)")


def read(incoming: Incoming) -> dict[str, Any]:
    """A hit as plain data: `event`, `tid`, and the objects `ed` (event), `pd` (partner) and `ad` (page)."""
    if incoming.method == "GET":
        return _from_pairs(parse_qsl(incoming.query, keep_blank_values=True))
    if incoming.headers.get("content-type", "").startswith("application/json"):
        return _from_pairs(an_object(json_body(incoming.body)).items())
    return _from_pairs(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True))


def half(hit: Mapping[str, Any], now: datetime) -> tuple[Half | None, list[str]]:
    """The browser half of a conversion and remarks for the developer; no half for a page load (`event=init`)."""
    name = str(hit.get("event") or "").replace(" ", "").lower()  # any case; blanks are dropped
    if name in ("", "init"):
        return None, []
    if not str(hit.get("tid") or "").isdigit():
        return None, ["the tag sent no tag ID (tid); Pinterest cannot tell whose conversion this is"]
    data = an_object(hit.get("ed"))
    given = event_id(data)
    id = text(given)
    remarks: list[str] = []
    if name not in _API_NAMES:
        remarks.append(f"the tag has no event called {name!r}; Pinterest labels it as an 'Unknown' event")
    if id is None:
        remarks.append("the tag sent no event_id: this event cannot be merged with the API's")
    elif not isinstance(given, str):
        remarks.append("the tag sent a number as event_id: give it as text, as the API has it")
    found = Half(
        side="browser",
        event=_API_NAMES.get(name, name),
        id=id,
        occurred_at=now,
        received_at=now,
        custom_name="" if name in _API_NAMES else name,
        order_id=text(data.get("order_id")),
        value=number(data.get("value")),
        id_was_text=not isinstance(given, int | float),
        payload=dict(hit),
    )
    return found, remarks


def event_id(data: Mapping[str, Any]) -> str | int | float | None:
    """The id as it was given, from the keys that the tag knows and no other."""
    given = (value for key in ID_KEYS if isinstance(value := data.get(key), str | int | float))
    return next((value for value in given if value != "" and not isinstance(value, bool)), None)


def text(value: Any) -> str | None:
    """A value as text; None for nothing."""
    return None if value in (None, "") or isinstance(value, dict | list) else str(value)


def number(value: Any) -> Decimal | None:
    """A number or its text as Decimal; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _from_pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        bracketed = _BRACKETED.fullmatch(key)
        if bracketed:
            path = re.findall(r"\[([^\[\]]*)\]", bracketed[2])
            _put(found.setdefault(bracketed[1], {}), path, value)
        elif key in ("ed", "pd", "ad"):
            found[key] = an_object(json_body(value.encode()) if isinstance(value, str) else value)
        else:
            found[key] = value
    return {key: _lists(value) for key, value in found.items()}


def _put(holder: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        inner = holder.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        holder = cast("dict[str, Any]", inner)
    holder[path[-1]] = value


def _lists(value: Any) -> Any:
    """`{"0": …, "1": …}` from `[0]` and `[1]` is a list."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(one) for key, one in cast("dict[str, Any]", value).items()}
    if inner and all(key.isdigit() for key in inner):
        return list(inner.values())
    return inner
