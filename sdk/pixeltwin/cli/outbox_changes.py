"""`pixeltwin outbox retry`, `cancel` and `purge`: what a person may change in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console
from rich.text import Text

from ..outbox.contract import RETRIED, Retried
from . import lookup, persons

if TYPE_CHECKING:
    from ..tracker import Tracker

MANY = 1000  # server halves that are taken up again without asking
_STATES: tuple[Retried, ...] = ("waiting", "refused", "expired")


def retry_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("retry")
    @click.option("--destination", help="Only those of this destination, or of the pixel of this name.")
    @click.option("--id", "ids", multiple=True, help="Only this conversion; may be repeated.")
    @click.option(
        "--state",
        "states",
        type=click.Choice(_STATES),
        multiple=True,
        help=f"Only those in this state; may be repeated. By default {' and '.join(RETRIED)}.",
    )
    @click.option("--yes", is_flag=True, help=f"Do not ask, however many; otherwise more than {MANY} are asked about.")
    def retry(destination: str | None, ids: tuple[str, ...], states: tuple[str, ...], yes: bool) -> None:
        """Take up again what waits or was refused, with the same id and time, and ask paused destinations again.

        Nothing is sent that a platform's maximum age or dedup window forbids: that is looked at when it is sent. What
        has lost its personal data cannot be sent again.
        """
        ours = tracker()
        console = Console()
        try:
            where = None if destination is None else lookup.whole_destination(ours, destination)
            named = [lookup.whole_id(ours.outbox, one.strip()) for one in ids] or None
            wanted = cast("Sequence[Retried]", states or RETRIED)
            many = len(named) if named else _how_many(ours, where, wanted)
            if many > MANY and not yes:
                click.confirm(f"About {many} server halves are taken up again. Go on?", abort=True)
            taken = ours.outbox.retry(now=ours.clock(), destination=where, ids=named, states=wanted)
            console.print(f"{_counted(taken, 'server half', 'server halves')} taken up again.")
            for one in _resume(ours, where):
                console.print(Text(f"{one} is asked again now."))
        finally:
            ours.close()

    return retry


def cancel_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("cancel")
    @click.argument("id")
    @click.option("--reason", default="cancelled by hand", show_default=True, help="What is noted with it.")
    def cancel(id: str, reason: str) -> None:
        """Call one conversion off: what has not gone never will, and its personal data is erased.

        ID is the conversion's id, or how it begins (6 characters at least; among the newest).
        """
        ours = tracker()
        console = Console()
        try:
            found = lookup.whole_id(ours.outbox, id.strip())
            cancelled = ours.outbox.cancel([found], now=ours.clock(), reason=reason)
            console.print("Cancelled." if cancelled else "Nothing of it was left to cancel.")
            for half in ours.outbox.deliveries(id=found):
                console.print(Text(f"{half.destination}: {half.state}"))
        finally:
            ours.close()

    return cancel


def purge_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("purge")
    @click.option(
        "--person",
        "identity",
        metavar="FIELD=VALUE",
        multiple=True,
        help="Cancel all that waits of this person and erase his data, such as email=ada@example.com; may be repeated.",
    )
    def purge(identity: tuple[str, ...]) -> None:
        """Erase now what has outlived its time, and what waits of who took his consent back; a worker does it every
        few minutes. Or all that is kept of a person.

        A person is known by any identity field of a visitor; each given one finds conversions for itself.
        """
        ours = tracker()
        console = Console()
        try:
            if identity:
                person = persons.named(ours, identity)
                found = persons.conversions(ours, person)
                ours.outbox.cancel(found, now=ours.clock(), reason="purged: the person asked for it")
                kept = ours.memory.erase(person)
                told = _counted(len(found), "conversion", "conversions")
                console.print(f"{told} of this person, {kept} kept for a webhook: the data is erased.")
            else:
                console.print(f"{_counted(ours.delivery.purge(ours.clock()), 'row', 'rows')} changed or erased.")
        finally:
            ours.close()

    return purge


def _how_many(ours: Tracker, destination: str | None, states: Sequence[Retried]) -> int:
    counts = ours.outbox.counts()
    chosen = counts.values() if destination is None else [counts.get(destination, {})]
    return sum(row.get(state, 0) for row in chosen for state in states)


def _resume(ours: Tracker, destination: str | None) -> list[str]:
    """Open the gates that are shut for trouble; which they were."""
    from ..sending.standing import Standing

    def resumed(data: bytes | None) -> bytes | None:
        return None if data is None else Standing.from_bytes(data).resumed().to_bytes()

    now = ours.clock()
    known = {one: Standing.from_bytes(data) for one, data in ours.outbox.shared().items() if destination in (None, one)}
    shut = {one: standing.shut_until for one, standing in known.items() if standing.state != "open"}
    asked = [one for one, until in shut.items() if until is not None and until > now]
    for one in asked:
        ours.outbox.share(one, resumed)
    return asked


def _counted(many: int, one: str, more: str) -> str:
    return f"{many} {one if many == 1 else more}"
