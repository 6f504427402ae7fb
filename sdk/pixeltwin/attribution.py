"""Click ids over visits: what a landing URL brought is remembered, so that a purchase days later still carries it.

Kept in one signed first-party cookie, by platform, with the time of the click. Only for platforms that may be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .contract import Platform
from .values import OnFault, Signals

CLICK_LIFE = timedelta(days=365)  # the longest any of the vendors' own click cookies lives
LONGEST_CLICK_ID = 512  # characters; a longer one is nobody's click id

_NONE = Signals()

Clicks = Mapping[str, tuple[str, int]]  # platform -> (click id, epoch seconds of the landing)


def landed(
    platforms: Iterable[Platform], query: Mapping[str, str], now: datetime, *, fault: OnFault | None = None
) -> dict[str, tuple[str, int]]:
    """The click ids in a landing URL, with the time. `fault` is told of a platform whose code fails, which without it
    raises; so in `signals`."""
    found: dict[str, tuple[str, int]] = {}
    for platform in platforms:
        click = _read(platform, query, {}, fault).click_id
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


def signals(
    platforms: Iterable[Platform],
    query: Mapping[str, str],
    cookies: Mapping[str, str],
    clicks: Clicks,
    *,
    fault: OnFault | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Click ids and browser ids, by platform. A click id: of this URL, else remembered from the landing, else from the
    vendor's own cookie."""
    click_ids: dict[str, str] = {}
    browser_ids: dict[str, str] = {}
    for platform in platforms:
        here = _read(platform, query, {}, fault) if query else _NONE
        theirs = _read(platform, {}, cookies, fault) if cookies else _NONE
        remembered = clicks.get(platform.kind)
        click = here.click_id or (remembered[0] if remembered else None) or theirs.click_id
        if click:
            click_ids[platform.kind] = click
        if theirs.browser_id:
            browser_ids[platform.kind] = theirs.browser_id
    return click_ids, browser_ids


def _read(platform: Platform, query: Mapping[str, str], cookies: Mapping[str, str], fault: OnFault | None) -> Signals:
    try:
        return platform.read_signals(query, cookies)
    except Exception as error:
        if fault is None:
            raise
        fault(platform.name, error)
        return _NONE
