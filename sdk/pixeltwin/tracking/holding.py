"""Payments that settle later: a hold waits until it is confirmed or cancelled, or expires after seven days.

A confirmation may come before its hold, or at the same moment. It is noted before it is looked for again, and a hold
looks for the note after it was put: whichever is second sees the first. A hold in the caller's own transaction cannot
look once more, for it is there with his commit: then the visitor's next page looks, or the worker.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

from .. import rows
from ..conversion import Conversion, conversion_from_record
from ..errors import InvalidInput, UnknownConversion
from ..events import Event, from_record, to_record
from ..frozen import FrozenDict
from ..logfields import fields
from ..outbox import DeliveryState, NewRow, Outbox, Put, Stored
from ..strictjson import decode, encode
from . import lapsed
from .arguments import plain_key
from .lapsed import PAYMENT, UNPAID
from .losses import Losses
from .repeats import report_conflict

log = logging.getLogger("pixeltwin")

_CONFIRMED = "confirmed"  # the kind of note that an early confirmation is kept as

Count = Literal["not counted", "may be counted", "already counted"]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What became of a cancelled conversion. `counts` says for each destination with a server half whether it had
    counted the conversion: "already counted" (delivered, or its pixel confirmed), "may be counted" (a request may
    have left and no answer said that it was taken, or the pixel was shown), or "not counted". No platform takes a
    conversion back."""

    id: str
    counts: Mapping[str, Count]

    @property
    def already_counted(self) -> tuple[str, ...]:
        """The destinations that have counted it."""
        return tuple(destination for destination, count in self.counts.items() if count == "already counted")


class Confirmation(NamedTuple):
    """When it was paid, and the event's fields that changed with it, as plain data."""

    at: datetime
    changes: Mapping[str, Any]

    def applied(self, conversion: Conversion) -> Conversion:
        event = from_record({**to_record(conversion.event), **self.changes})
        return replace(conversion, event=event, occurred_at=self.at)


