"""An event as the outbox kept it, put back as it was: checked when it was made, it is not checked again.

A worker does this for every conversion; the constructors would take three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from .events import EVENT_TYPES, Event, Item, Travel, from_record
from .fields import Frozen
from .frozen import FrozenDict

Model = TypeVar("Model", bound=Frozen)
Reader = Callable[[Any], Any]
_new, _put = object.__new__, object.__setattr__


class _Shape(NamedTuple):
    """What putting back takes that depends on the fields' names alone. `complete`: none is missing, none unknown."""

    defaults: Mapping[str, Any]
    readers: tuple[tuple[str, Reader], ...]
    fields: set[str]
    complete: bool


def restored(record: Mapping[str, Any]) -> Event:
    """The event that `to_record` was given. What this version does not know, or misses, is an error as in
    `from_record`."""
    kind = EVENT_TYPES.get(record.get("type", ""))
    if kind is None:
        return from_record(record)
    shape = _shape(kind, tuple(record))
    return _made(kind, shape, record) if shape.complete else from_record(record)


def _made(kind: type[Model], shape: _Shape, record: Mapping[str, Any]) -> Model:
    defaults, readers, fields, _ = shape
    own = {**defaults, **record}
    for name, read in readers:
        own[name] = read(own[name])
    own.pop("type", None)  # which event it is says its class
    made = _new(kind)
    _put(made, "__dict__", own)
    _put(made, "__pydantic_fields_set__", fields)  # nobody changes it: they are frozen
    _put(made, "__pydantic_extra__", None)
    _put(made, "__pydantic_private__", None)
    return made


def _items(lines: list[dict[str, Any]]) -> tuple[Item, ...]:
    return tuple([_made(Item, _shape(Item, tuple(line)), line) for line in lines])


def _travel(trip: dict[str, Any]) -> Travel:
    return _made(Travel, _shape(Travel, tuple(trip)), trip)


# What JSON has no form for, by the field's name, which means the same in every event. Money is kept as text.
_READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("value", "tax", "shipping", "predicted_ltv", "price"), Decimal),
    **{name: tuple for name, field in Travel.model_fields.items() if field.default == ()},
    "names": FrozenDict[str],
    "items": _items,
    "travel": _travel,
}


@lru_cache(maxsize=1000)  # a site gives few different sets of fields
def _shape(kind: type[Frozen], names: tuple[str, ...]) -> _Shape:
    fields = set(names) - {"type"}
    model = kind.model_fields
    required = {name for name, field in model.items() if field.is_required()}
    return _Shape(
        {name: None if name in required else field.default for name, field in model.items()},
        tuple((name, _READERS[name]) for name in names if name in _READERS),
        fields,
        required <= fields <= model.keys(),
    )
