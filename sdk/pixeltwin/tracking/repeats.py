"""A conversion that is reported again: the first report stands, and only what it lacked is taken from the later one."""

from __future__ import annotations

import logging
from dataclasses import replace

from .. import rows
from ..conversion import Conversion
from ..events import Event
from ..logfields import fields
from .losses import Losses

log = logging.getLogger("pixeltwin")


def report_conflict(known: Event, said: Event, losses: Losses) -> None:
    """Count and log it where the later report has another amount or other lines."""
    before, after = known.__dict__, said.__dict__
    changed = [name for name in ("value", "currency", "items") if before.get(name) != after.get(name)]
    if changed:
        losses.count("", "conflict")
        what = " and ".join(changed)
        extra = fields(loss="conflict")
        log.warning("%s was tracked again with another %s; the first report stands", known.type, what, extra=extra)


def report_left_out(known: Conversion, said: Conversion, losses: Losses) -> None:
    """Count and log it where the later report would tell somebody whom the first one left out."""
    left_out = [half for half in ("browser", "server") if getattr(said, half) and not getattr(known, half)]
    if known.platforms is not None and (said.platforms is None or not set(said.platforms) <= set(known.platforms)):
        left_out.append("platforms")
    if left_out:
        losses.count("", "conflict")
        what = " and ".join(f"{one}=" for one in left_out)
        advice = (
            "%s was tracked again, and its first report was narrower (%s): it stands. Track it once for all of them"
        )
        log.warning(advice, known.event.type, what, extra=fields(loss="conflict"))


def report_too_late(said: Conversion, losses: Losses) -> None:
    """Count and log that nobody is told of this report, for the first one was called off or has expired."""
    losses.count("", "tracked_too_late")
    told = "%s was tracked again after it was cancelled or had expired; nobody is told"
    log.warning(told, said.event.type, extra=fields(loss="tracked_too_late", conversion_id=said.id))


def filled(known: Conversion, said: Conversion) -> Conversion:
    """The known conversion, with what its visitor lacked."""
    return replace(
        known,
        visitor=rows.sealed(known).filled_from(rows.sealed(said)),
        source_url=known.source_url or said.source_url,
    )
