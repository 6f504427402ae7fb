"""Why two halves are no twins, to be read in a failed test: the sandbox's own words, and the fields side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from ..platforms import installed
from ..sandbox.masking import MASK
from ..strictjson import encode
from ..visitor import VISITOR_FIELDS

WIDEST = 34  # columns of a value
_PERSONAL = frozenset({*(name.replace("_", " ") for name in VISITOR_FIELDS), "browser id", "click id"})
_ONE_SIDED = _PERSONAL | {"title"}
# Where and by whom: the two halves may be told from two pages, and a vendor's cookie comes after the first of them.
CIRCUMSTANCES = frozenset({"page", "browser id", "click id"})
_SIGNS = {"equal": "=", "different": "≠", "missing in browser": "!", "missing in server": "!"}


def differing(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields in which the halves of a record are no twins. What one side alone knows of the visitor is none of them
    (the page may not know him yet), nor is a title, which pixels take with some events only."""
    return [
        field
        for field in record["fields"]
        if (state := _state(field)) == "different" or (state[:7] == "missing" and field["name"] not in _ONE_SIDED)
    ]


def _state(field: Mapping[str, Any]) -> str:
    """How the two sides of a field are to each other; empty where only one half came."""
    state: str = field["state"] or ""
    if field["name"] in CIRCUMSTANCES:
        return state if state == "equal" else "may differ"
    held = field["server"]
    if state == "different" and field["name"] in _PERSONAL and isinstance(held, list) and field["browser"] in held:
        return "equal"  # an API takes several e-mail addresses of one visitor, a pixel takes the first of them
    return state


def story(records: Iterable[Mapping[str, Any]]) -> str:
    """The records in words. Two lone halves that may have been meant as twins are told together."""
    known: set[int] = set()
    said: list[str] = []
    for record in records:
        if record["twin"] not in known:
            said.append(told(record))
        known.add(record["key"])
    return "\n\n".join(said)


def told(record: Mapping[str, Any]) -> str:
    """A record in words: what the platform counts, why, and the fields of both halves side by side."""
    title = installed()[record["platform"]].title
    counted = "not counted" if not record["counted"] else f"counted {_times(record['counted'])}"
    again = ", and once more for what may be its twin" if record["twin"] else ""
    name = record["name"] or record["event"]
    lines = [f"{name} on {title}: {record['verdict']}, {counted}{again}", *_wrapped(record["reason"])]
    lines += [f"  ! {warning}" for warning in record["warnings"]]
    return "\n".join([*lines, "", *table(record["fields"])])


def table(fields: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The fields that either half carries, one a line. What tells of a person is masked."""
    rows = [("", "field", "browser", "server", "")]
    for field in fields:
        personal = field["name"] in _PERSONAL
        here = _shown(field["browser_name"], field["browser"], personal)
        there = _shown(field["server_name"], field["server"], personal)
        state = _state(field)
        rows.append((_SIGNS.get(state, " "), field["name"], here, there, state))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield f"  {'  '.join([*cells, row[4]])}".rstrip()


def _shown(name: str | None, value: Any, personal: bool) -> str:
    """A value under the platform's own name for it."""
    if value in (None, "", [], {}):
        return "-" if name is None else f"{name}: -"
    text = MASK if personal else _shortened(value)
    return f"{name}: {text}"


def _shortened(value: Any) -> str:
    if isinstance(value, (list, dict)):
        value = encode(cast("Any", value)).decode()
    text = str(value)
    text = text.partition("?")[0] if "://" in text else text
    if len(text) == 64 and text.isalnum():  # an id, or a digest: its beginning tells it from others
        return f"{text[:12]}…"
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="  ", subsequent_indent="  ")
