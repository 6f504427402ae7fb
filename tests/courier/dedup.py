"""When Courier takes two parcels for one: equal bag, name and id, received within a day."""

from __future__ import annotations

from datetime import timedelta

from pixeltwin.contract import Half, Verdict

WINDOW = timedelta(days=1)


def judge(first: Half, second: Half) -> Verdict:
    """How often two parcels count, with the field that decided it."""
    if first.account != second.account:
        return Verdict(2, True, "They went into two bags: each counts its own.")
    if first.event != second.event:
        return Verdict(2, True, f"The names differ ({first.event}, {second.event}): two conversions.")
    if not first.id or first.id != second.id:
        return Verdict(2, True, "Their ids are not equal: two conversions.")
    if abs(second.received_at - first.received_at) > WINDOW:
        return Verdict(2, True, "Their ids are equal, but they came over a day apart: counted twice.")
    return Verdict(1, True, "Bag, name and id are equal, within a day: counted once.")
