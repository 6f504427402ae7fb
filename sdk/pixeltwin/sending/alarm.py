"""Says when the events that wait for a platform become too old for it, once for all workers, and when it is over."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..contract import Platform
from ..logfields import fields
from ..outbox.contract import Outbox
from .gate import Gate
from .lateness import lateness

log = logging.getLogger("pixeltwin")

LOOK_EVERY = timedelta(minutes=1)


class Alarm:
    """One destination's. What was said is kept with its standing, so that no other worker says it again."""

    def __init__(self, platform: Platform, outbox: Outbox, gate: Gate) -> None:
        self._platform = platform
        self._outbox = outbox
        self._gate = gate
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look at the oldest waiting event, at most once a minute."""
        soon = self._looked_at and timedelta() <= now - self._looked_at < LOOK_EVERY
        if soon or not self._platform.late_after:
            return
        self._looked_at = now
        platform = self._platform
        found = lateness(platform, self._outbox.oldest(platform.destination), now)
        before = self._gate.seen.late
        if not self._gate.late(found.level):
            return
        extra = fields(platform=platform.name, destination=platform.destination)
        if found.level > before:
            age = str(timedelta(seconds=int(found.age.total_seconds())))
            log.warning("%s: the oldest waiting event is %s old. %s", platform.name, age, found.meaning, extra=extra)
        elif not found.level:
            log.info("%s: no event waits too long any more", platform.name, extra=extra)
