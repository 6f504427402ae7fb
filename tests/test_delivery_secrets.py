"""Delivery and secrets: no token in a log, a row or a report, and nothing goes where it should not."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pixeltwin.delivery import Report
from pixeltwin.outbox import Outbox
from pixeltwin.platforms import installed
from pixeltwin.visitor import Visitor, collected_rules
from tests.delivering import delivery, local_vendor, memory_outbox, texts
from tests.local_vendor import NOW, TOKEN, Vendor, conversion, ok, put, says

FIXTURES = (memory_outbox, local_vendor)


def check_no_token(caplog: pytest.LogCaptureFixture, outbox: Outbox, report: Report) -> None:
    seen = [record.getMessage() for record in caplog.records] + texts(report, outbox)
    for form in (TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN)):
        assert not [text for text in seen if form in text]


@pytest.mark.parametrize(
    "script",
    [
        ok,
        says(400, b'{"error": "bad request at {path}"}'),
        says(401, b"no such token: {path}"),
        says(301, b"moved", Location="https://elsewhere.invalid{path}"),
        says(502, b"cannot reach {path}"),
        says(200, json.dumps([f"wrong token {TOKEN}"]).encode(), Set_Cookie=f"t={quote(TOKEN)}"),
        lambda events: "reset",
        lambda events: "short",
    ],
)
def test_no_log_and_no_row_holds_a_token(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, script: Any
) -> None:
    """Whatever a vendor answers, even an echo of the request, the token is in no log record down to DEBUG, in no stored
    reason and in no report."""
    caplog.set_level(logging.DEBUG)
    vendor.script = script
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    assert vendor.requests
    check_no_token(caplog, outbox, report)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("kind", sorted(installed()))
def test_no_platform_lets_its_token_out(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, kind: str, status: int
) -> None:
    """Every platform we ship keeps its token out of logs, rows and reports, where the answer echoes the request."""
    caplog.set_level(logging.DEBUG)
    vendor.script = says(status, b"cannot serve {path} for " + TOKEN.encode(), Location="https://x.invalid{path}")
    cls = installed()[kind]
    golden = json.loads((resources.files(cls.__module__) / "golden.json").read_text(encoding="utf-8"))
    platform = cls(**{**golden["settings"], "access_token": TOKEN, "api_url": vendor.url})
    sender = delivery(outbox, platform)
    visitor = Visitor(email="jane.doe@example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0")
    for number in range(2):
        put(outbox, conversion(number, visitor=visitor.seal(collected_rules([platform.rules]))))
    report = sender.deliver(NOW)
    assert vendor.requests
    assert not report.delivered
    check_no_token(caplog, outbox, report)


def test_the_logs_of_others_are_left_alone(outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Only our own requests are kept out of httpx's logs: the site's own use of httpx is logged as before."""
    import httpx

    caplog.set_level(logging.DEBUG)
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    sender.deliver(NOW)
    assert not [record for record in caplog.records if record.name.startswith("http")]
    with httpx.Client(trust_env=False) as client:
        client.post(f"{vendor.url}/mine", content=b"[]")
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"httpx", "httpcore"}


def test_nothing_of_the_network_is_loaded_before_it_is_needed() -> None:
    """Importing delivery and making one imports no httpx, starts no thread and opens no connection."""
    code = (
        "import sys, threading; from pixeltwin.delivery import Delivery; from pixeltwin.worker import Worker;"
        "from pixeltwin.outbox import open_outbox; Worker(Delivery([], open_outbox('memory:')));"
        "assert 'httpx' not in sys.modules; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_redirects_are_not_followed(outbox: Outbox, vendor: Vendor) -> None:
    """An answer that points elsewhere is an answer: nothing is sent to where it points."""
    with Vendor() as elsewhere:
        vendor.script = says(301, Location=elsewhere.url)
        sender = delivery(outbox, vendor.platform())
        put(outbox, conversion(1))
        sender.deliver(NOW)
        assert (len(vendor.requests), len(elsewhere.requests)) == (1, 0)


def test_no_proxy_by_surprise(outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not used."""
    with Vendor() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        sender = delivery(outbox, vendor.platform())
        put(outbox, conversion(1))
        assert sender.deliver(NOW).delivered == 1
        assert not proxy.requests
