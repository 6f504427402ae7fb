"""What waits for a visitor's decision, once he has decided: it goes with his answer, or nobody is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from .. import rows
from ..consent import Consent, refuses_all
from .answers import together
from .ledger import states

if TYPE_CHECKING:
    from ..outbox import Stored
    from ..tracker import Tracker


def decided(tracker: Tracker, ids: Sequence[str], keys: Sequence[str], consent: Consent) -> None:
    """See `Tracker.consented`. What was kept under a key comes before what was tracked under it: a report that takes
    the one at this moment looks at it again when it has put the other."""
    answer = states(consent, tracker.platforms).values()
    if set(answer) == {"pending"}:
        return
    now = tracker.clock()
    for key in keys:
        tracker.memory.decided(key, consent, tracker.platforms, now=now)
    found = [*tracker.outbox.get(ids), *(row for key in keys for row in _tracked(tracker, key, now))]
    his = [(row, then) for row in found if (then := _asked(tracker, row)) is not None]
    if not his:
        return
    if refuses_all(answer):
        tracker.outbox.cancel([row.id for row, _ in his], now=now, reason="consent denied")
        return

    def answered(then: Consent) -> Consent:
        return together(then, consent, tracker.platforms)

    # He may be asked about one platform later than about another, and change his mind before a payment.
    news = [row.id for row, then in his if "consent" not in row.held and answered(then) != then]
    if news:
        tracker.outbox.rewrite(news, lambda record: rows.with_consent(record, answered(rows.consent(record))))
    held = [row.id for row, _ in his if "consent" in row.held]
    if held and any(platform.allowed(consent) for platform in tracker.platforms):
        _release(tracker, held, consent, now)


def _release(tracker: Tracker, held: Sequence[str], consent: Consent, now: datetime) -> None:
    freed = tracker.outbox.release(held, "consent", now=now, rewrite=lambda record: rows.with_consent(record, consent))
    if freed and tracker.on_stored:
        tracker.on_stored()


def _asked(tracker: Tracker, row: Stored) -> Consent | None:
    """What he allowed when it happened, if his answer is for this row: it is held, rests on a decision of his own, or
    waits for one somewhere."""
    if row.record is None:
        return None
    then = rows.consent(row.record)
    waits = row.held or then.who is not None or "pending" in states(then, tracker.platforms).values()
    return then if waits else None


def _tracked(tracker: Tracker, key: str, now: datetime) -> list[Stored]:
    """The conversions under a natural key."""
    uniques = [*rows.naturals(key, site=tracker.site), *tracker.memory.named(key, now=now)]
    return [row for row in map(tracker.outbox.find, uniques) if row is not None]
