"""What a pass of delivery did: counts by destination, outcome and reason, and how to say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..outbox.states import ServerState


@dataclass(frozen=True, slots=True)
class Settled:
    """One server half whose state was just stored; handed to `on_outcome`."""

    platform: str
    destination: str
    id: str
    state: ServerState
    reason: str


@dataclass(slots=True)
class DestinationReport:
    """One destination's part: `outcomes` counts (state, reason); `waits_until` says when it may be asked again, if not
    now, and `trouble` why; `warnings` counts what it remarked about events it took, in its own words."""

    platform: str
    destination: str
    requests: int = 0
    outcomes: Counter[tuple[ServerState, str]] = field(default_factory=lambda: Counter[tuple[ServerState, str]]())
    waits_until: datetime | None = None
    trouble: str = ""
    warnings: Counter[str] = field(default_factory=lambda: Counter[str]())

    def total(self, *states: ServerState) -> int:
        """How many ended in one of these states; all that were looked at when none is named."""
        return sum(many for (state, _), many in self.outcomes.items() if not states or state in states)

    def add(self, other: DestinationReport) -> None:
        """Count what a later pass did as well."""
        self.requests += other.requests
        self.outcomes.update(other.outcomes)
        self.warnings.update(other.warnings)
        self.waits_until, self.trouble = other.waits_until, other.trouble

    def __str__(self) -> str:
        by_state: dict[str, list[tuple[str, int]]] = {}
        for (state, reason), many in self.outcomes.most_common():
            by_state.setdefault(state, []).append((reason, many))
        parts = [_counted(state, reasons) for state, reasons in by_state.items()] or ["nothing to do"]
        if self.requests:
            parts.append(f"{self.requests} request{'s' if self.requests > 1 else ''}")
        if self.waits_until:
            why = f" ({self.trouble})" if self.trouble else ""
            parts.append(f"waits until {self.waits_until:%H:%M:%S} UTC{why}")
        return f"{self.platform}: {', '.join(parts)}"


class Report:
    """What one pass did, by platform name. False when it found nothing to do."""

    def __init__(self, destinations: Iterable[DestinationReport] = ()) -> None:
        self.destinations = {one.platform: one for one in destinations}

    def __bool__(self) -> bool:
        return any(one.requests or one.outcomes for one in self.destinations.values())

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.destinations.values()) or "no destination"

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return sum(one.requests for one in self.destinations.values())

    @property
    def delivered(self) -> int:
        """How many server halves a platform said it took."""
        return self.total("delivered")

    def total(self, *states: ServerState) -> int:
        """How many ended in one of these states, at all destinations; all when none is named."""
        return sum(one.total(*states) for one in self.destinations.values())

    def add(self, other: Report) -> None:
        """Count what another pass did as well."""
        for name, one in other.destinations.items():
            self.destinations.setdefault(name, DestinationReport(one.platform, one.destination)).add(one)


def _counted(state: str, reasons: list[tuple[str, int]]) -> str:
    said = "; ".join(f"{reason} ×{many}" if many > 1 else reason for reason, many in reasons[:3] if reason)
    more = "; …" if len(reasons) > 3 else ""
    total = sum(many for _, many in reasons)
    return f"{total} {state} ({said}{more})" if said else f"{total} {state}"
