"""`pixeltwin health`: which platforms take what is sent, and where not, why and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import times

if TYPE_CHECKING:
    from ..insight.health import Health, PlatformHealth
    from ..tracker import Tracker

NARROW = 72  # columns below which the oldest and the last taken are left out
_COLOURS = {"healthy": "green", "unhealthy": "bold red", "unknown": "yellow", "off": "dim"}


def health_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("health")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    @click.pass_context
    def health(ctx: click.Context, as_json: bool) -> None:
        """Tell of each platform whether it is healthy, since when, and where not, why and what to do.

        It reads what all workers left in the outbox, tries whether that can be written, and asks nobody else. The exit
        status is 1 when anything is unhealthy.
        """
        ours = tracker()
        try:
            found = ours.health()
        finally:
            ours.close()
        if as_json:
            click.echo(json.dumps(found.to_dict(), indent=2))
        else:
            _print(Console(), found)
        if found.status == "unhealthy":
            ctx.exit(1)

    return health


def _print(console: Console, found: Health) -> None:
    console.print(Text.assemble("The site is ", (found.status, _COLOURS[found.status]), "."))
    for said in (found.outbox, found.mode):
        if said:
            console.print(Text(said, style="bold"))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    narrow = console.width < NARROW
    table.add_column("platform", overflow="fold")
    for name in ("status", "since", "waiting", *(() if narrow else ("oldest", "took one", "blocked"))):
        table.add_column(name, justify="right" if name == "waiting" else "left", no_wrap=True)
    for one in found.platforms:
        status = one.finding.status
        table.add_row(
            Text(one.platform),
            Text(status, style=_COLOURS[status]),
            times.ago(one.finding.since, found.at),
            str(one.waiting),
            *(() if narrow else (_age(one, found), times.ago(one.took_at, found.at) or "never", _blocked(one))),
        )
    if found.platforms:
        console.print(table)
    for one in found.platforms:
        _explain(console, one)


def _age(one: PlatformHealth, found: Health) -> str:
    return "" if one.oldest is None else times.span(max(found.at - one.oldest, timedelta()))


def _blocked(one: PlatformHealth) -> str:
    """The share of pixels that did not fire, of the newest purchases of which a page said anything."""
    share = one.pixels.blocked_share
    return "" if share is None else f"{share:.0%} of {one.pixels.fired + one.pixels.blocked}"


def _explain(console: Console, one: PlatformHealth) -> None:
    finding = one.finding
    said = [finding.why, finding.do] if finding.status != "healthy" else []
    sentences = [sentence for sentence in (*said, *one.remarks) if sentence]
    if sentences:
        console.print(Text(one.platform, style="bold"))
    for sentence in sentences:
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))
