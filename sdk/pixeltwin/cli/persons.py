"""Finding one person by digests, for that is all the outbox keeps of him."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from ..config import PREFIX
from ..printable import printable
from ..strictjson import decode
from ..visitor import IDENTITY_FIELDS, SealedVisitor
from . import typed

if TYPE_CHECKING:
    from ..tracker import Tracker

Wanted = Callable[[SealedVisitor], bool]
_AT_ONCE = 500  # rows that are looked at together
_ALL = 10_000_000
_KEPT = ("held", "pending", "claimed", "waiting", "refused", "expired")  # a row without any of these has lost its data
_MEANS_NOBODY = frozenset(
    {"gender", "date_of_birth", "city", "state", "postal_code", "country", "first_name", "last_name"}
)


def named(tracker: Tracker, words: Iterable[str]) -> Wanted:
    """Tells whoever has any of these identity fields ("email=…") from others."""
    given = list(words)
    for name, _ in typed.pairs(given):
        if name not in IDENTITY_FIELDS or name in _MEANS_NOBODY:
            known = ", ".join(one for one in IDENTITY_FIELDS if one not in _MEANS_NOBODY)
            raise click.UsageError(f"{name} does not tell one person from others; give one of {known}")
    asked = [word for word in given if word.partition("=")[0].strip() in tracker.rules]
    if not asked:
        raise click.UsageError("no configured platform uses what you gave, so nothing of it is kept")
    by_word = {word: _digests(typed.visitor([word], tracker.phone_region).seal(tracker.rules)) for word in asked}
    if unread := [word for word, found in by_word.items() if not found]:
        raise click.UsageError(_unreadable(unread))
    digests = {one for found in by_word.values() for one in found}
    return lambda visitor: not digests.isdisjoint(_digests(visitor))


def _unreadable(words: Iterable[str]) -> str:
    """What to say of words of which no platform makes a digest: they would find nobody."""
    advice = ""
    if any(word.partition("=")[0].strip() == "phone" for word in words):
        advice = f". Write a phone with its country code, such as +49 170 1234567, or set {PREFIX}PHONE_REGION"
    return f"nothing was erased, for this cannot be read: {printable(', '.join(words))}{advice}"


def _digests(visitor: SealedVisitor) -> set[tuple[str, str]]:
    return {(field, value) for field, values in visitor.sealed.items() for value in values}


def conversions(tracker: Tracker, wanted: Wanted) -> list[str]:
    """The ids of what is kept with personal data of this person."""
    halves = (half for state in _KEPT for half in tracker.outbox.deliveries(state=state, limit=_ALL))
    ids = list(dict.fromkeys(half.id for half in halves))
    return [id for start in range(0, len(ids), _AT_ONCE) for id in _of(tracker, ids[start : start + _AT_ONCE], wanted)]


def _of(tracker: Tracker, ids: list[str], wanted: Wanted) -> list[str]:
    return [
        row.id
        for row in tracker.outbox.get(ids)
        if row.visitor is not None and wanted(SealedVisitor.from_record(decode(row.visitor)))
    ]
