"""Events, visitors and apps typed by hand: words such as `value=59.90`, with the near matches of a wrong one.

A value that begins with `{` or `[` is JSON. An item is `ID`, `ID:PRICE` or `ID:PRICExQUANTITY`, or JSON.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

import click

from ..app import App
from ..config import truth
from ..errors import letters, nearest
from ..events import EVENT_TYPES, Event, Item
from ..visitor import IDENTITY_FIELDS, Visitor

_ITEM = re.compile(r"(?P<id>.+):(?P<price>[0-9]+(?:\.[0-9]+)?)?(?:x(?P<quantity>[0-9]{1,7}))?")
_SCREEN = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_ITEMS = ("item", "items")
_SIGNALS = ("click_ids", "browser_ids")


def event(kind: str, words: Iterable[str], names: Iterable[str]) -> Event:
    """`--event Purchase order_id=1001 value=59.90 item=sku-1:29.95x2`; `names` are words such as `PLATFORM=NAME`."""
    cls = EVENT_TYPES[as_known(kind, EVENT_TYPES, "event")]
    known = [name for name in cls.model_fields if name != "names"]
    fields: dict[str, Any] = {}
    for name, value in pairs(words):
        if name in _ITEMS and "items" in known:
            parsed = _json(value)
            many: list[Any] = parsed if isinstance(parsed, list) else [parsed or value]
            fields.setdefault("items", []).extend(map(_item, many))
            continue
        field = as_known(name, known, f"field of {cls.__name__}")
        if field in fields:
            raise click.UsageError(f"{field} is given twice")
        parsed = _json(value)
        fields[field] = value if parsed is None else parsed
    return cls(**fields, names=dict(pairs(names)))


def visitor(words: Iterable[str], region: str | None) -> Visitor:
    """`email=… ip_address=… click_ids.PLATFORM=… screen=1920x1080`; an identity field may come more than once."""
    fields: dict[str, Any] = {"phone_region": region}
    for name, value in pairs(words):
        field, _, pixel = name.partition(".")
        field = as_known(field, Visitor.model_fields, "field of Visitor")
        if field in _SIGNALS:
            if not pixel:
                raise click.UsageError(f"say whose: {field}.PLATFORM={value}")
            fields.setdefault(field, {})[pixel] = value
        elif field in IDENTITY_FIELDS:
            fields.setdefault(field, []).append(value)
        elif field == "screen":
            size = _SCREEN.fullmatch(value)
            if not size:
                raise click.UsageError("screen: give width and height in pixels, such as screen=1920x1080")
            fields[field] = (int(size[1]), int(size[2]))
        else:
            fields[field] = value
    return Visitor(**fields)


def app(words: Iterable[str]) -> App | None:
    """`platform=ios id=1234567890 os_version=19.1 tracking_allowed=yes`; None when nothing is given."""
    known = {field.name: field for field in dataclasses.fields(App) if field.name != "device"}
    given = {as_known(name, known, "field of App"): value for name, value in pairs(words)}
    if not given:
        return None
    missing = {"platform", "id"} - set(given)
    if missing:
        raise click.UsageError(f"an app needs {' and '.join(sorted(missing))}: --app platform=ios --app id=1234567890")
    fields: dict[str, Any] = dict(given)
    if "tracking_allowed" in fields:
        fields["tracking_allowed"] = truth(fields["tracking_allowed"], "tracking_allowed")
    return App(**fields)


def as_known(name: str, known: Collection[str], what: str) -> str:
    """`name` as it is known, whatever its case; else an error with the near matches."""
    for one in known:
        if letters(one) == letters(name):
            return one
    near = nearest(name, known)
    advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise click.UsageError(f"there is no {what} called {name!r}; {advice}")


def pairs(words: Iterable[str]) -> list[tuple[str, str]]:
    """`NAME=VALUE` words, split."""
    found: list[tuple[str, str]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"write NAME=VALUE instead of {name[:40]!r}")
        found.append((name.strip(), value))
    return found


def _json(value: str) -> dict[str, Any] | list[Any] | None:
    """The value of a word that is JSON; None for any other."""
    if not value.startswith(("{", "[")):
        return None
    try:
        parsed: dict[str, Any] | list[Any] = json.loads(value, parse_float=Decimal)
    except ValueError:
        raise click.UsageError("a value that begins with { or [ must be JSON; this one is not") from None
    return parsed


def _item(given: Any) -> Item:
    if isinstance(given, Mapping):
        return Item(**cast("Mapping[str, Any]", given))
    parts = _ITEM.fullmatch(str(given))
    if not parts:
        return Item(id=given)
    return Item(id=parts["id"], price=parts["price"], quantity=int(parts["quantity"] or 1))
