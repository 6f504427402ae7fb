"""Halves that were meant as twins: found among the records, pointed out to each other, and explained."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice

from ..contract import Platform
from .arrival import Arrival, Side
from .bell import Bell
from .judgement import ask
from .kinship import OTHER, SURE, Kinship, Likeness, kinship
from .reading import Wire
from .record import Record

MOST_LIKELY = 32  # records that have an identifier in common, among which the twin is looked for
LATEST = 8  # lone halves of a side among which it is looked for by time, value and visitor


class Twins:
    """Over the ledger's own `records`, whose lock guards it."""

    def __init__(
        self,
        platforms: Mapping[str, type[Platform]],
        wires: Mapping[str, Wire],
        records: Mapping[int, Record],
        bell: Bell,
    ) -> None:
        self._platforms = platforms
        self._wires = wires
        self._records = records
        self._bell = bell
        self._latest: dict[tuple[str, Side], deque[int]] = {}

    def kinship(self, platform: str, one: Arrival, other: Arrival) -> Kinship | None:
        """What two halves of a platform have in common."""
        return kinship(self._platforms[platform].title, self._wires[platform].fields, one, other)

    def surely(self, record: Record, arrival: Arrival) -> bool:
        """Whether the other side, alone so far, was meant as this half's twin beyond doubt."""
        if arrival.refused is not None or record.lone is None or record.lone.side == arrival.side:
            return False
        kin = self.kinship(record.platform, arrival, record.lone)
        return kin is not None and kin.strength >= SURE

    def link(self, record: Record, arrival: Arrival, candidates: Iterable[Record]) -> None:
        """Find the lone half of the other side that has most in common with this one, and let both point at it."""
        numbers = dict.fromkeys(self._latest.get((record.platform, OTHER[arrival.side]), ()))
        numbers.update((one.number, None) for one in islice(candidates, MOST_LIKELY))
        best = (0, 0)
        for number in numbers:
            other = self._records.get(number)
            lone = other.lone if other else None
            if lone and lone.side != arrival.side:
                kin = self.kinship(record.platform, arrival, lone)
                best = max(best, (kin.strength, number) if kin else best)
        if best[0]:
            other = self._records[best[1]]
            record.lookalike, other.lookalike = other.number, record.number
            other.version = self._bell.ring()
        self._latest.setdefault((record.platform, arrival.side), deque(maxlen=LATEST)).append(record.number)

    def beside(self, record: Record) -> Arrival | None:
        """The half that may be the twin of a record's lone one."""
        other = self._records.get(record.lookalike or 0)
        return other.lone if other and record.lone else None

    def likeness(self, record: Record) -> Likeness | None:
        """What a lone half has in common with the one that may be its twin, and why the two are not one."""
        lone, other = record.lone, self.beside(record)
        if lone is None or other is None:
            return None
        kin = self.kinship(record.platform, lone, other)
        rule = self._platforms[record.platform].dedup
        return Likeness(kin, ask(rule, lone.half, other.half)) if kin else None

    def explain(self, record: Record) -> None:
        """Say of halves that share a record, and count by themselves, what more than the rule's reason is known."""
        slots = record.judgement.slots
        record.kin = None
        if record.judgement.counted > 1 and len(slots) == 2:
            kin = self.kinship(record.platform, slots["browser"], slots["server"])
            record.kin = kin if kin and kin.strength > SURE else None

    def part(self, record: Record) -> None:
        """Point nobody any more to a half that is alone no more."""
        other = self._records.get(record.lookalike or 0)
        if other and record.lone is None:
            record.lookalike = other.lookalike = None
            other.version = self._bell.ring()
