"""When Snap takes two events for one: the published rule, pure.

One conversion are two events of the same pixel or app with the same id, within 48 hours of the first: `client_dedup_id`
of the pixel is `event_id` of the API (developers.snap.com, "Deduplication" and "Best Practices"). PURCHASE has a second
rule: the same transaction id and price within 30 days (Snap's Business Help Center, "Event deduplication"); in apps the
transaction id alone. The first event to arrive is kept, and its empty fields are filled from the second.

Snap publishes the rule by channel: the API with the pixel on the web, any two sources in an app, the API with uploads
offline. Not published: whether the windows run between the events' own times or their arrivals; what the same id under
two event names, or on the web and offline, means; how long an app's advertising id links two events. There the verdict
is the cautious one, and not certain.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ...dedup import Half, Verdict
from .mapping import PURCHASE

ID_WINDOW = timedelta(hours=48)
ORDER_WINDOW = timedelta(days=30)
DEVICE_ID = "madid"

_KEPT = "counted once, the earlier one kept and completed from the later"


def judge(first: Half, second: Half) -> Verdict:
    """How often two events count, with the fields that decided it; which came first changes nothing."""
    first, second = sorted((first, second), key=lambda half: half.side)
    if first.account != second.account:
        said = f"They went to two assets, {first.account} and {second.account}: each counts its own."
        return Verdict(2, True, said, ("pixel id",))
    if first.id and first.id == second.id:
        return _same_id(first, second)
    by_order = _by_order(first, second)
    if by_order is not None:
        return by_order
    unlinked = _differing_ids(first, second)
    if _same_device(first, second):
        said = f"{unlinked}, but both carry one {DEVICE_ID}: Snap may take them for one event."
        return Verdict(2, False, said, (*_ids(first, second), DEVICE_ID))
    return Verdict(2, True, f"{unlinked}: two conversions.", _ids(first, second))


def _same_id(first: Half, second: Half) -> Verdict:
    fields = _ids(first, second)
    ids = _pair(*fields)
    if first.event != second.event:
        said = (
            f"{ids} are equal, but the events are {first.event} and {second.event}: "
            "Snap asks for an id of its own for every event, and does not say what becomes of these."
        )
        return Verdict(2, False, said, ("event", "event_name"))
    matched = f"Both are {first.event}, {ids} are equal"
    if first.action_source != second.action_source:
        return _two_channels(first, second, matched)
    by_id = _within(first, second, ID_WINDOW, "48 hours", matched, fields)
    by_order = _by_order(first, second) if by_id.counted == 2 else None
    return by_order if by_order is not None and by_order.counted == 1 else by_id


def _by_order(first: Half, second: Half) -> Verdict | None:
    """The rules for PURCHASE alone; None where they do not apply."""
    if first.event != PURCHASE or second.event != PURCHASE:
        return None
    by_order = _same_order(first, second) if first.order_id and first.order_id == second.order_id else None
    if by_order is not None and by_order.counted == 1:
        return by_order
    return _crossed(first, second) or by_order


def _crossed(first: Half, second: Half) -> Verdict | None:
    """Best Practices: a PURCHASE's event_id may also be the pixel's transaction_id. None where it is not."""
    if (first.side, second.side) != ("browser", "server") or not second.id or second.id != first.order_id:
        return None
    matched = "The pixel's transaction_id equals the API's event_id, which Snap takes for PURCHASE"
    if first.action_source != second.action_source:
        return _two_channels(first, second, matched)
    verdict = _within(first, second, ID_WINDOW, "48 hours", matched, ("transaction_id", "event_id"))
    return verdict if verdict.counted == 1 else replace(verdict, certain=False)  # its window is not published


def _same_order(first: Half, second: Half) -> Verdict:
    orders = _pair(_order_field(first), _order_field(second))
    prices = _pair(_price_field(first), _price_field(second))
    in_app = first.action_source == second.action_source == "app"  # apps: by the transaction id alone
    read = (_order_field,) if in_app else (_order_field, _price_field)
    fields = tuple(dict.fromkeys(name(half) for name in read for half in (first, second)))
    if not in_app:
        if first.value is None or second.value is None:
            poorer = first if first.value is None else second
            lacking = f"the {poorer.side} half has no {_price_field(poorer)}: Snap compares transaction id and price."
            return Verdict(2, False, f"{orders} are equal, but {lacking}", fields)
        if first.value != second.value:
            differing = f"{prices} differ ({first.value:f} and {second.value:f}): two conversions."
            return Verdict(2, True, f"{orders} are equal, but {differing}", fields)
    matched = f"Both are PURCHASE, {orders} are equal" + ("" if in_app else f" and so are {prices}")
    if first.action_source != second.action_source:
        return _two_channels(first, second, matched)
    return _within(first, second, ORDER_WINDOW, "30 days", matched, fields)


def _two_channels(first: Half, second: Half, matched: str) -> Verdict:
    channels = f"one is of {first.action_source}, one of {second.action_source}"
    said = f"{matched}, but {channels}: Snap publishes its rule within each, and it may count twice."
    return Verdict(2, False, said, ("action_source",))


def _within(first: Half, second: Half, window: timedelta, said: str, matched: str, fields: tuple[str, ...]) -> Verdict:
    """Whether two events that match lie within the window, by their own times and by their arrivals."""
    by_event = abs(second.occurred_at - first.occurred_at)
    by_arrival = abs(second.received_at - first.received_at)
    if max(by_event, by_arrival) <= window:
        return Verdict(1, True, f"{matched}, and they are at most {said} apart: {_KEPT}.", fields)
    fields = (*fields, "event_time")
    if min(by_event, by_arrival) > window:
        return Verdict(2, True, f"{matched}, but they are over {said} apart: counted twice.", fields)
    which = "arrived" if by_arrival > window else "happened"
    return Verdict(2, False, f"{matched}, but they {which} over {said} apart: it may be counted twice.", fields)


def _same_device(first: Half, second: Half) -> bool:
    device = first.keys.get(DEVICE_ID)
    apps = first.action_source == second.action_source == "app"
    return apps and device is not None and device == second.keys.get(DEVICE_ID) and first.event == second.event


def _differing_ids(first: Half, second: Half) -> str:
    """Why no id links these two."""
    if not first.id or not second.id:
        nameless = first if not first.id else second
        return f"The {nameless.side} half has no {_id_field(nameless)}"
    ids = _pair(_id_field(first), _id_field(second))
    if first.id.lower() == second.id.lower():
        return f"{ids} differ in upper and lower case, which Snap tells apart"
    return f"{ids} differ"


def _ids(first: Half, second: Half) -> tuple[str, ...]:
    return tuple(dict.fromkeys((_id_field(first), _id_field(second))))


def _id_field(half: Half) -> str:
    return "client_dedup_id" if half.side == "browser" else "event_id"


def _order_field(half: Half) -> str:
    return "transaction_id" if half.side == "browser" else "custom_data.order_id"


def _price_field(half: Half) -> str:
    return "price" if half.side == "browser" else "custom_data.value"


def _pair(one: str, other: str = "") -> str:
    return f"{one} and {other}" if other and one != other else f"both {one}"
