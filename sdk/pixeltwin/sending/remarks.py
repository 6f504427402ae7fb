"""What platforms remark about events they take: counted always, said in the log once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Lock

from ..contract import Delivered, Outcome
from ..logfields import fields

log = logging.getLogger("pixeltwin")

MOST_TEXTS = 100  # a platform that quotes what it was sent says something new about every event
OTHERS = "other warnings"


class Remarks:
    """One destination's warnings, by their text; safe from any thread. The texts must be clean of secrets."""

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def note(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Count the warnings of an answer, and log those that are new. Returns them all."""
        found = [one.warning for one in outcomes if isinstance(one, Delivered) and one.warning]
        for text in found:
            with self._lock:
                full = len(self._counts) >= MOST_TEXTS
                kept = text if text in self._counts or not full else OTHERS
                new = kept not in self._counts
                self._counts[kept] += 1
            if new:
                said = "%s takes events with a warning (said once, counted always): %s"
                log.warning(said, self._platform, kept, extra=fields(platform=self._platform, state="delivered"))
        return found

    def snapshot(self) -> Mapping[str, int]:
        """How often each was heard; what came after a hundred texts is under `OTHERS`."""
        with self._lock:
            return dict(self._counts)
