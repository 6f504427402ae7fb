"""Times as the commands say them: how long ago, how long still, in the largest unit of which there are two."""

from __future__ import annotations

from datetime import datetime, timedelta


def at(moment: datetime, now: datetime) -> str:
    """A moment, and how long ago that is."""
    when = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return f"{when} ({span(now - moment)} ago)" if moment <= now else when


def ago(moment: datetime | None, now: datetime) -> str:
    """Only how long ago; empty for what never was."""
    return "" if moment is None else "now" if now - moment < timedelta(seconds=1) else f"{span(now - moment)} ago"


def until(due: datetime, now: datetime) -> str:
    """How long still."""
    return "now" if due <= now else f"in {span(due - now)}"


def span(length: timedelta) -> str:
    """A length of time, rounded down to its unit."""
    seconds = round(length.total_seconds())
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
