"""What was lost, and why: counted always, said in the log once per kind."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock

from ..contract import Loss
from ..errors import described
from ..logfields import fields

log = logging.getLogger("pixeltwin")

MAPPING = "fault: mapping"
WHOLE = ("event", "consent")  # a loss of one of these is the whole conversion's


class Losses:
    """Counts by (platform, reason); safe from any thread. An empty platform stands for all of them. `on_loss` is told
    of each conversion that a platform, or nobody, gets; not of fields that are left out."""

    def __init__(self, on_loss: Callable[[str, str], None] | None = None) -> None:
        self._on_loss = on_loss
        self._counts: Counter[tuple[str, str]] = Counter()
        self._said: set[tuple[str, str, str]] = set()
        self._lock = Lock()

    def count(self, platform: str, reason: str, *, said: str = "") -> None:
        """Count it, and log what is `said` of it the first time."""
        with self._lock:
            self._counts[platform, reason] += 1
            first = self._counts[platform, reason] == 1
        if said and first:
            log.warning("%s (said once, counted always)", said, extra=fields(platform=platform, loss=reason))
        if self._on_loss:
            self._on_loss(platform, reason)

    def report(self, loss: Loss) -> None:
        """Count it, and log it the first time this field is lost for this reason."""
        with self._lock:
            self._counts[loss.platform, loss.reason] += 1
            kind = (loss.platform, loss.field, loss.reason)
            new = kind not in self._said
            self._said.add(kind)
        if new:
            log.warning("%s (said once, counted always)", loss, extra=fields(platform=loss.platform, loss=loss.reason))
        if self._on_loss and loss.field in WHOLE:
            self._on_loss(loss.platform, loss.reason)

    def fault(self, platform: str, error: Exception, *, conversion_id: str = "") -> None:
        """Count and log that the code of this platform, or what a site put into it, failed where values are mapped."""
        self.count(platform, MAPPING)
        known = fields(platform=platform, loss=MAPPING, conversion_id=conversion_id)
        log.error("tracking fault (%s): %s", platform, described(error), extra=known)

    def snapshot(self) -> Mapping[tuple[str, str], int]:
        """The counts as they are now."""
        with self._lock:
            return dict(self._counts)
