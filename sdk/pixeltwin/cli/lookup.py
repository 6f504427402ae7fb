"""Finding a conversion or a destination by what a person types of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..outbox.contract import KEEP_KEYED, KEEP_OTHERS
from ..printable import printable

if TYPE_CHECKING:
    from ..outbox import Outbox
    from ..tracker import Tracker

SHORTEST = 6  # characters that begin an id
NEWEST = 10_000  # server halves among which an id is looked for by its beginning
_LISTED = 10  # ids of an ambiguous beginning
_OPEN_KEY = 12  # characters of a natural key that is shown whole


def whole_id(outbox: Outbox, given: str) -> str:
    """The id that this is, or that begins so."""
    if outbox.get([given]):
        return given
    if len(given) < SHORTEST:
        raise click.ClickException(f"no conversion has the id {given!r}; give {SHORTEST} characters of it at least")
    newest = outbox.deliveries(limit=NEWEST)
    ids = list(dict.fromkeys(half.id for half in newest if half.id.startswith(given)))
    if len(ids) > 1:
        listed = "\n".join(f"  {one}" for one in ids[:_LISTED]) + ("\n  …" if len(ids) > _LISTED else "")
        raise click.ClickException(f"{len(ids)} conversions begin with {given!r}; give more of the id:\n{listed}")
    if not ids:
        raise click.ClickException(
            f"no conversion has the id {given!r}, and none of the newest begins so. `pixeltwin outbox` lists some. "
            f"Conversions are forgotten {KEEP_KEYED.days} days after they were tracked, those without a natural key "
            f"after {KEEP_OTHERS.days}"
        )
    return ids[0]


def whole_destination(tracker: Tracker, given: str) -> str:
    """The destination that this is, or that the pixel of this name sends to."""
    known = {one.name: one.destination for one in tracker.platforms if one.sends}
    if given in known:
        return known[given]
    stored = {*known.values(), *tracker.outbox.counts()}
    if given not in stored:
        raise click.ClickException(f"no destination is called {given!r}; there are {', '.join(sorted(stored))}")
    return given


def shortened(key: str) -> str:
    """A natural key, enough to know it again; an address is nobody's business."""
    key = printable(key)
    if "@" in key:
        return "an e-mail address, not shown"
    return key if len(key) <= _OPEN_KEY else f"{key[:4]}…{key[-4:]}"
