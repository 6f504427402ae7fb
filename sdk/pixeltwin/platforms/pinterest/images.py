"""The tag as images, for browsers without JavaScript: one for the page, one a conversion.

Form: `/v3/?tid=…&event=…&ed[key]=…&pd[key]=…&noscript=1` (developers.pinterest.com, "Pinterest tag", "Use Limited Data
Processing flag", which shows `ed[event_id]`; help.pinterest.com, "Enhanced match": `pd[em]` on every image).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote

from ...strictjson import plain

_PLAIN = re.compile(r"[\w.~-]*", re.ASCII).fullmatch  # what is never quoted
LONGEST = 2000  # characters; the tag itself sends longer hits by POST, which an image cannot


def urls(
    collect_url: str, tag_id: str, partner: Mapping[str, str], events: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[str]:
    """The page's image and one an event, each with the visitor's `partner` data (`pd`). An address that grows too long
    does without its line items."""
    found = [_url(collect_url, tag_id, partner)]
    for name, data in events:
        url = _url(collect_url, tag_id, partner, name, data)
        if len(url) > LONGEST:
            short = {key: value for key, value in data.items() if key != "line_items"}
            url = _url(collect_url, tag_id, partner, name, short)
        found.append(url)
    return found


def _url(
    collect_url: str, tag_id: str, partner: Mapping[str, str], event: str = "", data: Mapping[str, Any] | None = None
) -> str:
    pairs = [f"tid={_quoted(tag_id)}"]
    if event:
        pairs.append(f"event={_quoted(event)}")
    _flatten("pd", partner.items(), pairs)
    _flatten("ed", (data or {}).items(), pairs)
    pairs.append("noscript=1")
    return f"{collect_url}/v3/?" + "&".join(pairs)


def _flatten(prefix: str, inner: Iterable[tuple[Any, Any]], pairs: list[str]) -> None:
    """`ed[line_items][0][product_id]=…`: one pair a leaf."""
    for key, value in inner:
        name = f"{prefix}[{key}]"
        if isinstance(value, dict):
            _flatten(name, cast("Mapping[str, Any]", value).items(), pairs)
        elif isinstance(value, list):
            _flatten(name, enumerate(cast("Sequence[Any]", value)), pairs)
        else:
            pairs.append(f"{name}={_quoted(value)}")


def _quoted(value: Any) -> str:
    """Percent-encoded; most values are plain words and numbers, which need no look at each letter."""
    text = value if isinstance(value, str) else plain(value) if isinstance(value, Decimal) else str(value)
    return text if _PLAIN(text) else quote(text, safe="")
