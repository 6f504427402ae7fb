"""Metrics for Prometheus and OpenTelemetry, each an extra: `pixeltwin[prometheus]`, `pixeltwin[opentelemetry]`.

Counters tell what this process did, fed by the signals; gauges tell what the outbox holds, and are the same from any
process. Label values are names and short codes, never a platform's words, an id or anything of a visitor.

readings    the gauges, read from a tracker's health, for both      counts    the counters' names and labels, for both
prometheus  a collector for prometheus-client                       opentelemetry  instruments of a meter
"""

from __future__ import annotations
