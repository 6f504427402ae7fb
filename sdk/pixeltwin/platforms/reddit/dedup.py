"""When Reddit takes two events for one: the published rule (help article "Event deduplication"; v3 reference), pure.

The key is the conversion ID and the event type, and the custom event name with it; without IDs, one user's events of
one type within five minutes. Events must be sent within two days of happening. The poorer event is the duplicate.
"""

from __future__ import annotations

import re
from datetime import timedelta

from ...dedup import Half, Verdict
from ...visitor import sha256

WINDOW = timedelta(days=2)  # sent later than this after it happened, an event may be counted a second time
LOOKBACK = timedelta(days=7)  # what deduplication looks back over; older events are refused anyway
SESSION = timedelta(minutes=5)  # between one user's events, for the method without IDs

_HASHED = re.compile(r"[0-9a-fA-F]{64}")


def stored_id(value: str) -> str:
    """The ID as Reddit keeps it: a digest stays; other text is hashed exactly as it is, with blanks and case."""
    return value.lower() if _HASHED.fullmatch(value) else sha256(value)


def judge(first: Half, second: Half) -> Verdict:
    """How often two events count, with the fields that decided it."""
    difference = _different(first, second)
    if difference:
        return difference
    fields = _fields(first, second)
    ids = " and ".join(fields)
    if first.id and second.id:
        if stored_id(first.id) != stored_id(second.id):
            return Verdict(2, True, f"Both are {first.event}, but {ids} differ: two conversions.", fields)
        return _in_time(first, second, f"Both carry one ID ({ids}) for {first.event}", fields)
    if first.id or second.id:
        nameless = first if second.id else second
        said = f"The {nameless.side} half has no {_id_field(nameless)}, the other has one: two conversions."
        return Verdict(2, True, said, fields)
    return _session(first, second)


def _different(first: Half, second: Half) -> Verdict | None:
    if first.account != second.account:
        said = f"They went to two pixels, {first.account} and {second.account}: each counts its own."
        return Verdict(2, True, said, ("pixel id",))
    if first.event != second.event:
        said = f"The event types differ, {first.event} and {second.event}: two conversions, whatever their IDs are."
        return Verdict(2, True, said, ("event", "type.tracking_type"))
    if first.custom_name != second.custom_name:
        said = f"The custom event names differ ({first.custom_name!r}, {second.custom_name!r}): two conversions."
        return Verdict(2, True, said, ("customEventName", "type.custom_event_name"))
    if first.action_source != second.action_source:
        said = f"One is from {first.action_source}, one from {second.action_source}: only equal action sources merge."
        return Verdict(2, True, said, ("action_source",))
    return None


def _in_time(first: Half, second: Half, matched: str, fields: tuple[str, ...]) -> Verdict:
    late = max(first.received_at, second.received_at) - min(first.occurred_at, second.occurred_at)
    if late > LOOKBACK:
        said = f"{matched}, but they arrived over 7 days apart: counted twice."
        return Verdict(2, True, said, (*fields, "event_at"))
    if late > WINDOW:
        said = f"{matched}, but one arrived over 2 days after the event happened: it may be counted twice."
        return Verdict(2, False, said, (*fields, "event_at"))
    poorer = first if first.quality < second.quality else second
    kept = second if poorer is first else first
    said = f"{matched}, and both arrived within 2 days: counted once, {_kept(kept, poorer)}."
    return Verdict(1, True, said, fields)


def _session(first: Half, second: Half) -> Verdict:
    field = next(
        (
            name
            for name in ("uuid", "external_id")
            if first.keys.get(name) and first.keys.get(name) == second.keys.get(name)
        ),
        None,
    )
    if field is None:
        said = "Neither has a conversion ID, and no uuid or external_id links them: two conversions."
        return Verdict(2, True, said, _fields(first, second))
    if abs(first.occurred_at - second.occurred_at) > SESSION:
        said = f"Without IDs, and over 5 minutes apart for this {field}: two conversions."
        return Verdict(2, True, said, (field, "event_at"))
    return _in_time(first, second, f"Without IDs, but with one {field} and at most 5 minutes apart", (field,))


def _kept(kept: Half, poorer: Half) -> str:
    if kept.quality == poorer.quality:
        return f"the earlier one ({kept.side}) is kept"
    return f"the {kept.side} half is kept, as it has more match keys and metadata"


def _fields(first: Half, second: Half) -> tuple[str, ...]:
    return tuple(dict.fromkeys((_id_field(first), _id_field(second))))


def _id_field(half: Half) -> str:
    return "conversionId" if half.side == "browser" else "metadata.conversion_id"
