"""OpenTelemetry: `pip install 'pixeltwin[opentelemetry]'`, and an SDK with an exporter as your site has them.

    from pixeltwin.metrics.opentelemetry import observe

    observe(tracker)        # in every process that tracks or delivers, after the fork

Counters are each process's own, and told apart by the resource your SDK is given; gauges come from the outbox, and are
the same from any process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from ..version import version
from .counts import COUNTS, Count, Listener
from .readings import GAUGES, Gauge, Readings

if TYPE_CHECKING:
    from ..tracker import Tracker

_UNITS = {"unix": "s", "": "1"}


class Instruments:
    """What one tracker tells a meter. The meter keeps it, and signals hold it weakly: keep a reference to be sure."""

    def __init__(self, tracker: Tracker, meter: Meter) -> None:
        self._readings = Readings(tracker)
        self._counters = {
            one: meter.create_counter(f"pixeltwin.{one.name}", unit=one.unit, description=one.help) for one in COUNTS
        }
        for gauge in GAUGES:
            meter.create_observable_gauge(
                f"pixeltwin.{gauge.name}",
                callbacks=[self._callback(gauge)],
                unit=_UNITS.get(gauge.unit, gauge.unit),
                description=gauge.help,
            )
        self._listener = Listener(tracker, self._add)

    def _callback(self, gauge: Gauge) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, _attributes(labels)) for labels, value in self._readings.of(gauge)]

        return observed

    def _add(self, count: Count, values: tuple[str, ...]) -> None:
        self._counters[count].add(1, _attributes(dict(zip(count.labels, values, strict=True))))


def observe(tracker: Tracker, meter: Meter | None = None) -> Instruments:
    """Make the instruments of a tracker on `meter`, or on the global provider's."""
    return Instruments(tracker, meter or get_meter("pixeltwin", version()))


def _attributes(labels: Mapping[str, str]) -> dict[str, str]:
    """Attributes have the namespace of who defines them."""
    return {f"pixeltwin.{name}": value for name, value in labels.items()}
