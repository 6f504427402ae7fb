"""`pixeltwin outbox`: what waits, what went, what was refused and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..outbox.states import SERVER_MOVES

if TYPE_CHECKING:
    from ..outbox import DeliveryState
    from ..tracker import Tracker

_COLOURS = {
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


def outbox_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("outbox")
    @click.option("--state", type=click.Choice(sorted(SERVER_MOVES)), help="Only server halves in this state.")
    @click.option("--id", "conversion", help="Only this conversion.")
    @click.option("--limit", default=20, show_default=True, help="How many of the newest to list.")
    def outbox(state: str | None, conversion: str | None, limit: int) -> None:
        """Show what the outbox holds: counts by destination, and the newest server halves."""
        ours = tracker()
        console = Console()
        console.print(_counts(ours.outbox.counts()))
        rows = ours.outbox.deliveries(state=state, id=conversion, limit=limit)
        if rows:
            console.print(_rows(rows, ours.clock()))
        else:
            console.print("Nothing to list.")
        ours.close()

    return outbox


def _counts(counts: dict[str, dict[str, int]]) -> Table:
    table = Table(title="Server halves by destination", title_justify="left")
    table.add_column("destination")
    states = [state for state in SERVER_MOVES if any(state in row for row in counts.values())]
    for state in states:
        table.add_column(state, justify="right", style=_COLOURS[state])
    for destination, row in sorted(counts.items()):
        table.add_row(destination, *(str(row.get(state, 0)) for state in states))
    return table


def _rows(rows: list[DeliveryState], now: datetime) -> Table:
    table = Table(title="Newest", title_justify="left")
    for name in ("conversion", "event", "destination", "state", "tries", "next try", "browser", "reason"):
        table.add_column(name, overflow="fold" if name == "reason" else "ellipsis")
    for row in rows:
        table.add_row(
            row.id[:12],
            row.event,
            row.destination,
            Text(row.state, style=_COLOURS[row.state]),
            str(row.attempts),
            _until(row.due_at, now),
            row.browser,
            Text(row.reason),  # the platform's words: no markup of ours
        )
    return table


def _until(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    seconds = round((due - now).total_seconds())
    return "now" if seconds <= 0 else f"in {seconds} s"
