"""The forms in which the spellings of one identifier meet, and the identifiers that a payload mentions anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ..visitor import sha256

MOST_MENTIONS = 24  # of one payload; real ones have about ten
_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_LIKE_AN_ID = re.compile(r"(?=.*[0-9])[\w.:@#~+/=-]{4,256}")
_DEPTH = 6


def id_form(value: str) -> str:
    """An id in the form in which its spellings meet: a vendor may hash it on one side and not on the other."""
    return value.lower() if _HASHED.fullmatch(value) else sha256(value)


def respelled(value: str) -> frozenset[str]:
    """The forms of an id as people get it wrong: without the blanks around it, and in another case."""
    bare = value.strip()
    return frozenset(id_form(one) for one in (value, bare, bare.lower(), bare.upper()))


def mentions(payload: Any) -> dict[str, str]:
    """Every value of a payload that could be an identifier, by its form, and where it stands ("custom_data.id")."""
    found: dict[str, str] = {}
    for where, value in _leaves(payload, "", _DEPTH):
        if _LIKE_AN_ID.fullmatch(value) and "://" not in value:
            found.setdefault(id_form(value), where)
            if len(found) == MOST_MENTIONS:
                break
    return found


def _leaves(value: Any, where: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield where, str(value)
    elif depth and isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            yield from _leaves(one, f"{where}.{key}" if where else str(key), depth - 1)
    elif depth and isinstance(value, (list, tuple)):
        for index, one in enumerate(cast("Sequence[Any]", value)[:MOST_MENTIONS]):
            yield from _leaves(one, f"{where}[{index}]", depth - 1)
