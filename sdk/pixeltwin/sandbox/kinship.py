"""Two halves that were meant as twins and are none by the platform's rule: what they have in common, and what keeps
them apart. It decides nothing; it only tells the developer where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..dedup import Half, Verdict
from ..emulation import DROPPED, Field
from .arrival import Arrival, Side
from .comparison import at, same
from .forms import id_form

NEAR = timedelta(minutes=1)  # two lone halves of one event this close may have been meant as twins
NEARER = timedelta(minutes=10)  # and this close, where the visitor or the value is the same
VISITOR = ("email", "phone", "external id", "browser id", "click id")
OTHER: dict[Side, Side] = {"browser": "server", "server": "browser"}


@dataclass(frozen=True, slots=True)
class Kinship:
    """`strength` compares: from `SURE` on no accident can explain what two halves have in common. `said` is a sentence
    that holds for both; `fields` are what it speaks of."""

    strength: int
    said: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Likeness:
    """A lone half beside one that may be its twin, and what the platform's rule says of the two."""

    kin: Kinship
    verdict: Verdict


SURE = 4
_ID, _ORDER, _VISITOR, _VALUE, _TIME = 5, 4, 3, 2, 1


def kinship(title: str, fields: Sequence[Field], one: Arrival, other: Arrival) -> Kinship | None:
    """What `other` has to do with `one`, which is of the other side; None for nothing. `title` is the platform's name,
    and the first of its `fields` the conversion's id."""
    browser, server = (one, other) if one.side == "browser" else (other, one)
    by_id = _same_id(one, other) or _misplaced(title, fields, browser, server) or _respelled(title, browser, server)
    if by_id:
        return by_id
    if one.half.order_id is not None and _form(one.half.order_id) == _form(other.half.order_id):
        return Kinship(_ORDER, _same_order(title, one.half, other.half))
    apart = abs(one.half.received_at - other.half.received_at)
    if one.half.event != other.half.event or apart > NEARER:
        return None
    shared = _visitor(fields, browser, server)
    if shared:
        return Kinship(_VISITOR, _perhaps(title, one.half, other.half, f" of the same visitor ({shared.name})"))
    if one.half.value is not None and one.half.value == other.half.value:
        return Kinship(_VALUE, _perhaps(title, one.half, other.half, f", worth {one.half.value:f} too,"))
    if apart > NEAR:
        return None
    return Kinship(_TIME, _perhaps(title, one.half, other.half, ""))


def _form(value: str | None) -> str | None:
    return None if value is None else id_form(value)


def _same_id(one: Arrival, other: Arrival) -> Kinship | None:
    if one.half.id is None or _form(one.half.id) != _form(other.half.id) or one.half.event == other.half.event:
        return None
    return Kinship(_ID, f"A {other.side} half with the same ID arrived as {other.half.event}.")


def _misplaced(title: str, fields: Sequence[Field], browser: Arrival, server: Arrival) -> Kinship | None:
    """The id of one half, found in the other one where nobody reads it."""
    for holder, owner in ((browser, server), (server, browser)):
        if owner.half.id is None or _form(owner.half.id) == _form(holder.half.id):
            continue
        where = holder.mentions.get(id_form(owner.half.id))
        if where is None:
            continue
        carried = f"the {'browser call' if holder.side == 'browser' else 'server event'} carried it as"
        place = _place(fields, holder.side, where)
        if not fields:
            return Kinship(_ID, f"{title} does not read the ID where {carried} {place}.")
        right = fields[0].call if holder.side == "browser" else fields[0].api
        return Kinship(_ID, f"{title} reads the ID from {right}; {carried} {place}.", (right, place.partition(" ")[0]))
    return None


def _place(fields: Sequence[Field], side: Side, where: str) -> str:
    """A place in a payload, by the name that the developer wrote."""
    if where.startswith(f"{DROPPED}."):
        return f"{where.removeprefix(f'{DROPPED}.')}, which the pixel drops"
    if side == "browser":
        call = next((field.call for field in fields if ".".join(field.browser) == where), where)
        return call if call == where else f"{call} ({where} on the wire)"
    return where


def _respelled(title: str, browser: Arrival, server: Arrival) -> Kinship | None:
    if not browser.spellings & server.spellings or browser.half.id == server.half.id:
        return None
    return Kinship(_ID, f"The two IDs differ only in blanks or in upper and lower case: {title} compares them exactly.")


def _visitor(fields: Sequence[Field], browser: Arrival, server: Arrival) -> Field | None:
    """The field by which both halves are of one visitor."""
    here, there = browser.content(), server.content()
    for field in fields:
        if field.name in VISITOR and field.browser and field.server:
            left, right = at(here, field.browser), at(there, field.server)
            if left and right and same(left, right, {}):
                return field
    return None


def _same_order(title: str, half: Half, other: Half) -> str:
    if half.event != other.event:
        return (
            f"A {other.side} half of the same order arrived as {other.event}: {title} merges only events of one name."
        )
    return _perhaps(title, half, other, " for the same order")


def _perhaps(title: str, half: Half, other: Half, common: str) -> str:
    seconds = round((half.received_at - other.received_at).total_seconds())
    when = "at the same time" if seconds == 0 else f"{abs(seconds)} s {'earlier' if seconds > 0 else 'later'}"
    seen = f"A {other.side} half of the same event{common} arrived {when}"
    if other.id is None:
        return f"{seen} without an ID that {title} reads: is it the twin?"
    if half.id is None:
        return f"{seen} with an ID: is it the twin?"
    return f"{seen} under another ID: was the ID made twice?"
