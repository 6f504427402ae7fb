"""`pixeltwin why ID`: the whole life of one conversion, both halves, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..outbox.states import OPEN
from ..sending.standing import Standing
from . import meanings, times
from .lookup import NEWEST, shortened, whole_id

if TYPE_CHECKING:
    from ..contract import Platform
    from ..outbox import DeliveryState, Stored
    from ..tracker import Tracker


def why_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("why")
    @click.argument("id")
    def why(id: str) -> None:
        """Tell the whole life of one conversion: what happened, where both halves are, what that means, what to do.

        ID is the conversion's id, or how it begins (6 characters at least; among the newest).
        """
        ours = tracker()
        console = Console()
        try:
            found = whole_id(ours.outbox, id.strip())
            halves = ours.outbox.deliveries(id=found, limit=NEWEST)
            standings = {one: Standing.from_bytes(data) for one, data in ours.outbox.shared().items()}
            for row in ours.outbox.get([found]):
                own = [half for half in halves if half.seq == row.seq]
                console.print(_event(ours, row, own))
                for half in own:
                    console.print()
                    console.print(_half(ours, half, row, standings.get(half.destination)))
        finally:
            ours.close()

    return why


def _event(ours: Tracker, row: Stored, halves: Sequence[DeliveryState]) -> Table:
    from ..rows import restored

    conversion = restored(row)
    now = ours.clock()
    event = halves[0].event if halves else conversion.event.type if conversion else "a conversion"
    happened = halves[0].occurred_at if halves else conversion.occurred_at if conversion else None
    table = _grid()
    table.add_row("event", Text(event, style="bold"))
    table.add_row("id", Text(row.id))
    if conversion and conversion.key is not None:
        table.add_row("natural key", Text(shortened(conversion.key)))
    if happened:
        table.add_row("happened", times.at(happened, now))
    if row.record is None:
        table.add_row("kept", "only that it was; what it was and whose is erased")
    elif row.visitor is None:
        table.add_row("kept", "without its personal data, which is erased")
    if not halves:
        table.add_row("server", "it has no server half: no pixel had an access token when it was tracked")
    return table


def _half(ours: Tracker, half: DeliveryState, row: Stored, standing: Standing | None) -> Table:
    now = ours.clock()
    platform = next((one for one in ours.platforms if one.sends and one.destination == half.destination), None)
    sends = ours.mode.sends(now)
    meaning = meanings.server(half, platform, held=row.held, sends=sends, erased=row.visitor is None)
    table = _grid()
    table.add_row("to", Text(half.destination, style="bold"))
    table.add_row("server", Text(", ".join(_server(half, now))))
    if half.reason:
        table.add_row("reason", Text(half.reason))  # may be the platform's words: no markup of ours
    table.add_row("that is", Text(meaning))
    if standing and standing.state != "open" and half.state in OPEN:
        table.add_row("platform", Text(_trouble(standing, now)))
    table.add_row("browser", Text(_browser(half, platform, row, now)))
    return table


def _browser(half: DeliveryState, platform: Platform | None, row: Stored, now: datetime) -> str:
    from ..pages.telling import browser_half
    from ..rows import restored

    if platform and not platform.browser:
        return f"{half.browser}: switched off (browser=False)"
    conversion = restored(row)
    if half.browser == "offered" and platform and conversion and not browser_half(platform, conversion):
        return "none: a page has shown other pixels, and was not to show this one"  # the row says it for all of them
    at = "" if half.browser_at is None else f" ({times.at(half.browser_at, now)})"
    return f"{half.browser}: {meanings.BROWSER[half.browser]}{at}"


def _server(half: DeliveryState, now: datetime) -> Iterator[str]:
    yield half.state
    yield "1 try" if half.attempts == 1 else f"{half.attempts} tries"
    if half.due_at is not None and half.state in ("pending", "waiting"):
        yield f"next try {times.until(half.due_at, now)}"
    elif half.due_at is not None and half.state == "claimed":
        yield f"leased, free again {times.until(half.due_at, now)}"
    yield f"since {times.at(half.updated_at, now)}"


def _trouble(standing: Standing, now: datetime) -> str:
    """Why nothing goes there at the moment."""
    since = f" since {times.at(standing.since, now)}" if standing.since else ""
    again = times.until(standing.shut_until or now, now)
    return f"{standing.state}{since}, asked again {again}: {standing.reason or 'it did not say why'}"


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=11)
    table.add_column(overflow="fold")
    return table
