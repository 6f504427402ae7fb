"""The tables that the outbox commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ..outbox.states import SERVER_MOVES
from . import times

if TYPE_CHECKING:
    from ..outbox import DeliveryState

WIDE = 110  # columns of a terminal that has room for everything
SLIM = 66  # columns below which there is no room for a table
COLOURS: Mapping[str, str] = {
    "delivered": "green",
    "pending": "cyan",
    "claimed": "cyan",
    "held": "blue",
    "waiting": "yellow",
    "refused": "red",
    "expired": "red",
    "suppressed": "dim",
    "cancelled": "dim",
}
_USUAL = ("pending", "delivered")


def counts(
    counted: Mapping[str, Mapping[str, int]], *, width: int, more: Mapping[str, Mapping[str, str]] | None = None
) -> Table:
    """How many server halves are in which state, by destination; `more`: further columns, by name and destination, with
    rich's markup. On a narrow terminal each destination's are one text."""
    states = [state for state in SERVER_MOVES if state in _USUAL or any(row.get(state) for row in counted.values())]
    further = more or {}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("destination", overflow="fold", ratio=1 if width < WIDE else None)
    if width < WIDE:
        table.add_column("server halves", overflow="fold", ratio=2)
        for destination, row in sorted(counted.items()):
            table.add_row(
                destination, _in_words(row, states, {name: by.get(destination) for name, by in further.items()})
            )
        return table
    for state in states:
        table.add_column(state, justify="right", style=COLOURS[state], no_wrap=True)
    for name in further:
        table.add_column(name, overflow="fold")
    for destination, row in sorted(counted.items()):
        cells = [Text.from_markup(by.get(destination, "")) for by in further.values()]
        table.add_row(destination, *(str(row.get(state, 0)) for state in states), *cells)
    return table


def _in_words(row: Mapping[str, int], states: Sequence[str], more: Mapping[str, str | None]) -> Text:
    parts = [Text(f"{row[state]} {state}", style=COLOURS[state]) for state in states if row.get(state)]
    parts += [Text.from_markup(f"{name} {said}") for name, said in more.items() if said]
    return Text(", ").join(parts or [Text("none", style="dim")])


def halves(rows: Sequence[DeliveryState], now: datetime, *, width: int, cut: bool = False) -> Table:
    """The server halves; on a narrow terminal without the tries and the browser half, on a slim one as sentences.
    `cut`: a line each, however long the reason."""
    if width < SLIM:
        return _sentences(rows, now)
    narrow = width < WIDE
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("id", "event", "destination", "state"):
        table.add_column(name, no_wrap=True)
    for name in () if narrow else ("tries", "browser"):
        table.add_column(name, no_wrap=True)
    table.add_column("next try", no_wrap=True)
    table.add_column("reason", overflow="ellipsis" if cut else "fold", no_wrap=cut, ratio=1)
    for row in rows:
        more = () if narrow else (str(row.attempts), row.browser)
        table.add_row(
            Text(row.id[:8]),
            Text(row.event),
            Text(row.destination[: 16 if narrow else 24]),
            Text(row.state, style=COLOURS[row.state]),
            *more,
            "" if row.due_at is None else times.until(row.due_at, now),
            Text(row.reason),  # the platform's words: no markup of ours
        )
    return table


def _sentences(rows: Sequence[DeliveryState], now: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("server half", overflow="fold")
    for row in rows:
        due = "" if row.due_at is None else f", next try {times.until(row.due_at, now)}"
        reason = f": {row.reason}" if row.reason else ""
        state = Text(row.state, style=COLOURS[row.state])
        table.add_row(Text(row.id[:8]), Text.assemble(f"{row.event} to {row.destination} ", state, due, reason))
    return table
