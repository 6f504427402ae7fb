"""What a case of the benchmarks is made of: its variants, what was found of each, and the rows of its table.

A case is a module with `TITLE`, `VARIANTS`, `measure(variant, settings)`, which runs in a fresh process and gives
figures by name, and `rows(found)`. `REPEAT` multiplies its rounds, `ONCE` makes do with one. `prepare(settings)` is run
once before the first round, in a process of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Variant:
    """One of the things that take turns. `needs`: the modules it cannot do without. `needs_postgres`: a server too."""

    name: str
    label: str
    needs: tuple[str, ...] = ()
    needs_postgres: bool = False


@dataclass(frozen=True)
class Settings:
    """What a measurement is told. `folder` is its own, empty and on disk; `shared` holds what `prepare` made."""

    quick: bool
    folder: str
    shared: str
    prompt: str  # a sink that answers at once
    slow: str  # one that answers after 100 ms
    hangs: str  # one that never answers
    postgres: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def pick(self, full: int, quick: int) -> int:
        """How many, in a full or in a quick run."""
        return quick if self.quick else full


@dataclass
class Results:
    """What the rounds of a variant gave, or why there is nothing."""

    rounds: list[dict[str, float]] = field(default_factory=lambda: list[dict[str, float]]())
    skipped: str = ""
    failures: list[str] = field(default_factory=lambda: list[str]())

    def median(self, figure: str) -> float | None:
        """The median over the rounds; None where no round has it."""
        values = [one[figure] for one in self.rounds if figure in one]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Aim:
    """What a figure should be."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_most(limit: float) -> Aim:
    return Aim(limit)


def at_least(limit: float) -> Aim:
    return Aim(limit, at_least=True)


@dataclass(frozen=True)
class Row:
    """One line of the table. Without a `value` it was not measured. `unit` "×" is a ratio of two medians."""

    what: str
    value: float | None
    unit: str = "×"
    aim: Aim | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.aim is None or self.value is None else self.aim.is_met(self.value)


@dataclass(frozen=True)
class Found:
    """The results of a case, by variant. `trouble`: why what it begins with could not be made."""

    results: Mapping[str, Results]
    trouble: str = ""

    def get(self, variant: str, figure: str) -> float | None:
        return self.results[variant].median(figure)

    def figure(self, what: str, variant: str, figure: str, unit: str, aim: Aim | None = None, detail: str = "") -> Row:
        """A row of one figure as it is."""
        return Row(what, self.get(variant, figure), unit, aim, detail)

    def ratio(
        self, what: str, ours: str, theirs: str, figure: str, aim: Aim | None = None, *, unit: str, of: str = ""
    ) -> Row:
        """A row of the ratio of two variants' figures; `of` names the second one's where it is another."""
        first, second = self.get(ours, figure), self.get(theirs, of or figure)
        if first is None or not second:
            return Row(what, None, aim=aim)
        return Row(what, first / second, "×", aim, f"{shown(first)} against {shown(second)} {unit}")


class Case(Protocol):
    """A module that is a case."""

    TITLE: str
    VARIANTS: Sequence[Variant]
    measure: Callable[[str, Settings], Figures]
    rows: Callable[[Found], list[Row]]


def shown(value: float) -> str:
    """A number as people read it: three digits that count, thousands apart."""
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
