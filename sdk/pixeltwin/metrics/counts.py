"""What is counted as it happens: names, labels, and how the signals of one tracker reach the counters of a library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import signals
from ..reasons import code, loss_code

if TYPE_CHECKING:
    from ..conversion import Conversion
    from ..sending.report import Settled
    from ..tracker import Tracker


@dataclass(frozen=True, slots=True)
class Count:
    """A counter: its name without prefix, unit and suffix, and the labels that each of its values has."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...]


CONVERSIONS = Count("conversions", "{conversion}", "Conversions stored for the first time.", ("event",))
LOSSES = Count(
    "losses",
    "{conversion}",
    "Conversions that a platform will not get, by the reason; no platform: that nobody gets.",
    ("platform", "reason"),
)
DELIVERIES = Count(
    "deliveries",
    "{half}",
    "New states of server halves, by what came of them; waiting ones are counted at each try.",
    ("platform", "destination", "outcome", "reason"),
)
COUNTS = (CONVERSIONS, LOSSES, DELIVERIES)

Add = Callable[[Count, tuple[str, ...]], None]  # the values of its labels, in their order


class Listener:
    """Hears the signals of one tracker and adds one to a counter at each. Keep a reference: signals hold it weakly."""

    def __init__(self, tracker: Tracker, add: Add) -> None:
        self._add = add
        signals.conversion_tracked.connect(self._tracked, sender=tracker)
        signals.conversion_lost.connect(self._lost, sender=tracker)
        signals.half_settled.connect(self._settled, sender=tracker)

    def _tracked(self, tracker: Tracker, *, conversion: Conversion, **_: Any) -> None:
        self._add(CONVERSIONS, (conversion.event.type,))

    def _lost(self, tracker: Tracker, *, platform: str, reason: str, **_: Any) -> None:
        self._add(LOSSES, (platform, loss_code(reason)))

    def _settled(self, tracker: Tracker, *, settled: Settled, **_: Any) -> None:
        self._add(DELIVERIES, (settled.platform, settled.destination, settled.state, code(settled.reason)))
