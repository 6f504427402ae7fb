"""How often a platform counts the halves of one record, and why: its published rule, asked as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..dedup import Half, Verdict
from .arrival import Arrival, Side

Rule = Callable[[Half, Half], Verdict]
Word = Literal["merged", "counted twice", "browser only", "server only", "rejected"]
Outcome = Literal["counted", "merged", "repeat", "refused"]


@dataclass(slots=True)
class Judgement:
    """`counting` are the arrivals that count by themselves; `slots` the half shown for each side; `taken` all that
    were not refused; `repeats` how many further ones were taken for one of them; `reason` the rule's own sentence,
    where it was asked, and `fields` what it decided by."""

    counting: list[Arrival] = field(default_factory=list[Arrival])
    slots: dict[Side, Arrival] = field(default_factory=dict[Side, Arrival])
    refused: dict[Side, Arrival] = field(default_factory=dict[Side, Arrival])
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    taken: list[Arrival] = field(default_factory=list[Arrival])
    repeats: int = 0
    certain: bool = True
    reason: str = ""
    fields: tuple[str, ...] = ()

    @property
    def counted(self) -> int:
        return len(self.counting)

    @property
    def word(self) -> Word:
        if self.counted > 1:
            return "counted twice"
        if any(side not in self.slots for side in self.refused):
            return "rejected"
        if len(self.slots) == 2:
            return "merged"
        return "browser only" if "browser" in self.slots else "server only"

    def shown(self, side: Side) -> Arrival | None:
        """The half to show for a side: the one that was taken, else the one that was refused."""
        return self.slots.get(side) or self.refused.get(side)


def ask(rule: Rule, one: Half, other: Half) -> Verdict:
    """The rule's verdict, with the half that was received first in front."""
    return rule(one, other) if one.received_at <= other.received_at else rule(other, one)


def judge(arrivals: Sequence[Arrival], rule: Rule) -> Judgement:
    """The judgement on these arrivals, which belong together, in their order."""
    judgement = Judgement()
    for arrival in arrivals:
        if arrival.refused is not None:
            judgement.refused[arrival.side] = arrival
            judgement.outcomes[arrival.number] = "refused"
        else:
            _take(judgement, arrival, rule)
    return judgement


def _take(judgement: Judgement, arrival: Arrival, rule: Rule) -> None:
    judgement.taken.append(arrival)
    # Asked of the other side first: a half that is one with it is its twin, before it is anybody's repeat.
    asked = sorted(judgement.counting, key=lambda counted: counted.side == arrival.side)
    verdicts = [ask(rule, counted.half, arrival.half) for counted in asked]
    same = next((verdict for verdict in verdicts if verdict.counted == 1), None)
    if same:
        judgement.certain = judgement.certain and same.certain
        first = arrival.side not in judgement.slots
        judgement.outcomes[arrival.number] = "merged" if first else "repeat"
        judgement.repeats += not first
        if first and judgement.counted == 1:
            judgement.reason, judgement.fields = same.reason, same.fields
    else:
        judgement.counting.append(arrival)
        judgement.outcomes[arrival.number] = "counted"
        if verdicts:
            judgement.certain = judgement.certain and all(verdict.certain for verdict in verdicts)
            said = next((verdict for verdict in verdicts if not verdict.certain), verdicts[0])
            judgement.reason, judgement.fields = said.reason, said.fields
    judgement.slots.setdefault(arrival.side, arrival)
