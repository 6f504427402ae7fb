"""Prometheus: `pip install 'pixeltwin[prometheus]'`.

    from prometheus_client import REGISTRY
    from pixeltwin.metrics.prometheus import Collector

    REGISTRY.register(Collector(tracker))       # app.extensions["pixeltwin"].tracker, where Flask made it

Gauges come from the outbox and are the same from any process. Counters are each process's own: where a server runs
several (gunicorn), set `PROMETHEUS_MULTIPROC_DIR` as prometheus-client documents, make the collector in every process,
and serve

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # the counters, of all processes together
    registry.register(collector)                  # the gauges; in this mode it leaves the counters out
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as _Collector

from .counts import COUNTS, Count, Listener
from .readings import GAUGES, Gauge, Readings

if TYPE_CHECKING:
    from ..tracker import Tracker

_UNITS = {"s": "_seconds", "unix": "_timestamp_seconds"}


class Collector(_Collector):
    """What one tracker tells Prometheus. One a process is enough; a second tracker's adds to the same names."""

    def __init__(self, tracker: Tracker) -> None:
        self._readings = Readings(tracker)
        self._counters = {one: Counter(f"pixeltwin_{one.name}", one.help, one.labels, registry=None) for one in COUNTS}
        self._counting: dict[tuple[str, tuple[str, ...]], Counter] = {}
        self._listener = Listener(tracker, self._add)

    def collect(self) -> Iterable[Metric]:
        """The families, for a registry."""
        for gauge in GAUGES:
            family = GaugeMetricFamily(_name(gauge), gauge.help, labels=gauge.labels)
            for labels, value in self._readings.of(gauge):
                family.add_metric([labels[label] for label in gauge.labels], value)
            yield family
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            for counter in self._counters.values():
                yield from counter.collect()

    def describe(self) -> Iterable[Metric]:
        """The names alone, so that registering reads no outbox."""
        for gauge in GAUGES:
            yield GaugeMetricFamily(_name(gauge), gauge.help, labels=gauge.labels)
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            for counter in self._counters.values():
                yield from counter.describe()

    def _add(self, count: Count, values: tuple[str, ...]) -> None:
        counter = self._counting.get((count.name, values))
        if counter is None:  # kept, for finding it anew costs more than counting
            counter = self._counting[count.name, values] = self._counters[count].labels(*values)
        counter.inc()


def _name(gauge: Gauge) -> str:
    return f"pixeltwin_{gauge.name.replace('.', '_')}{_UNITS.get(gauge.unit, '')}"
