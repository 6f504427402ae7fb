"""Metrics: what Prometheus scrapes and OpenTelemetry reads, with the real libraries."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pixeltwin import Consent
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.metrics.opentelemetry import observe
from pixeltwin.metrics.prometheus import Collector
from pixeltwin.metrics.readings import FRESH, HALVES, Readings
from pixeltwin.reasons import CODES, OTHER, code, loss_code
from tests.local_vendor import NOW, TOKEN, says
from tests.observed import Shop, refuses, shop_fixture

FIXTURES = (shop_fixture,)
HERE = {"platform": "local", "destination": "local:a1"}


def scrape(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample of a scrape, as it is written."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}": sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def sample(name: str, **labels: str) -> str:
    return f"{name}{json.dumps(labels, sort_keys=True)}"


def busy(shop: Shop) -> None:
    """One delivered, its pixel blocked; one refused in words, one lost, one waiting for a platform that is down."""
    shown = shop.order("1", offered=True)
    shop.tracker.outbox.acknowledge(shown.id, [], blocked=[HERE["destination"]], now=NOW)
    shop.deliver()
    shop.vendor.script = refuses("ada@example.com is a bad address")
    shop.order("2")
    shop.deliver()
    shop.order("3", consent=Consent.denied())
    shop.vendor.script = says(503)
    shop.order("4")
    shop.deliver()
    shop.clock.advance(seconds=30)


def test_a_scrape_tells_what_was_done_and_what_waits(shop: Shop) -> None:
    """Counters have platform, destination, outcome and a short reason; gauges tell queue, age, state and health."""
    registry = CollectorRegistry()
    registry.register(Collector(shop.tracker))
    busy(shop)
    found = scrape(registry)
    wanted = {
        sample("pixeltwin_conversions_total", event="Purchase"): 3,
        sample("pixeltwin_losses_total", platform="local", reason="consent_denied"): 1,
        sample("pixeltwin_deliveries_total", **HERE, outcome="delivered", reason=""): 1,
        sample("pixeltwin_deliveries_total", **HERE, outcome="refused", reason="other"): 1,
        sample("pixeltwin_deliveries_total", **HERE, outcome="waiting", reason="http_503"): 1,
        sample("pixeltwin_outbox_up"): 1,
        sample("pixeltwin_outbox_halves", **HERE, state="waiting"): 1,
        sample("pixeltwin_outbox_oldest_age_seconds", **HERE): 30,
        sample("pixeltwin_browser_halves", **HERE, state="blocked"): 1,
        sample("pixeltwin_browser_halves", **HERE, state="fired"): 0,
        sample("pixeltwin_browser_halves", **HERE, state="silent"): 0,
        sample("pixeltwin_destination_healthy", **HERE): 0,
        sample("pixeltwin_destination_state", **HERE, state="failing"): 1,
        sample("pixeltwin_destination_state", **HERE, state="open"): 0,
    }
    assert wanted == {name: found.get(name) for name in wanted}
    taken = found[sample("pixeltwin_destination_last_taken_timestamp_seconds", **HERE)]
    assert 0 <= taken - NOW.timestamp() < 10  # a pass takes its time


def test_a_scrape_follows_the_naming_rules(shop: Shop) -> None:
    """Names have the prefix, counters end in _total, times and ages name their base unit, and each has a help text."""
    registry = CollectorRegistry()
    registry.register(Collector(shop.tracker))
    busy(shop)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert len(families) >= 10
    for family in families:
        assert re.fullmatch(r"pixeltwin_[a-z_]+", family.name) and family.documentation.endswith(".")
        if family.type == "counter":
            assert any(one.name == f"{family.name}_total" for one in family.samples)
        assert not re.search(r"_(ms|minutes|hours|percent)$", family.name)


def test_no_label_holds_words_of_a_platform_or_of_a_person(shop: Shop) -> None:
    """Neither what a platform says, a token nor an id gets into a scrape."""
    registry = CollectorRegistry()
    registry.register(Collector(shop.tracker))
    shop.order(id="an-id-of-mine")
    shop.vendor.script = refuses(f"{TOKEN}: ada@example.com is bad")
    shop.deliver()
    text = generate_latest(registry).decode()
    assert 'outcome="refused",platform="local",reason="other"' in text
    assert not [word for word in (TOKEN, "ada@", "an-id-of-mine", "is bad") if word in text]


@given(st.text())
def test_codes_are_few_whatever_a_platform_says(words: str) -> None:
    """Any text becomes one of the known codes, an HTTP status or "other"; a loss becomes a short word."""
    for text in (words, f"{words}: more", f"HTTP {words}"):
        assert code(text) in CODES | {"", OTHER} or re.fullmatch(r"http_[1-5]\d\d", code(text))
    assert re.fullmatch(r"[a-z_]{1,120}", loss_code(words))


def test_every_reason_of_our_own_has_its_code() -> None:
    """Whatever word this package refuses or suppresses by is a label value of its own, and none is called "other"."""
    package = Path(__file__).resolve().parents[1] / "sdk" / "pixeltwin"
    source = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py") if "sandbox" not in path.parts)
    raised = re.findall(r'CannotSend\(\s*[\w.]+,\s*"(\w+)"', source)
    settled = re.findall(r'f?"([a-z]+(?:_[a-z]+)+): ', source)
    assert len(raised) > 8 and "past_window" in settled
    assert not {word for word in (*raised, *settled) if code(f"{word}: so") == OTHER}
    assert all(
        code(f"{text}: X") != OTHER for text in ("network", "mapping error", "request error", "test", "HTTP 500")
    )


def test_a_failing_store_is_a_gauge_and_not_an_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape goes on when the outbox cannot be read: it says so, and the counters are there."""
    registry = CollectorRegistry()
    registry.register(Collector(shop.tracker))
    shop.order()

    def fail(**_: Any) -> Any:
        raise OutboxUnavailable("the disk is gone")

    monkeypatch.setattr(shop.tracker.outbox, "counts", fail)
    found = scrape(registry)
    assert found[sample("pixeltwin_outbox_up")] == 0
    assert found[sample("pixeltwin_conversions_total", event="Purchase")] == 1
    assert not [name for name in found if "halves" in name]


