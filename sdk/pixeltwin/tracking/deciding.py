"""What waits for a visitor's decision, once he has decided: it goes with his answer, or nobody is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from .. import rows
from ..consent import Consent
from .ledger import decided_by

if TYPE_CHECKING:
    from ..outbox import Stored
    from ..tracker import Tracker


def decided(tracker: Tracker, ids: Sequence[str], keys: Sequence[str], consent: Consent) -> None:
    """See `Tracker.consented`. What was kept under a key comes before what was tracked under it: a report that takes
    the one at this moment looks at it again when it has put the other."""
    if all(platform.state(consent) == "pending" for platform in tracker.platforms):
        return
    now, allowed = tracker.clock(), any(platform.allowed(consent) for platform in tracker.platforms)
    for key in keys:
        tracker.memory.decided(key, consent, tracker.platforms, now=now)
    found = [*tracker.outbox.get(ids), *(row for key in keys for row in _tracked(tracker, key, now))]
    his = [row for row in found if row.held or decided_by(row)]
    if not his:
        return
    if not allowed:
        tracker.outbox.cancel([row.id for row in his], now=now, reason="consent denied")
        return
    held = [row.id for row in his if row.held]
    freed = tracker.outbox.release(held, "consent", now=now, rewrite=lambda record: rows.with_consent(record, consent))
    if freed and tracker.on_stored:
        tracker.on_stored()


def _tracked(tracker: Tracker, key: str, now: datetime) -> list[Stored]:
    """The conversions under a natural key."""
    uniques = [*rows.naturals(key, site=tracker.site), *tracker.memory.named(key, now=now)]
    return [row for row in map(tracker.outbox.find, uniques) if row is not None]
