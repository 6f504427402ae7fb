"""The tag as images, for browsers without JavaScript: one for the page, one a conversion.

Form: `/v3/?tid=…&event=…&ed[key]=…&pd[key]=…&noscript=1` (developers.pinterest.com, "Pinterest tag", "Use Limited Data
Processing flag", which shows `ed[event_id]`; help.pinterest.com, "Enhanced match": `pd[em]` on every image).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote

from ...strictjson import plain

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
    pairs = [("tid", tag_id)]
    if event:
        pairs.append(("event", event))
    pairs += _flat("pd", partner)
    pairs += _flat("ed", data or {})
    pairs.append(("noscript", "1"))
    return f"{collect_url}/v3/?" + "&".join(f"{key}={_quoted(value)}" for key, value in pairs)


def _quoted(value: str) -> str:
    """Percent-encoded; most values are plain words and numbers, which need no look at each letter."""
    return value if value.isascii() and value.replace(".", "").isalnum() else quote(value, safe="")


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """`ed[line_items][0][product_id]`: one pair a leaf."""
    inner: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        inner = cast("Mapping[str, Any]", value).items()
    elif isinstance(value, list):
        inner = enumerate(cast("Sequence[Any]", value))
    else:
        yield prefix, plain(value) if isinstance(value, Decimal) else str(value)
        return
    for key, one in inner:
        yield from _flat(f"{prefix}[{key}]", one)