class Holding:
    """What is held for payment in one outbox. `OutboxUnavailable` rises from everything here."""

    def __init__(self, outbox: Outbox, *, site: str, losses: Losses) -> None:
        self._outbox = outbox
        self._site = site
        self._losses = losses

    def put(self, conversion: Conversion, row: NewRow, *, now: datetime, connection: Any) -> tuple[Conversion, Put]:
        """Put a row that waits for payment; if its confirmation is there already, it does not wait."""
        unique = row.unique or ""
        early = self._early(unique, now)
        if early:
            conversion = self._fitted(conversion, early)
            row = row._replace(
                held=tuple(reason for reason in row.held if reason != PAYMENT),
                record=encode(conversion.to_record()),
                occurred_at=conversion.occurred_at,
            )
        put = lapsed.put(self._outbox, row, now=now, connection=connection)
        # With a connection the row is not there yet: `reviewed` looks later.
        if connection is None:
            early = early or self._early(unique, now)
            if early and PAYMENT in put.row.held:
                conversion = self._lift(put.row, early, now) or conversion
        if early and (connection is None or PAYMENT not in put.row.held):
            self._outbox.notes.forget(_CONFIRMED, unique, connection=connection)
        return conversion, put

    def reviewed(self, row: Stored, *, now: datetime) -> Conversion | None:
        """The conversion in a row. If it waits for a payment that was told before the row could be seen, it was paid
        then. None for a tombstone."""
        known = rows.restored(row)
        if known is None or known.key is None or PAYMENT not in row.held:
            return known
        return self._review(row, rows.natural(known.event, known.key, site=self._site), now) or known

    def catch_up(self, now: datetime) -> int:
        """The same for all that are held; how many were paid. Call it every few minutes."""
        uniques = self._outbox.notes.awaited(_CONFIRMED, now=now)
        held = [(unique, row) for unique in uniques if (row := self._outbox.find(unique)) and PAYMENT in row.held]
        return sum(self._review(row, unique, now) is not None for unique, row in held)

    def _review(self, row: Stored, unique: str, now: datetime) -> Conversion | None:
        """The conversion as its early confirmation says, None where there is none or somebody else was faster."""
        early = self._early(unique, now)
        if early is None:
            return None
        paid = self._lift(row, early, now)
        self._outbox.notes.forget(_CONFIRMED, unique)
        return paid

    def confirm(
        self, kind: type[Event], key: str | int, *, name: str | None, changes: Mapping[str, Any], now: datetime
    ) -> Conversion:
        """Lift the payment; see `Tracker.confirm`."""
        blank, unique = self._named(kind, key, name)
        checked = to_record(_stand_in(kind, name, changes))
        confirmation = Confirmation(now, {field: checked[field] for field in changes})
        row = self._outbox.find(unique)
        if row is None:
            first = self._remember(unique, confirmation)
            row = self._outbox.find(unique)
            if row is None:
                self._compare(first, confirmation, blank)
                raise UnknownConversion(
                    f"no {kind.__name__} is known under that key yet; its confirmation is remembered for 7 days and "
                    "applied when hold() comes",
                    remembered=True,
                )
            if PAYMENT not in row.held:
                self._outbox.notes.forget(_CONFIRMED, unique)
        if PAYMENT not in row.held:
            return self._known(unique, confirmation, blank)
        early = self._review(row, unique, now)  # one that came before the hold could be seen
        if early is None:
            return self._lift(row, confirmation, now) or self._known(unique, confirmation, blank)
        report_conflict(early.event, self._fitted(early, confirmation).event, self._losses)
        return early

    def cancel(
        self, kind: type[Event], key: str | int, *, name: str | None, reason: str, now: datetime
    ) -> Cancellation:
        """End what has not gone; see `Tracker.cancel`."""
        _, unique = self._named(kind, key, name)
        self._outbox.notes.forget(_CONFIRMED, unique)
        row = self._outbox.find(unique)
        if row is None:
            raise UnknownConversion(f"no {kind.__name__} is known under that key; there is nothing to cancel")
        noted = f"{UNPAID}{reason}" if PAYMENT in row.held else reason
        self._outbox.cancel([row.id], now=now, reason=noted)
        return Cancellation(row.id, FrozenDict({one.destination: _count(one) for one in self._halves(row)}))

    def _named(self, kind: type[Event], key: str | int, name: str | None) -> tuple[Event, str]:
        """An event that stands in for the one that is meant, and what makes that one unique."""
        blank = _stand_in(kind, name, {})
        trimmed = plain_key(key)
        if not trimmed:
            raise InvalidInput(kind.__name__, [("key", "give the natural key, such as the order's number")])
        return blank, rows.natural(blank, trimmed, site=self._site)

    def _lift(self, row: Stored, confirmation: Confirmation, now: datetime) -> Conversion | None:
        """The conversion as it was confirmed; None when somebody else was faster."""
        lifted: list[bytes] = []

        def rewrite(record: bytes) -> bytes:
            conversion = conversion_from_record(decode(record), None)
            lifted.append(encode(self._fitted(conversion, confirmation).to_record()))
            return lifted[-1]

        self._outbox.release([row.id], PAYMENT, now=now, rewrite=rewrite, occurred_at=confirmation.at)
        found = rows.restored(row._replace(record=lifted[-1])) if lifted else None
        return found and replace(found, created=True)

    def _fitted(self, conversion: Conversion, confirmation: Confirmation) -> Conversion:
        """The conversion as it was paid. Changes that do not fit the event are lost, and said; the payment counts."""
        try:
            return confirmation.applied(conversion)
        except InvalidInput as error:
            self._losses.count("", "fault: confirmation")
            known = fields(loss="fault: confirmation", conversion_id=conversion.id)
            log.error("a confirmation brought changes that do not fit what was held: %s", error, extra=known)
            return replace(conversion, occurred_at=confirmation.at)

    def _known(self, unique: str, confirmation: Confirmation, blank: Event) -> Conversion:
        """What a confirmation finds that comes second, or too late: it changes nothing."""
        row = self._outbox.find(unique)
        if row is None:  # purged a moment ago
            raise UnknownConversion(f"no {blank.type} is known under that key any more")
        known = rows.restored(row)
        states = {one.state for one in self._halves(row)}
        over = bool(states) and states <= {"cancelled", "expired"}
        if over:
            first = self._remember(unique, confirmation)  # a hold that comes after all was paid
            self._compare(first, confirmation, blank)
            self._losses.count("", "confirmed_too_late")
            known_as = fields(loss="confirmed_too_late", conversion_id=row.id)
            log.warning(
                "%s was confirmed after it was cancelled or had expired; nobody is told", blank.type, extra=known_as
            )
        elif known is not None:
            report_conflict(known.event, confirmation.applied(known).event, self._losses)
        if known is None:
            known = Conversion(event=blank, id=row.id, occurred_at=confirmation.at, browser=False)
        return replace(known, created=False, stored=not over)

    def _halves(self, row: Stored) -> list[DeliveryState]:
        return [one for one in self._outbox.deliveries(id=row.id) if one.seq == row.seq]

    def _remember(self, unique: str, confirmation: Confirmation) -> Confirmation:
        """What is remembered: this confirmation, or one that came before it."""
        first = self._early(unique, confirmation.at)
        if first is None:
            record = {"at": round(confirmation.at.timestamp() * 1000), "changes": dict(confirmation.changes)}
            self._outbox.notes.keep(_CONFIRMED, unique, encode(record), now=confirmation.at)
        return first or confirmation

    def _compare(self, first: Confirmation, later: Confirmation, blank: Event) -> None:
        """Report where a confirmation says something else than the one that is remembered."""
        kind, name = type(blank), blank.custom_name or None
        known, said = (_stand_in(kind, name, one.changes) for one in (first, later))
        again = {field: getattr(said, field) for field in later.changes}
        report_conflict(known, known.model_copy(update=again), self._losses)

    def _early(self, unique: str, now: datetime) -> Confirmation | None:
        data = self._outbox.notes.find(_CONFIRMED, unique, now=now)
        if data is None:
            return None
        record = decode(data)
        return Confirmation(datetime.fromtimestamp(record["at"] / 1000, timezone.utc), record["changes"])


def _stand_in(kind: type[Event], name: str | None, changes: Mapping[str, Any]) -> Event:
    """An event of this kind with these fields, so that what is wrong with them is said whether its hold is here or not.
    It is nobody's: a value that it needs and was not given is out of the way of the other fields."""
    if "order_id" in changes:
        raise InvalidInput(kind.__name__, [("order_id", "is what it is found by and cannot change")])
    fields = kind.model_fields
    if (name is not None) is not ("name" in fields):
        raise InvalidInput(kind.__name__, [("name", "is for a CustomEvent, and needed there")])
    needed: dict[str, Any] = {"name": name, "value": "999999999" if changes else "0", "currency": "EUR"}
    return kind(**{**{field: value for field, value in needed.items() if field in fields}, **changes})


def _count(half: DeliveryState) -> Count:
    if half.state == "delivered" or half.browser == "acknowledged":
        return "already counted"
    unanswered = half.attempts - (half.state == "refused")  # that one's last answer was that it takes nothing
    if half.state == "claimed" or unanswered > 0 or half.browser == "offered":
        return "may be counted"
    return "not counted"
