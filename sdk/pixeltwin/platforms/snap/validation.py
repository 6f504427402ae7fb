"""What was tested, as /validate/logs and /validate/stats tell it (Snap's "Verify your set-up"; its v3 SDK, 2025-05-22).

Snap keeps a day of tested events and counts those of the past hour, tested and live. This is the sandbox's memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .replies import an_object

KEPT = timedelta(hours=24)
COUNTED = timedelta(hours=1)
_MOST = 5000  # events remembered, live and tested


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as it came in: tested or live, and what was wrong with it, if anything."""

    at: datetime
    asset: str
    test: bool
    event: Any
    fault: str


class Validation:
    """The events of the past day, by asset; safe from any thread."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=_MOST)

    def add(self, seen: Seen) -> None:
        self._seen.append(seen)

    def logs(self, asset: str, now: datetime) -> dict[str, Any]:
        """The answer of /validate/logs: what was tested in the past 24 hours."""
        found = [_log(one) for one in self._of(asset, now, KEPT) if one.test]
        return {"status": "SUCCESS", "reason": "", "logs": found}

    def stats(self, asset: str, now: datetime) -> dict[str, Any]:
        """The answer of /validate/stats: how much came in the past hour, and when the latest."""
        events = self._of(asset, now, COUNTED)
        tested, live = ([one for one in events if one.test is test] for test in (True, False))
        return {"status": "SUCCESS", "reason": "", "stats": {"test": _stats(tested), "live": _stats(live)}}

    def _of(self, asset: str, now: datetime, span: timedelta) -> list[Seen]:
        return [one for one in tuple(self._seen) if one.asset == asset and timedelta(0) <= now - one.at <= span]


def _stats(events: list[Seen]) -> dict[str, int]:
    latest = max((round(one.at.timestamp() * 1000) for one in events), default=0)
    return {"latest_event_ts": latest, "event_count_past_hour": len(events)}


def _log(seen: Seen) -> dict[str, Any]:
    said: Mapping[str, Any] = an_object(seen.event)
    app = said.get("action_source") == "MOBILE_APP"
    return {
        "event_name": str(said.get("event_name", "")).upper(),
        "raw_event_name": said.get("event_name"),
        "event_time": str(said.get("event_time", "")),
        "action_source": said.get("action_source"),
        "status": "INVALID" if seen.fault else "VALID",
        "integration": said.get("integration", ""),
        "asset_id": seen.asset,
        "error_records": [seen.fault] if seen.fault else [],
        "warning_records": [],
        "event_metadata": {("snap_app_id" if app else "pixel_id"): seen.asset, "conversion_info": seen.event},
    }
