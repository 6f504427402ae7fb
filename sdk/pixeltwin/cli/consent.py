"""`pixeltwin consent export`: the ledger of decisions, for whoever asks for proof."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..tracker import Tracker
    from ..tracking.ledger import Entry


def consent_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.group("consent")
    def consent() -> None:
        """What visitors decided about consent."""

    @consent.command("export")
    @click.option("--who", help="Only the decisions of the visitor with this id.")
    @click.option("--json", "as_json", is_flag=True, help="JSON, one decision a line, instead of CSV.")
    def export(who: str | None, as_json: bool) -> None:
        """Write the ledger of decisions, oldest first: who, when, from which source, and each platform's state.

        A visitor is known by the random id in his cookie pixeltwin_visitor; who never allowed anything is not in here.
        """
        ours = tracker()
        try:
            entries = (entry for entry in ours.ledger.entries() if who in (None, entry.who))
            for line in _json(entries) if as_json else _csv(entries, [platform.name for platform in ours.platforms]):
                click.echo(line)
        finally:
            ours.close()

    return consent


def _json(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        found = {"at": entry.at.isoformat(), "who": entry.who, "source": entry.source, "states": dict(entry.states)}
        yield json.dumps(found)


def _csv(entries: Iterable[Entry], platforms: list[str]) -> Iterator[str]:
    """A column for each platform of today; one that was configured then and is no more is left to the JSON."""
    yield _row(["at", "who", "source", *platforms])
    for entry in entries:
        states = [entry.states.get(name, "") for name in platforms]
        yield _row([entry.at.isoformat(), entry.who, entry.source, *states])


def _row(values: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()
