"""Click ids over visits: what a landing URL brought is remembered, so that a purchase days later still carries it.

Kept in one signed first-party cookie, by platform, with the time of the click. Only for platforms that may be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .contract import Platform

CLICK_LIFE = timedelta(days=365)  # the longest any of the vendors' own click cookies lives
LONGEST_CLICK_ID = 512  # characters; a longer one is nobody's click id

Clicks = Mapping[str, tuple[str, int]]  # platform -> (click id, epoch seconds of the landing)


def landed(platforms: Iterable[Platform], query: Mapping[str, str], now: datetime) -> dict[str, tuple[str, int]]:
    """The click ids in a landing URL, with the time."""
    found: dict[str, tuple[str, int]] = {}
    for platform in platforms:
        click = platform.read_signals(query, {}).click_id
        if click and len(click) <= LONGEST_CLICK_ID:
            found[platform.kind] = (click, int(now.timestamp()))
    return found


def remembered(value: Any, now: datetime) -> dict[str, tuple[str, int]]:
    """The clicks a cookie holds, the expired ones left out. Anything of another shape is nothing."""
    known: Mapping[Any, Any] = value
    if not isinstance(known, dict):
        return {}
    oldest = (now - CLICK_LIFE).timestamp()
    clicks: dict[str, tuple[str, int]] = {}
    for kind, click in known.items():
        match click:
            case [str(click_id), int(at)] if at >= oldest:
                clicks[str(kind)] = (click_id, at)
            case _:
                pass
    return clicks
