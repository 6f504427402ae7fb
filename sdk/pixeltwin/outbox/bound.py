"""The bound of the queues: what nobody takes is not piled up until the disk is full. The site goes on without it, and
so do the platforms that take theirs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, OutboxUnavailable
from ..logfields import fields
from ..tracking.losses import Losses
from .contract import Outbox

if TYPE_CHECKING:
    from ..contract import Platform
    from ..conversion import Conversion

log = logging.getLogger("pixeltwin")

BOUND = 1_000_000  # conversions; about 1.2 GB
LOOKED_AT = timedelta(seconds=1)  # how often the backlog is looked at, and a loss is logged
LOSS = "queue_full"


class Bound:
    """At most about `most` conversions wait for each of these platforms; 0 is no bound. Further ones go into the outbox
    without those whose queue is full. Between two looks it costs a comparison."""

    def __init__(self, outbox: Outbox, most: int, losses: Losses, platforms: Sequence[Platform]) -> None:
        if most < 0:
            raise ConfigurationError(
                "outbox_bound is how many conversions may wait for a platform: 0 (no bound) or more"
            )
        self._outbox = outbox
        self._most = most
        self._losses = losses
        self._platforms = [platform for platform in platforms if platform.sends]
        self._full: list[Platform] = []  # rows are put without them, while there are others
        self._looked_at: datetime | None = None
        outbox.set_destinations([platform.destination for platform in self._platforms])

    def turns_away(self, now: datetime, *, strict: bool) -> bool:
        """Whether nobody has room: then the loss is counted and shouted, or raised if `strict`."""
        if not self._most:
            return False
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < LOOKED_AT:
            self._look(now)
        if not self._full or len(self._full) < len(self._platforms):
            return False
        if strict:
            raise OutboxUnavailable(self._words())
        self._losses.count("", LOSS)
        return True

    def has_taken(self, conversion: Conversion) -> None:
        """It was put, and was not known: those whose queue is full, and who would have been told of it, lose it."""
        for platform in self._full:
            if conversion.server and platform.wants(conversion) and platform.state(conversion.consent) != "denied":
                self._losses.count(platform.name, LOSS)

    def _look(self, now: datetime) -> None:
        self._looked_at = now
        try:
            backlog = self._outbox.backlog()
        except OutboxUnavailable:
            backlog = {}  # a store that cannot even be read says so when it is written to
        before = self._full
        self._full = [one for one in self._platforms if backlog.get(one.destination, 0) >= self._most]
        if self._full:
            log.error("%s", self._words(), extra=fields(loss=LOSS))
        if len(self._full) < len(self._platforms) and self._full != before:
            self._outbox.set_destinations([one.destination for one in self._platforms if one not in self._full])

    def _words(self) -> str:
        names = " and ".join(platform.name for platform in self._full)
        return (
            f"the queue for {names} is full: {self._most} conversions wait there that no worker has looked at, and "
            "further ones are lost there until one has taken them. Is a worker running (`pixeltwin deliver`), and what "
            "does `pixeltwin health` say? `pixeltwin outbox` shows what waits; PIXELTWIN_OUTBOX_BOUND is how many may"
        )
