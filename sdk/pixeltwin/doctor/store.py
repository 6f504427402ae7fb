"""The outbox: whether it can be written, and whether somebody empties it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, OutboxUnavailable
from ..outbox.memory import MemoryOutbox
from ..outbox.trial import try_out
from .finding import Finding

if TYPE_CHECKING:
    from ..insight.health import Health, PlatformHealth
    from ..tracker import Tracker

CHECK = "outbox"
OLD = timedelta(hours=1)  # a healthy queue is empty within seconds
_LOST = "Conversions that cannot be stored are lost: track() says stored=False and goes on."
_WRITABLE = "Make room on the disk, give the process the right to write there, or correct PIXELTWIN_OUTBOX."


def absent(path: str) -> Iterator[Finding]:
    """The outbox's file is not there. It is not made for being looked at: that is for the site's own user."""
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        what = f"The outbox {path} cannot be made: {folder} is not there, or this user may not write there."
        yield Finding(CHECK, "fault", what, _LOST, _WRITABLE)
        return
    what = f"There is no outbox {path}."
    why = (
        "Nothing was stored there yet, or the site keeps another one: a path in PIXELTWIN_OUTBOX that does not begin "
        "with / is relative to the folder in which a process starts."
    )
    yield Finding(
        CHECK, "warning", what, why, "Start the doctor in the site's folder; a first conversion makes the file."
    )


def store(tracker: Tracker) -> Iterator[Finding]:
    """Whether it can be written, and is more than memory."""
    try:
        try_out(tracker.outbox, tracker.clock())
        keeps = tracker.outbox.keeps_sessions()
    except (OutboxUnavailable, ConfigurationError) as error:
        yield Finding(CHECK, "fault", f"The outbox cannot be written: {error}.", _LOST, _WRITABLE)
        return
    yield Finding(CHECK, "ok", "The outbox can be written.")
    if not keeps:
        what = "Between the outbox and PostgreSQL stands a pooler that keeps no sessions, as in transaction mode."
        why = "Conversions are lost to errors about prepared statements, and others get connections with our settings."
        yield Finding(CHECK, "warning", what, why, "Let PIXELTWIN_OUTBOX name a pooler in session mode, or the server.")
    if isinstance(tracker.outbox, MemoryOutbox):
        why = "Whatever waits is lost when the process ends, and other processes see nothing of it."
        do = "Set PIXELTWIN_OUTBOX to sqlite:///… or postgresql://…"
        yield Finding(CHECK, "warning", "The outbox is in memory.", why, do)


def queue(health: Health) -> Iterator[Finding]:
    """What waits, for how long, and who takes it: as all workers left it in the outbox."""
    if health.outbox:
        return  # `store` has said it
    for one in health.platforms:
        if one.sends:
            yield from _waiting(one, health.at)


def _waiting(one: PlatformHealth, now: datetime) -> Iterator[Finding]:
    found = one.finding
    if found.status == "unhealthy":
        why = f"{one.waiting} conversions wait." if one.waiting else ""
        yield Finding("worker", "fault", found.why, why, found.do, one.platform)
    for remark in found.remarks:
        why = "Late and mistimed events are recognised as twins no more, or refused."
        yield Finding("worker", "warning", remark, why, platform=one.platform)
    age = now - one.oldest if one.oldest else timedelta()
    if found.status != "unhealthy" and age > OLD:
        why = "Events older than a week are refused, and long before that they are counted beside their twins."
        do = "`pixeltwin outbox list --state waiting` says what they wait for."
        hours = f"{age / timedelta(hours=1):.0f} h"
        yield Finding("worker", "warning", f"The oldest waiting conversion is {hours} old.", why, do, one.platform)
    elif found.status != "unhealthy":
        yield Finding("worker", "ok", _seen(one), platform=one.platform)


def _seen(one: PlatformHealth) -> str:
    if one.worker_seen_at is None:
        return "Nothing waits; no worker has had anything to send yet."
    waiting = f"{one.waiting} wait" if one.waiting else "Nothing waits"
    return f"{waiting}; it was last asked at {one.worker_seen_at:%Y-%m-%d %H:%M} UTC."
