"""`pixeltwin deliver`: server halves, sent by a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from ..sending.report import Report
    from ..tracker import Tracker


def deliver_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("deliver")
    @click.option("--once", is_flag=True, help="Send what is due and end, for cron; otherwise run until stopped.")
    @click.option("--quiet", is_flag=True, help="Say nothing but errors.")
    def deliver(once: bool, quiet: bool) -> None:
        """Deliver what waits in the outbox. SIGTERM and Ctrl-C end it after the requests in flight."""
        from ..worker import run

        ours = tracker()
        console = Console(quiet=quiet)
        names = ", ".join(platform.name for platform in ours.platforms if platform.sends)
        if not names:
            raise click.ClickException("no platform has an access token, so there is nothing to deliver")
        console.print(f"Delivering to {names}." + ("" if once else " Ctrl-C ends it."))
        if notice := ours.mode.notice(ours.clock()):
            console.print(Text(notice, style="bold"))
        total = run(ours.delivery, once=once, clock=ours.clock, on_report=lambda report: _say(console, report))
        if once and not total:
            console.print("Nothing was due.")
        ours.close()

    return deliver


def _say(console: Console, report: Report) -> None:
    for line in str(report).splitlines():
        console.print(Text(line))
