"""SQL kept in .sql files: named statements, each behind a line "-- name: put"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n?|\s+-- .*$", re.MULTILINE)


@cache
def load(resource: str) -> Mapping[str, str]:
    """The statements of a file beside this one, by name and without comments: Python's sqlite3 takes a statement for
    one that writes only if it begins with its verb."""
    text = files("pixeltwin.outbox").joinpath(resource).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: _COMMENT.sub("", sql).strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
