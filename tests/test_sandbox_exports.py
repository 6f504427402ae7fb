"""What leaves the sandbox in a file, and what it remembers of halves that were lost on their way."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from pixeltwin.emulation import Incoming
from pixeltwin.sandbox import Clock, create_sandbox
from pixeltwin.sandbox.journal import BYTES, EXCHANGES, Journal, exchange
from tests.samples import purchase
from tests.sandboxed import KINDS, Visitors, conversion

NOW = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)

# What the specification of HAR 1.2 requires of each object (Web Performance Working Group, draft of 2012-08-14).
PAIRS = {
    "type": "array",
    "items": {"type": "object", "required": ["name", "value"], "additionalProperties": {"type": "string"}},
}
SIZE = {"type": "integer", "minimum": -1}
TIME = {"type": "number", "minimum": -1}
TEXT = {"type": "string"}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {}), "comment": TEXT},
        "additionalProperties": False,
    }


REQUEST = closed(
    {
        "method": TEXT,
        "url": {"type": "string", "pattern": "^https?://"},
        "httpVersion": TEXT,
        "cookies": PAIRS,
        "headers": PAIRS,
        "queryString": PAIRS,
        "headersSize": SIZE,
        "bodySize": SIZE,
    },
    {"postData": closed({"mimeType": TEXT, "params": PAIRS, "text": TEXT})},
)
RESPONSE = closed(
    {
        "status": {"type": "integer"},
        "statusText": TEXT,
        "httpVersion": TEXT,
        "cookies": PAIRS,
        "headers": PAIRS,
        "content": closed({"size": SIZE, "mimeType": TEXT}, {"text": TEXT}),
        "redirectURL": TEXT,
        "headersSize": SIZE,
        "bodySize": SIZE,
    }
)
ENTRY = closed(
    {
        "startedDateTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "time": TIME,
        "request": REQUEST,
        "response": RESPONSE,
        "cache": {"type": "object"},
        "timings": closed({"send": TIME, "wait": TIME, "receive": TIME}),
    }
)
HAR = closed(
    {
        "log": closed(
            {
                "version": {"const": "1.2"},
                "creator": closed({"name": TEXT, "version": TEXT}),
                "entries": {"type": "array", "items": ENTRY},
            }
        )
    }
)


@pytest.fixture
def sandbox() -> Visitors:
    return Visitors(create_sandbox(clock=Clock(lambda: NOW)))


def test_the_archive_is_valid_and_whole(sandbox: Visitors) -> None:
    """The export is an HTTP Archive 1.2 with every request to a platform and its answer, but not the pixel scripts."""
    for kind in KINDS:
        sandbox.both(kind, conversion(purchase(), NOW))
        sandbox.send("GET", f"/{kind}/nowhere?x=1", headers={"Cookie": "session=precious"})
    sandbox.send("GET", "/reddit/ads/pixel.js")
    reply = sandbox.send("GET", "/api/export.har")
    jsonschema.validate(reply.json, HAR)
    assert 'filename="pixeltwin-sandbox.har"' in reply.headers["content-disposition"]
    entries = reply.json["log"]["entries"]
    assert len(entries) == 3 * len(KINDS)
    assert [entry["response"]["status"] for entry in entries] == [200, 200, 404] * len(KINDS)
    assert entries[0]["startedDateTime"] == "2026-08-20T12:00:00.000Z"
    assert all(
        "PURCHASE" in repr(entry) or "urchase" in repr(entry) or "checkout" in repr(entry) for entry in entries[:2]
    )
    assert "precious" not in reply.body.decode()


def test_no_export_holds_a_token(sandbox: Visitors) -> None:
    """Neither file has a token in it, whether it came in a header, a query, a body or an address."""
    token = "Secret/Token+Zq9x=="
    for kind in KINDS:
        sandbox.server(kind, conversion(purchase(), NOW), access_token=token)
        sandbox.send(
            "POST", f"/{kind}/v3/x/{token}?access_token={quote(token)}", b"access_token=abc&t=" + token.encode()
        )
        sandbox.send("POST", f"/{kind}/v3/x/events?access_token=abc", b'{"access_token": "abcdef-Zq9x"}')
    for path in ("/api/export.har", "/api/export.json"):
        told = sandbox.send("GET", path).body.decode()
        assert "Zq9x" not in told
        assert "token=abc" not in told
        assert "•••" in told or path.endswith("json")


def test_an_unanswered_request_has_the_status_zero(sandbox: Visitors) -> None:
    """A request that a fault cuts off has no answer in the archive, and its comment names the fault."""
    sandbox.fault("reddit", "429", retry_after=3)
    sandbox.server("reddit", conversion(purchase(), NOW))
    [entry] = sandbox.send("GET", "/api/export.har").json["log"]["entries"]
    assert (entry["response"]["status"], entry["comment"]) == (429, "reddit; fault: 429")
    sandbox.fault("reddit", "reset")
    with pytest.raises(ConnectionResetError):
        sandbox.server("reddit", conversion(purchase(), NOW))
    assert sandbox.send("GET", "/api/export.har").json["log"]["entries"][-1]["response"]["status"] == 0


def test_the_json_export_has_everything(sandbox: Visitors) -> None:
    """One file holds clock, faults, remarks and every conversion with its fields side by side."""
    sandbox.both("snap", conversion(purchase(), NOW))
    sandbox.advance(hours=1)
    told = sandbox.send("GET", "/api/export.json").json
    assert told["clock"]["offset_seconds"] == 3600
    assert told["faults"] == []
    [record] = told["conversions"]
    assert record["verdict"] == "merged"
    assert {"ID", "value"} <= {field["name"] for field in record["fields"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_half_is_part_of_the_story(sandbox: Visitors, kind: str) -> None:
    """A server half lost to a fault and sent again is in its conversion's life with the fault, and counts nothing."""
    said = conversion(purchase(), NOW)
    sandbox.browser(kind, said)
    sandbox.fault(kind, "503")
    sandbox.server(kind, said)
    assert [(one["outcome"], one["note"]) for one in sandbox.record()["arrivals"]] == [
        ("counted", None),
        ("lost", "503"),
    ]
    sandbox.fault(kind, None)
    sandbox.server(kind, said)
    record = sandbox.record()
    assert (record["verdict"], record["counted"]) == ("merged", 1)
    assert [one["outcome"] for one in record["arrivals"]] == ["counted", "lost", "merged"]
    told = sandbox.send("GET", f"/api/conversions/{record['key']}").json["timeline"]
    assert [step["what"] for step in told] == ["fired", "lost", "sent", "merged"]


@pytest.mark.slow
def test_the_journal_is_bounded() -> None:
    """Only the newest requests are kept, by number and by bytes, and of a long body the beginning."""
    journal = Journal()
    for number in range(300):
        asked = Incoming("POST", f"/{number}", "", {}, b"x" * 100_000)
        journal.add(exchange("plain", "http://127.0.0.1", asked, NOW, 0.0, 200, b""), {})
    kept = journal.all()
    assert sum(one.size for one in kept) <= BYTES
    assert len(kept) < 300
    assert kept[-1].url.endswith("/299")
    assert len(kept[0].body) < 100_000
    small = Journal()
    for _ in range(EXCHANGES + 10):
        small.add(exchange("plain", "http://127.0.0.1", Incoming("GET", "/", "", {}, b""), NOW, 0.0, 200, b""), {})
    assert len(small.all()) == EXCHANGES
