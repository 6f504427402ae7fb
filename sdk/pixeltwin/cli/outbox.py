"""`pixeltwin outbox`: what waits, what went, what was refused and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..outbox.states import SERVER_MOVES

if TYPE_CHECKING:
    from ..outbox import DeliveryState
    from ..tracker import Tracker

WIDE = 110  # columns of a terminal that has room for everything
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
        console.print("[bold]Server halves by destination")
        console.print(_counts(ours.outbox.counts()))
        rows = ours.outbox.deliveries(state=state, id=conversion, limit=limit)
        if rows:
            console.print("[bold]Newest")
            console.print(_rows(rows, ours.clock(), narrow=console.width < WIDE))
        else:
            console.print("No conversion to list.")
        ours.close()

    return outbox


def _counts(counts: dict[str, dict[str, int]]) -> Table:
    table = Table()
    table.add_column("destination")
    usual = ("pending", "delivered")
    states = [state for state in SERVER_MOVES if state in usual or any(state in row for row in counts.values())]
    for state in states:
        table.add_column(state, justify="right", style=_COLOURS[state])
    for destination, row in sorted(counts.items()):
        table.add_row(destination, *(str(row.get(state, 0)) for state in states))
    return table


def _rows(rows: list[DeliveryState], now: datetime, *, narrow: bool) -> Table:
    """The server halves; on a narrow terminal without the tries and the browser half."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("id", "event", "destination", "state"):
        table.add_column(name, no_wrap=True)
    for name in () if narrow else ("tries", "browser"):
        table.add_column(name, no_wrap=True)
    table.add_column("next try", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for row in rows:
        more = () if narrow else (str(row.attempts), row.browser)
        table.add_row(
            row.id[:8],
            row.event,
            row.destination[:24],
            Text(row.state, style=_COLOURS[row.state]),
            *more,
            _until(row.due_at, now),
            Text(row.reason),  # the platform's words: no markup of ours
        )
    return table


def _until(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    seconds = round((due - now).total_seconds())
    return "now" if seconds <= 0 else f"in {seconds} s"
