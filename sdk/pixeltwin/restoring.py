"""An event as the outbox kept it, put back as it was: checked when it was made, it is not checked again.

A worker does this once a delivery; the constructors would take three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from .events import EVENT_TYPES, Event, Item, Travel, from_record
from .fields import Frozen
from .frozen import FrozenDict

Model = TypeVar("Model", bound=Frozen)


def restored(record: Mapping[str, Any]) -> Event:
    """The event that `to_record` was given. What this version does not know, or misses, is an error as in
    `from_record`."""
    kind = EVENT_TYPES.get(record.get("type", ""))
    fields = {name: value for name, value in record.items() if name != "type"}
    if kind is None or not (_required(kind) <= fields.keys() <= _known(kind)):
        return from_record(record)
    return _made(kind, fields)


def _made(kind: type[Model], fields: Mapping[str, Any]) -> Model:
    own = dict(_defaults(kind))
    for name, value in fields.items():
        read = _READERS.get(name)
        own[name] = read(value) if read else value
    made = object.__new__(kind)
    object.__setattr__(made, "__dict__", own)
    object.__setattr__(made, "__pydantic_fields_set__", set(fields))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


def _items(lines: list[dict[str, Any]]) -> tuple[Item, ...]:
    return tuple([_made(Item, line) for line in lines])


def _travel(trip: dict[str, Any]) -> Travel:
    return _made(Travel, trip)


# What JSON has no form for, by the field's name, which means the same in every event. Money is kept as text.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("value", "tax", "shipping", "predicted_ltv", "price"), Decimal),
    **{name: tuple for name, field in Travel.model_fields.items() if field.default == ()},
    "names": FrozenDict[str],
    "items": _items,
    "travel": _travel,
}


@cache
def _defaults(kind: type[Frozen]) -> Mapping[str, Any]:
    return {name: None if field.is_required() else field.default for name, field in kind.model_fields.items()}


@cache
def _known(kind: type[Frozen]) -> frozenset[str]:
    return frozenset(kind.model_fields)


@cache
def _required(kind: type[Frozen]) -> frozenset[str]:
    return frozenset(name for name, field in kind.model_fields.items() if field.is_required())
