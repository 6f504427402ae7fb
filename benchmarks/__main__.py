"""`python -m benchmarks [--rounds N] [--quick] [--only a,b…]`: measure everything side by side, and write it down."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import plot, report, rounds
from .case import Case, Found, Settings
from .machine import described
from .surroundings import surroundings

CASES = ("track", "contention", "drain", "page", "imports", "weight", "freshness")
RESULTS = Path(__file__).resolve().parent / "results"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often each variant takes its turn (default: 5, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="small amounts, to see that all of it runs: no figures")
    parser.add_argument("--only", default=",".join(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the results")
    given = parser.parse_args()
    given.only = [name for name in given.only.split(",") if name]
    if unknown := set(given.only) - set(CASES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    given.rounds = given.rounds or (1 if given.quick else 5)
    return given


def main() -> None:
    given = arguments()
    console = Console()
    began = time.monotonic()
    with surroundings(quick=given.quick, postgres="drain" in given.only) as settings:
        about = dict(described(Path(settings.folder), rounds=given.rounds))
        cases = {name: (rounds.load(name), found) for name, found in _run(console, given, settings).items()}
    about["took"] = f"{(time.monotonic() - began) / 60:.0f} min"
    if given.quick:
        about["quick"] = "yes: small amounts, which show that all of it runs and no more"
    _show(console, cases)
    for path in _write(given, about, cases):
        console.print(f"written: {path}", soft_wrap=True)


def _write(
    given: argparse.Namespace, about: Mapping[str, str], cases: Mapping[str, tuple[Case, Found]]
) -> Sequence[Path]:
    """The page, the raw figures and the picture. Only a whole run is called "results"."""
    stem = "quick" if given.quick else "results" if tuple(given.only) == CASES else "partial"
    page, raw, picture = (given.out / f"{stem}.{ending}" for ending in ("md", "json", "svg"))
    given.out.mkdir(parents=True, exist_ok=True)
    drawn = plot.draw(picture, cases)
    page.write_text(report.page(about, cases, drawn), encoding="utf-8")
    everything = {"about": about, "cases": {name: rounds.raw(found) for name, (_, found) in cases.items()}}
    raw.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [page, raw, picture] if drawn else [page, raw]


def _run(console: Console, given: argparse.Namespace, settings: Settings) -> Mapping[str, Found]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    found: dict[str, Found] = {}
    with Progress(*columns, console=console) as progress:
        for name in given.only:
            case = rounds.load(name)
            todo = [one for one in case.VARIANTS if not rounds.lacking(one, settings)]
            steps = len(todo) * rounds.how_many(case, given.rounds, quick=given.quick) + hasattr(case, "prepare")
            task = progress.add_task(name, total=steps)

            def note(what: str, task: TaskID = task, name: str = name) -> None:
                progress.update(task, description=f"{name}: {what}", advance=1)

            found[name] = rounds.run(name, given.rounds, settings, note=note)
            progress.update(task, description=name, completed=steps)
    return found


def _show(console: Console, cases: Mapping[str, tuple[Case, Found]]) -> None:
    for case, found in cases.values():
        table = Table("what", "found", "aim", "", title=case.TITLE, title_justify="left", title_style="bold")
        for row in case.rows(found):
            met = {True: "[green]met[/]", False: "[red]not met[/]", None: ""}[row.met]
            table.add_row(row.what, report.said(row), report.aim(row), met)
        console.print(table)
        if found.trouble:
            console.print(f"  what it begins with failed: {found.trouble}", style="yellow", markup=False)
        for name, result in found.results.items():
            for why in [
                result.skipped and f"skipped: {result.skipped}",
                *(f"failed: {one}" for one in result.failures),
            ]:
                if why:
                    console.print(f"  {name}: {why}", style="yellow", markup=False)


if __name__ == "__main__":
    main()
