"""`pixeltwin quality`: how well platforms can recognise visitors, by event, and what would help."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ..insight.quality import Quality
    from ..tracker import Tracker

NARROW = 78  # columns below which the shares of an event are one text
_STYLES = {"good": "green", "fair": "yellow", "poor": "bold red"}


def quality_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("quality")
    @click.option("--days", default=7, show_default=True, type=click.IntRange(1, 35), help="How many days, to today.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    def quality(days: int, as_json: bool) -> None:
        """Tell how many of the conversions each platform took carry what it matches visitors by, and what would help.

        The score is the mean over the signals that the vendor recommends, without click ids: only who comes from an ad
        has one.
        """
        from ..insight.quality import quality_of

        ours = tracker()
        try:
            found = quality_of(ours, days=days)
        finally:
            ours.close()
        if as_json:
            click.echo(json.dumps([one.to_dict() for one in found], indent=2))
            return
        console = Console()
        if not found:
            console.print(f"No platform has taken a conversion in the last {days} days.")
        for platform, own in groupby(found, key=lambda one: one.platform):
            _print(console, platform, list(own))

    return quality


def _print(console: Console, platform: str, found: Sequence[Quality]) -> None:
    from ..insight.scoring import NAMES

    console.print(Text(platform, style="bold"))
    signals = found[0].recommended
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("event", no_wrap=True)
    names = [NAMES.get(one, one.replace("_", " ")) for one in signals]
    narrow = console.width < NARROW
    if narrow:
        table.add_column("taken", overflow="fold")
    else:
        for name in ("taken", "score", *names):
            table.add_column(name, justify="right", overflow="fold")
    for one in found:
        shares = [f"{one.shares[name]:.0%}" for name in signals]
        taken, score = str(one.conversions), _score(one.score)
        if narrow:
            words = (f"{name} {share}" for name, share in zip(names, shares, strict=True))
            table.add_row(one.event, Text.assemble(taken, ", score " if score else "", score, ": ", ", ".join(words)))
        else:
            table.add_row(one.event, taken, score, *shares)
    console.print(table)
    for one in found:
        for sentence in one.advice:
            console.print(Padding(Text(f"{one.event}: {sentence}"), (0, 0, 0, 2)))


def _score(score: int | None) -> Text:
    from ..insight.scoring import rating

    return Text("") if score is None else Text(f"{score}%", style=_STYLES[rating(score)])
