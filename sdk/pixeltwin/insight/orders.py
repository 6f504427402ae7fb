"""Orders as the shop itself knows them: from a CSV file, or from a function of the site's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, cast

from ..errors import InvalidInput

# How shops' exports call the number and the day; compared without case, blanks and underscores.
NUMBERS = ("orderid", "ordernumber", "order", "number", "name", "id")
DAYS = (
    "at",
    "createdat",
    "orderedat",
    "paidat",
    "date",
    "orderdate",
    "datecreated",
    "created",
    "day",
    "time",
    "timestamp",
)


@dataclass(frozen=True, slots=True)
class Order:
    """`key` is what `Purchase(order_id=…)` was given, `day` the day (UTC) that it is counted under, where known."""

    key: str
    day: date | None = None


def from_csv(lines: Iterable[str], *, number: str | None = None, day: str | None = None) -> Iterator[Order]:
    """The orders of a CSV file with a header, each once. `number` and `day` name the columns where their names do not
    tell. Comma, semicolon and tab are told apart by the header."""
    rows = iter(lines)
    header = next(rows, "").lstrip("\ufeff")
    if not header:
        raise InvalidInput("orders", [("", "the file is empty")])
    delimiter = max(",;\t", key=header.count)
    columns = [column for row in csv.reader([header], delimiter=delimiter) for column in row]
    key_at = _column(columns, number, NUMBERS, "order number")
    if key_at is None:
        raise InvalidInput(
            "orders", [("", f"no column is the order number; name it with --number, of {', '.join(columns) or 'none'}")]
        )
    day_at = _column(columns, day, DAYS, "day")
    seen: set[str] = set()
    for row in csv.reader(rows, delimiter=delimiter):
        key = row[key_at].strip() if key_at < len(row) else ""
        if key and key not in seen:  # a line an item is usual
            seen.add(key)
            yield Order(key, _day(row[day_at]) if day_at is not None and day_at < len(row) else None)


def loaded(found: Iterable[Any]) -> Iterator[Order]:
    """What a loader gives: orders, numbers, (number, time) pairs, or mappings with `order_id` and perhaps `at`."""
    for one in found:
        if isinstance(one, Order):
            yield one
        elif isinstance(one, Mapping):
            said = cast("Mapping[str, Any]", one)
            yield Order(str(said["order_id"]).strip(), _day(said.get("at")))
        elif isinstance(one, tuple):
            key, at = cast("tuple[Any, Any]", one)
            yield Order(str(key).strip(), _day(at))
        else:
            yield Order(str(one).strip())


def _column(columns: Sequence[str], wanted: str | None, usual: Sequence[str], what: str) -> int | None:
    plain = [_plain(one) for one in columns]
    if wanted is not None:
        if _plain(wanted) not in plain:
            raise InvalidInput(
                "orders", [("", f"there is no column {wanted!r} for the {what}; there are {', '.join(columns)}")]
            )
        return plain.index(_plain(wanted))
    return next((plain.index(one) for one in usual if one in plain), None)


def _plain(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalnum())


def _day(value: Any) -> date | None:
    """The day of a date, a time (in UTC where it says its zone), or a text that begins with an ISO 8601 one."""
    if isinstance(value, datetime):
        return (value.astimezone(timezone.utc) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    text = str(value or "").strip().replace("Z", "+00:00")
    try:
        return _day(datetime.fromisoformat(text))
    except ValueError:
        pass
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
