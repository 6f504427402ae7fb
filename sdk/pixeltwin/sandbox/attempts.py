"""Halves that were on their way and lost to a fault: they count nothing, and belong to a conversion's life all the
same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..dedup import Half
from .arrival import Side
from .forms import id_form

MOST = 2_000  # conversions whose lost halves are remembered
MOST_EACH = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """A half that did not arrive, its number among those that did, when, and what it was lost to."""

    number: int
    side: Side
    event: str
    moment: datetime
    fault: str


class Attempts:
    """By platform and id, the newest conversions only. The ledger's lock guards it."""

    def __init__(self) -> None:
        self._lost: OrderedDict[tuple[str, str], list[Attempt]] = OrderedDict()

    def add(self, platform: str, number: int, half: Half, fault: str) -> None:
        if half.id is None:
            return
        key = (platform, id_form(half.id))
        mine = self._lost.setdefault(key, [])
        self._lost.move_to_end(key)
        mine.append(Attempt(number, half.side, half.event, half.received_at, fault))
        del mine[:-MOST_EACH]
        if len(self._lost) > MOST:
            self._lost.popitem(last=False)

    def of(self, platform: str, event: str, ids: Iterable[str | None]) -> list[Attempt]:
        """Those of an event under any of these ids."""
        forms = dict.fromkeys(id_form(id) for id in ids if id is not None)
        return [one for form in forms for one in self._lost.get((platform, form), ()) if one.event == event]
