"""What an event is called in nobody's vocabulary, read back from a platform's own table."""

from __future__ import annotations

from functools import cache

from ..contract import Platform
from ..dedup import Half


def neutral_name(platform: type[Platform], half: Half) -> str | None:
    """The event's neutral name ("Purchase"), or None where the platform's name could stand for several or for none.

    An event that a platform has no name for travels as a custom one under its neutral name, and is found by that.
    """
    types = _table(platform).get(half.event, ())
    if half.custom_name:
        return half.custom_name if half.custom_name in types else "CustomEvent"
    return types[0] if len(types) == 1 else None


@cache
def _table(platform: type[Platform]) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for neutral, name in platform.event_names.items():
        if name is not None:
            table[name.server] = (*table.get(name.server, ()), neutral)
    return table
