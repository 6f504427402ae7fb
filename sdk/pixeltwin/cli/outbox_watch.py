"""`pixeltwin outbox watch`: the outbox as it changes, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..sending.standing import Standing
from . import outbox_tables, times

if TYPE_CHECKING:
    from ..outbox import DeliveryState, Outbox
    from ..tracker import Tracker

_FAILED = ("refused", "expired", "waiting")
_GATES = {"open": "[green]open", "failing": "[red]failing", "paused": "[bold red]paused"}
_CHROME = 12  # lines that the tables take beside their rows


class Rates:
    """How many a second were delivered between two looks, by destination."""

    def __init__(self) -> None:
        self._before: tuple[float, dict[str, int]] | None = None

    def update(self, counts: Mapping[str, Mapping[str, int]], moment: float) -> dict[str, str]:
        """The rates since the look before; empty at the first. A purge makes counts fall: that is no rate."""
        delivered = {one: states.get("delivered", 0) for one, states in counts.items()}
        before, self._before = self._before, (moment, delivered)
        if before is None or moment <= before[0]:
            return {}
        elapsed = moment - before[0]
        return {one: f"{max(0, many - before[1].get(one, 0)) / elapsed:.1f}/s" for one, many in delivered.items()}


def watch_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("watch")
    @click.option(
        "--every",
        type=click.FloatRange(0.2, 86_400),
        default=2.0,
        show_default=True,
        help="Seconds between two looks.",
    )
    def watch(every: float) -> None:
        """Counts, rates, gates, the oldest that waits and the newest failures, live. Ctrl-C ends it.

        Where the output is no terminal it is printed once.
        """
        ours = tracker()
        console = Console()
        rates = Rates()
        try:
            if not console.is_terminal:
                console.print(_view(ours, console, rates))
                return
            with Live(_view(ours, console, rates), console=console, auto_refresh=False, screen=False) as live:
                while True:
                    time.sleep(every)
                    live.update(_view(ours, console, rates), refresh=True)
        except KeyboardInterrupt:
            pass
        finally:
            ours.close()

    return watch


def _view(ours: Tracker, console: Console, rates: Rates) -> Group:
    now = ours.clock()
    outbox = ours.outbox
    counts = outbox.counts()
    standings = {one: Standing.from_bytes(data) for one, data in outbox.shared().items()}
    columns = {
        "rate": rates.update(counts, time.monotonic()),
        "oldest": {one: times.ago(outbox.oldest(one), now) for one in counts},
        "gate": {one: _gate(standings.get(one), now) for one in counts},
    }
    failures = _failures(outbox, max(3, console.height - _CHROME - len(counts)))
    said = Text(f"{now:%Y-%m-%d %H:%M:%S} UTC  {ours.mode.notice(now)}".rstrip(), style="dim")
    tables: list[RenderableType] = [said, outbox_tables.counts(counts, width=console.width, more=columns)]
    if failures:
        tables += [
            Text("Newest failures", style="bold"),
            outbox_tables.halves(failures, now, width=console.width, cut=True),
        ]
    return Group(*tables)


def _failures(outbox: Outbox, many: int) -> list[DeliveryState]:
    found = [half for state in _FAILED for half in outbox.deliveries(state=state, limit=many)]
    return sorted(found, key=lambda half: half.updated_at, reverse=True)[:many]


def _gate(standing: Standing | None, now: datetime) -> str:
    if standing is None or (standing.heard_at is None and standing.state == "open"):
        return "[dim]not asked yet"
    if standing.state == "open" and not (standing.shut_until and standing.shut_until > now):
        return _GATES["open"]
    return f"{_GATES[standing.state]}, asked again {times.until(standing.shut_until or now, now)}"
