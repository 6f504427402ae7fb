"""What was lost, and why: counted always, said in the log once per kind."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from threading import Lock

from .contract import Loss

log = logging.getLogger("pixeltwin")


class Losses:
    """Counts by (platform, reason); safe from any thread. An empty platform stands for all of them."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._said: set[tuple[str, str, str]] = set()
        self._lock = Lock()

    def count(self, platform: str, reason: str) -> None:
        with self._lock:
            self._counts[platform, reason] += 1

    def report(self, loss: Loss) -> None:
        """Count it, and log it the first time this field is lost for this reason."""
        with self._lock:
            self._counts[loss.platform, loss.reason] += 1
            kind = (loss.platform, loss.field, loss.reason)
            new = kind not in self._said
            self._said.add(kind)
        if new:
            log.warning("%s (said once, counted always)", loss)

    def snapshot(self) -> Mapping[tuple[str, str], int]:
        """The counts as they are now."""
        with self._lock:
            return dict(self._counts)
