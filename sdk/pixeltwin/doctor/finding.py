"""What the doctor finds: one frozen value a finding, in the order in which people read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["fault", "warning", "note", "ok"]
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note", "ok")  # worst first


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, `why` it matters, `do` how to mend it: sentences. `check` is the word it is listed under,
    `platform` the name of the one it is about, if any.

    fault     conversions are lost, refused or counted twice while this stands
    warning   it may cost some, or will one day
    note      good to know
    ok        looked at, and well
    """

    check: str
    severity: Severity
    what: str
    why: str = ""
    do: str = ""
    platform: str = ""

    def to_dict(self) -> dict[str, str]:
        """As plain JSON values."""
        said = {"check": self.check, "severity": self.severity, "platform": self.platform}
        return {**said, "what": self.what, "why": self.why, "do": self.do}


def worst(findings: Iterable[Finding]) -> Severity:
    """The worst severity; "ok" where there is no finding."""
    return SEVERITIES[min((SEVERITIES.index(one.severity) for one in findings), default=-1)]