def test_many_scrapes_cost_one_look_at_the_store(shop: Shop) -> None:
    """Within five seconds all gauges are of one reading; after them the store is looked at again."""
    elapsed = [0.0]
    readings = Readings(shop.tracker, stopwatch=lambda: elapsed[0])
    assert readings.of(HALVES) == []
    shop.order()
    elapsed[0] = FRESH
    assert readings.of(HALVES) == []
    elapsed[0] = FRESH + 0.1
    assert readings.of(HALVES) == [({**HERE, "state": "pending"}, 1.0)]


WORKER = """
import sys
from flask import Flask
from pixeltwin import Consent, Purchase, Tracker, Visitor
from pixeltwin.flask import PixelTwin
from tests.local_vendor import Local

outbox, key, scrape, page = sys.argv[1:]
tracker = Tracker([Local(account="a1", access_token="t")], secret_keys=["k"], outbox=outbox)
app = Flask("shop")
app.config.update(PIXELTWIN_CONSENT="granted", PIXELTWIN_WORKER="off")
PixelTwin(app, tracker=tracker)
exec(page)
event = Purchase(order_id=key, value="1", currency="EUR")
tracker.track(event, visitor=Visitor(email="a@example.com"), consent=Consent.granted())
if scrape:
    print(app.test_client().get("/metrics").text)
tracker.close()
"""


def test_several_processes_are_scraped_as_one(tmp_path: Path) -> None:
    """In prometheus-client's multiprocess mode, served as the guide has it, any process answers for all: counters are
    added up, gauges are there once."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    root = Path(__file__).resolve().parents[1]
    page = "\n".join(re.findall(r"```python\n(.*?)```", (root / "docs/monitoring.md").read_text("utf-8"), re.DOTALL))
    for key, last in (("1", ""), ("2", "yes")):
        command = [sys.executable, "-c", WORKER, f"sqlite:///{tmp_path}/x.db", key, last, page]
        done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.count("pixeltwin_conversions_total{") == 1
    assert 'pixeltwin_conversions_total{event="Purchase"} 2.0' in done.stdout
    assert 'pixeltwin_outbox_halves{destination="local:a1",platform="local",state="pending"} 2.0' in done.stdout


def told(reader: InMemoryMetricReader) -> dict[str, float]:
    """What a reader collects now, by name and attributes."""
    data = reader.get_metrics_data()
    points: dict[str, float] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
        for point in metric.data.data_points:
            attributes: Mapping[str, Any] = point.attributes or {}
            points[sample(metric.name, **dict(attributes))] = point.value  # type: ignore[union-attr]
    return points


def test_opentelemetry_reads_the_same(shop: Shop) -> None:
    """Instruments are named by OpenTelemetry's rules, with attributes of our own namespace, and tell the same."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    kept = [observe(shop.tracker, provider.get_meter("test"))]
    busy(shop)
    found = told(reader)
    here = {f"pixeltwin.{name}": value for name, value in HERE.items()}
    delivered = {**here, "pixeltwin.outcome": "delivered", "pixeltwin.reason": ""}
    assert found[sample("pixeltwin.conversions", **{"pixeltwin.event": "Purchase"})] == 3
    assert found[sample("pixeltwin.deliveries", **delivered)] == 1
    assert found[sample("pixeltwin.outbox.oldest.age", **here)] == timedelta(seconds=30).total_seconds()
    assert found[sample("pixeltwin.destination.healthy", **here)] == 0
    assert kept
    provider.shutdown()
