"""One record of the ledger: the halves of one conversion on one platform, their judgement, and how both are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ..contract import Platform
from ..emulation import Field
from .arrival import Arrival, Side
from .attempts import Attempt
from .comparison import compare
from .forms import id_form
from .judgement import Judgement, Rule, judge
from .kinship import OTHER, Kinship, Likeness
from .names import neutral_name
from .quality import Carried
from .reading import Reading
from .reasons import doubts, reason, sentence
from .times import timestamp

MOST_ARRIVALS = 20  # kept of one record; of repeats beyond these only the number
MOST_COUNTED = 10  # of one record; the next one that counts by itself begins another
MOST_WARNINGS = 10


@dataclass(slots=True, eq=False)
class Record:
    """`number` is its place among the records, `version` the number of its last change, `lookalike` the record
    of a lone half of the other side that may be the twin, `kin` what two halves that count by themselves have in common
    all the same."""

    number: int
    platform: str
    event: str
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    judgement: Judgement = field(default_factory=Judgement)
    warnings: list[str] = field(default_factory=list[str])
    forgotten: int = 0
    version: int = 0
    lookalike: int | None = None
    kin: Kinship | None = None

    def put(self, arrival: Arrival, rule: Rule, *, instead_of: list[Arrival]) -> None:
        """Take an arrival in, let others go, and judge anew."""
        kept = [one for one in self.arrivals if one not in instead_of]
        self.arrivals = sorted([*kept, arrival], key=lambda one: one.number)
        self.judgement = judge(self.arrivals, rule)
        if len(self.arrivals) > MOST_ARRIVALS:
            self._forget(rule)

    def _forget(self, rule: Rule) -> None:
        shown = {arrival.number for arrival in self.judgement.refused.values()}
        outcomes = self.judgement.outcomes
        for arrival in self.arrivals:
            outcome = outcomes[arrival.number]
            if outcome == "repeat" or (outcome == "refused" and arrival.number not in shown):
                self.arrivals.remove(arrival)
                self.forgotten += outcome == "repeat"
                self.judgement = judge(self.arrivals, rule)
                return

    def warn(self, warnings: tuple[str, ...]) -> None:
        self.warnings = list(dict.fromkeys([*self.warnings, *warnings]))[-MOST_WARNINGS:]

    @property
    def full(self) -> bool:
        return self.judgement.counted >= MOST_COUNTED

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return sum(len(arrival.payload) for arrival in self.arrivals)

    @property
    def lone(self) -> Arrival | None:
        """The one half that is here, where the other is missing and nothing was refused."""
        word = self.judgement.word
        if word not in ("browser only", "server only"):
            return None
        return self.judgement.slots["browser" if word == "browser only" else "server"]

    @property
    def ids(self) -> list[str | None]:
        return [arrival.half.id for arrival in self.arrivals]

    def carried(self, platform: type[Platform]) -> Carried:
        """What the halves that were taken carry of what the platform matches by."""
        first = self.arrivals[0].half
        name = neutral_name(platform, first) or self.event
        halves: dict[Side, Reading] = {side: one.reading for side, one in self.judgement.slots.items()}
        return Carried(self.platform, first.custom_name or name if name == "CustomEvent" else name, halves)

    def view(
        self, platform: type[Platform], lookalike: Likeness | None, lost: Sequence[Attempt] = ()
    ) -> dict[str, Any]:
        """The record as `GET /api/conversions` gives it."""
        judgement = self.judgement
        first = self.arrivals[0].half
        id = next((arrival.half.id for arrival in self.arrivals if arrival.half.id is not None), None)
        return {
            "key": self.number,
            "version": self.version,
            "platform": self.platform,
            "event": self.event,
            "name": neutral_name(platform, first),
            "custom_name": first.custom_name or None,
            "id": id,
            "group": f"unnamed {self.number}" if id is None else id_form(id),
            "verdict": judgement.word,
            "counted": judgement.counted,
            "certain": judgement.certain and (lookalike is None or lookalike.verdict.certain),
            "reason": sentence(reason(platform.title, judgement, lookalike, self.kin)),
            "decided_by": list(lookalike.verdict.fields if lookalike else judgement.fields),
            "twin": self.lookalike if lookalike else None,
            "repeats": judgement.repeats + self.forgotten,
            "warnings": [*doubts(judgement), *self.warnings],
            "seen_at": timestamp(first.received_at),
            "browser": shown(judgement.shown("browser")),
            "server": shown(judgement.shown("server")),
            "again": [shown(one) for one in judgement.counting if one is not judgement.slots.get(one.side)],
            "arrivals": self._steps(lost),
        }

    def compared(self, fields: Sequence[Field], beside: Arrival | None) -> list[dict[str, Any]]:
        """The fields of both halves side by side; `beside` stands in for a half that is missing."""
        there = {side: self.judgement.shown(side) for side in OTHER}
        if beside and there[beside.side] is None:
            there[beside.side] = beside
        browser, server = there["browser"], there["server"]
        payloads = (browser.content() if browser else None, server.content() if server else None)
        return list(compare(fields, browser.half if browser else None, server.half if server else None, payloads))

    def _steps(self, lost: Sequence[Attempt]) -> list[dict[str, Any]]:
        """What arrived and what was lost on its way, in order."""
        steps: dict[int, tuple[datetime, Side, str, str | None]] = {
            one.number: (one.half.received_at, one.side, self.judgement.outcomes[one.number], one.refused)
            for one in self.arrivals
        }
        steps.update({one.number: (one.moment, one.side, "lost", one.fault) for one in lost})
        return [
            {"side": side, "received_at": timestamp(moment), "outcome": outcome, "note": note}
            for _, (moment, side, outcome, note) in sorted(steps.items())
        ]


def shown(arrival: Arrival | None) -> dict[str, Any] | None:
    """A half as the interface gives it."""
    if arrival is None:
        return None
    half = arrival.half
    return {
        "side": half.side,
        "id": half.id,
        "event": half.event,
        "order_id": half.order_id,
        "value": half.value,
        "occurred_at": timestamp(half.occurred_at),
        "received_at": timestamp(half.received_at),
        "account": half.account,
        "action_source": half.action_source,
        "refused": arrival.refused,
        "payload": orjson.Fragment(arrival.payload),
    }
