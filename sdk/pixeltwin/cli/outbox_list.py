"""`pixeltwin outbox list` and `outbox show ID`: what the outbox holds, and one conversion of it in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..outbox.states import SERVER_MOVES
from . import outbox_tables
from .lookup import shortened, whole_destination, whole_id

if TYPE_CHECKING:
    from ..outbox import DeliveryState
    from ..tracker import Tracker

MOST = 1_000_000  # rows of a list


def list_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("list")
    @click.option("--state", type=click.Choice(sorted(SERVER_MOVES)), help="Only server halves in this state.")
    @click.option("--destination", help="Only those of this destination, or of the pixel of this name.")
    @click.option("--id", "conversion", help="Only this conversion.")
    @click.option(
        "--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many of the newest to list."
    )
    def listed(state: str | None, destination: str | None, conversion: str | None, limit: int) -> None:
        """Counts by destination, and the newest server halves; first the outbox's file, where it is one."""
        ours = tracker()
        console = Console()
        try:
            where = None if destination is None else whole_destination(ours, destination)
            if path := ours.outbox.path:
                console.print(Text(path, style="dim", overflow="fold"))
            console.print("[bold]Server halves by destination")
            console.print(outbox_tables.counts(ours.outbox.counts(), width=console.width))
            rows = ours.outbox.deliveries(state=state, destination=where, id=conversion, limit=limit)
            if rows:
                console.print("[bold]Newest")
                console.print(outbox_tables.halves(rows, ours.clock(), width=console.width))
            else:
                console.print("No conversion to list.")
        finally:
            ours.close()

    return listed


def show_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("show")
    @click.argument("id")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    def show(id: str, as_json: bool) -> None:
        """One conversion as it is stored, without anything of its visitor. `pixeltwin why` explains it.

        ID is the conversion's id, or how it begins (6 characters at least; among the newest).
        """
        ours = tracker()
        try:
            found = whole_id(ours.outbox, id.strip())
            record = _record(ours, found)
        finally:
            ours.close()
        if as_json:
            click.echo(json.dumps(record, indent=2))
        else:
            _print(Console(), record)

    return show


def _record(ours: Tracker, id: str) -> dict[str, Any]:
    """What is known of it, as plain data."""
    from ..rows import restored

    row = ours.outbox.get([id])[-1]  # an order that was called off unpaid may have come again
    halves = [half for half in ours.outbox.deliveries(id=id) if half.seq == row.seq]
    conversion = restored(row)
    fields: dict[str, Any] = {}
    if conversion is not None:
        fields["event"] = conversion.event.type
        fields["happened"] = conversion.occurred_at.isoformat(timespec="seconds")
        if conversion.key is not None:
            fields["natural_key"] = shortened(conversion.key)
        given = conversion.event.__dict__
        fields |= {name: str(given[name]) for name in ("value", "currency") if given.get(name) is not None}
        if given.get("items"):
            fields["items"] = len(given["items"])
        fields["action_source"] = conversion.action_source
        fields["consent"] = conversion.consent.default
    return {
        "id": row.id,
        **fields,
        "held_for": list(row.held),
        "personal_data": "kept" if row.visitor is not None else "erased",
        "server_halves": [_half(half) for half in halves],
    }


def _half(half: DeliveryState) -> dict[str, Any]:
    return {
        "destination": half.destination,
        "state": half.state,
        "reason": half.reason,
        "tries": half.attempts,
        "next_try": None if half.due_at is None else half.due_at.isoformat(timespec="seconds"),
        "since": half.updated_at.isoformat(timespec="seconds"),
        "browser_half": half.browser,
        "browser_half_since": None if half.browser_at is None else half.browser_at.isoformat(timespec="seconds"),
    }


def _print(console: Console, record: dict[str, Any]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        if name not in ("server_halves", "held_for"):
            table.add_row(name.replace("_", " "), Text(str(value)))
    if record["held_for"]:
        table.add_row("held for", Text(", ".join(record["held_for"])))
    console.print(table)
    for half in record["server_halves"]:
        console.print()
        own = Table.grid(padding=(0, 2, 0, 0))
        own.add_column(style="dim", no_wrap=True)
        own.add_column(overflow="fold")
        for name, value in half.items():
            if value is not None and value != "":
                own.add_row(name.replace("_", " "), Text(str(value), style=outbox_tables.COLOURS.get(str(value), "")))
        console.print(own)
