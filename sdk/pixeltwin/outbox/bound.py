"""The bound of the queue: what waits for nobody is not piled up until the disk is full. The site goes on without it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..errors import ConfigurationError, OutboxUnavailable
from ..logfields import fields
from ..tracking.losses import Losses
from .contract import Outbox

log = logging.getLogger("pixeltwin")

BOUND = 1_000_000  # conversions; about 1.2 GB
LOOKED_AT = timedelta(seconds=1)  # how often the backlog is looked at, and a loss is logged
LOSS = "queue_full"


class Bound:
    """At most about `most` conversions wait for a worker; 0 is no bound. Between two looks it costs a comparison."""

    def __init__(self, outbox: Outbox, most: int, losses: Losses) -> None:
        if most < 0:
            raise ConfigurationError("outbox_bound is how many conversions may wait: 0 (no bound) or more")
        self._outbox = outbox
        self._most = most
        self._losses = losses
        self._looked_at: datetime | None = None
        self._is_reached = False

    def turns_away(self, now: datetime, *, strict: bool) -> bool:
        """Whether there is no room for one more: then the loss is counted and shouted, or raised if `strict`."""
        if not self._most:
            return False
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < LOOKED_AT:
            self._look(now)
        if not self._is_reached:
            return False
        if strict:
            raise OutboxUnavailable(self._words())
        self._losses.count("", LOSS)
        return True

    def _look(self, now: datetime) -> None:
        self._looked_at = now
        try:
            self._is_reached = self._outbox.backlog() >= self._most
        except OutboxUnavailable:
            self._is_reached = False  # a store that cannot even be read says so when it is written to
        if self._is_reached:
            log.error("%s", self._words(), extra=fields(loss=LOSS))

    def _words(self) -> str:
        return (
            f"the queue is full: {self._most} conversions wait that no worker has looked at, and further ones are lost "
            "until it has room. Is a worker running (`pixeltwin deliver`)? `pixeltwin outbox` shows what waits; "
            "PIXELTWIN_OUTBOX_BOUND is how many may"
        )
