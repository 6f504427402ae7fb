"""`pixeltwin reconcile`: the shop's orders against what became of them, by day and platform."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from ..insight.orders import Order
    from ..insight.reconciliation import Reconciliation
    from ..tracker import Tracker

_UNREADABLE = (
    "the file is not text in UTF-8. Save it so, which Excel calls “CSV UTF-8”, or convert it; from a Western European "
    "Windows with: iconv -f windows-1252 -t utf-8 orders.csv > utf-8.csv"
)
NARROW = 76  # columns below which the shares of a day are one text


def reconcile_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("reconcile")
    @click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
    @click.option("--loader", help="Instead of a file: module:function of yours, which gives the orders.")
    @click.option("--number", help="The column with the order number, where its name does not tell.")
    @click.option("--day", help="The column with the day or time (ISO 8601), where its name does not tell.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    @click.pass_context
    def reconcile(
        ctx: click.Context, file: str | None, loader: str | None, number: str | None, day: str | None, as_json: bool
    ) -> None:
        """Tell of the orders in FILE (CSV; - reads stdin) how many were tracked, shown, fired and accepted, and why the
        others were not. The exit status is 1 when a share has fallen.
        """
        from ..insight.orders import from_csv, loaded
        from ..insight.reconciliation import reconcile as reconciled

        if (file is None) == (loader is None):
            raise click.UsageError("give a CSV file with the orders, or --loader module:function")
        ours = tracker()
        try:
            orders: Iterable[Order]
            orders = loaded(_called(loader)) if loader else from_csv(_lines(file or "-"), number=number, day=day)
            found = reconciled(ours, orders)
        finally:
            ours.close()
        if as_json:
            click.echo(json.dumps(found.to_dict(), indent=2))
        else:
            _print(Console(), found)
        if found.alarms:
            ctx.exit(1)

    return reconcile


def _lines(file: str) -> Iterable[str]:
    """The file's lines: UTF-8 or, where it begins with the mark of it, UTF-16, as spreadsheets write them."""
    with click.open_file(file, "rb") as given:
        raw: bytes = given.read()
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("orders", [("", _UNREADABLE)]) from None
    if "\0" in text:
        raise InvalidInput("orders", [("", _UNREADABLE)])
    return io.StringIO(text, newline="")


def _called(loader: str) -> Iterable[Any]:
    module, _, name = loader.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # where the site's own modules are, as for `flask --app`
    try:
        function: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"--loader: {loader} is no function ({type(error).__name__}); give module:function"
        ) from error
    finally:
        sys.path.pop(0)
    orders: Iterable[Any] = function()
    return orders


def _print(console: Console, found: Reconciliation) -> None:
    from ..insight.reconciliation import CHANNELS, GAPS

    if not found.lines:
        console.print("There are no orders, or no platform has a server half.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    table.add_column("platform", overflow="fold")
    narrow = console.width < NARROW
    if narrow:
        table.add_column("orders", overflow="fold")
    else:
        for name in ("orders", *CHANNELS):
            table.add_column(name, justify="right", overflow="fold")
    day: object = ""
    for line in found.lines:
        shown = "" if line.day == day else str(line.day or "unknown")
        day = line.day
        reached = [f"{getattr(line, channel)} ({line.share(channel):.0%})" for channel in CHANNELS]
        if narrow:
            words = (f"{many} {channel}" for many, channel in zip(reached, CHANNELS, strict=True))
            table.add_row(shown, line.platform, f"{line.orders}: {', '.join(words)}")
        else:
            table.add_row(shown, line.platform, str(line.orders), *reached)
    console.print(table)
    for platform, gaps in found.gaps.items():
        if gaps:
            console.print(Text(platform, style="bold"))
        for gap, many in gaps.most_common():
            said = f"{many} × {gap}: {GAPS[gap.partition(' (')[0]]}"
            console.print(Padding(Text(said), (0, 0, 0, 2)))
    if not any(line.tracked for line in found.lines):
        console.print(
            "None of these orders is known. Is this the number that Purchase(order_id=…) was given? See --number."
        )
    for alarm in found.alarms:
        console.print(Text(f"ALARM {alarm}.", style="bold red"))
