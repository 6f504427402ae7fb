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

_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]").search  # what is quoted
LONGEST = 2000  # characters; the tag itself sends longer hits by POST, which an image cannot


def urls(
    collect_url: str, tag_id: str, partner: Mapping[str, str], events: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[str]:
    """The page's image and one an event, each with the visitor's `partner` data (`pd`). An address that grows too long
    does without its line items."""
    tag, who = f"{collect_url}/v3/?tid={_quoted(tag_id)}", _pairs("pd", partner.items())
    found = [f"{tag}{who}&noscript=1"]
    for name, data in events:
        event = f"{tag}&event={_quoted(name)}{who}"
        url = f"{event}{_pairs('ed', data.items())}&noscript=1"
        if len(url) > LONGEST:
            short = [(key, value) for key, value in data.items() if key != "line_items"]
            url = f"{event}{_pairs('ed', short)}&noscript=1"
        found.append(url)
    return found


def _pairs(prefix: str, inner: Iterable[tuple[Any, Any]]) -> str:
    """`&ed[line_items][0][product_id]=…`: one pair a leaf."""
    said = ""
    for key, value in inner:
        if isinstance(value, dict):
            said += _pairs(f"{prefix}[{key}]", cast("Mapping[str, Any]", value).items())
        elif isinstance(value, list):
            said += _pairs(f"{prefix}[{key}]", enumerate(cast("Sequence[Any]", value)))
        else:
            said += f"&{prefix}[{key}]={_quoted(value)}"
    return said


def _quoted(value: Any) -> str:
    """Percent-encoded; most values are plain words and numbers, which need no look at each letter."""
    if isinstance(value, str):
        return quote(value, safe="") if _UNSAFE(value) else value
    return plain(value) if isinstance(value, Decimal) else str(value)
