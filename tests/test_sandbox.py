"""The sandbox's HTTP contract, driven as the platforms' own code and pixel scripts drive it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from pixeltwin import AddToCart, Purchase
from pixeltwin.contract import Delivered, Misconfigured, RetryLater
from pixeltwin.platforms import installed
from pixeltwin.sandbox import Clock, create_sandbox
from tests.samples import purchase
from tests.sandboxed import KINDS, Visitors, conversion, platform

NOW = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)
VERDICTS = {"merged", "counted twice", "browser only", "server only", "rejected"}

each_platform = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def app() -> Flask:
    return create_sandbox(clock=Clock(lambda: NOW))


@pytest.fixture
def sandbox(app: Flask) -> Visitors:
    return Visitors(app)


# --- verdicts --------------------------------------------------------------------------------------------------------


@each_platform
@pytest.mark.parametrize("server_first", [False, True])
def test_twins_merge_whichever_comes_first(sandbox: Visitors, kind: str, server_first: bool) -> None:
    """Both halves of one purchase are one record, merged and counted once, in either order."""
    said = conversion(purchase(), NOW)
    for half in (sandbox.server, sandbox.browser) if server_first else (sandbox.browser, sandbox.server):
        assert half(kind, said).status == 200
    record = sandbox.record(kind)
    assert (record["verdict"], record["counted"], record["certain"]) == ("merged", 1, True)
    assert record["id"] == record["browser"]["id"] == record["server"]["id"] == said.id
    assert record["name"] == "Purchase"
    assert record["event"] == platform(kind).event_name(said.event).server
    assert record["browser"]["value"] == record["server"]["value"] == 59.9
    assert record["reason"].endswith(".")
    assert record["browser"]["payload"]
    assert record["server"]["payload"]


@each_platform
def test_record_has_the_documented_shape(sandbox: Visitors, kind: str) -> None:
    """Every record has the keys that clients in other languages were promised."""
    sandbox.server(kind, conversion(purchase(), NOW))
    record = sandbox.record()
    assert {"platform", "event", "id", "verdict", "counted", "certain", "reason", "browser", "server"} <= record.keys()
    half = {"id", "event", "order_id", "value", "occurred_at", "received_at", "payload"}
    assert half <= record["server"].keys()
    assert record["browser"] is None
    assert record["platform"] == kind
    assert record["verdict"] in VERDICTS


@each_platform
def test_a_half_alone_says_what_is_missing(sandbox: Visitors, kind: str) -> None:
    """A half without its twin counts once, and the reason names the half that never came and the platform."""
    title = installed()[kind].title
    sandbox.browser(kind, conversion(purchase("1"), NOW))
    sandbox.server(kind, conversion(AddToCart(), NOW))
    shown, told = sandbox.records()
    assert (shown["verdict"], shown["counted"]) == ("browser only", 1)
    assert (told["verdict"], told["counted"]) == ("server only", 1)
    assert "server half was not sent" in shown["reason"]
    assert "browser half never did" in told["reason"]
    assert title in shown["reason"]
    assert title in told["reason"]


@each_platform
def test_conversions_do_not_mix(sandbox: Visitors, kind: str) -> None:
    """Two purchases with two IDs are two records, each merged."""
    for order in ("1", "2"):
        sandbox.both(kind, conversion(purchase(order, value=f"{order}.00"), NOW))
    assert [record["verdict"] for record in sandbox.records()] == ["merged", "merged"]


@each_platform
def test_repeats_stay_one_record(sandbox: Visitors, kind: str) -> None:
    """A reload that fires the pixel again and a retried request are counted once, and told as repeats."""
    said = conversion(purchase(), NOW)
    for _ in range(2):
        sandbox.both(kind, said)
    record = sandbox.record()
    assert (record["verdict"], record["counted"], record["repeats"]) == ("merged", 1, 2)


@each_platform
def test_halves_that_missed_the_window_count_twice(sandbox: Visitors, kind: str) -> None:
    """A server half that happens 49 hours after its browser half on the sandbox's clock is counted again."""
    said = conversion(AddToCart(), NOW)
    sandbox.browser(kind, said)
    sandbox.advance(hours=49)
    sandbox.server(kind, conversion(AddToCart(), NOW + timedelta(hours=49), id=said.id))
    record = sandbox.record()
    assert (record["verdict"], record["counted"]) == ("counted twice", 2)
    assert record["browser"]
    assert record["server"]


@pytest.mark.parametrize(("kind", "hours"), [("reddit", 49), ("snap", 49), ("pinterest", 25)])
def test_a_grey_zone_is_read_cautiously(sandbox: Visitors, kind: str, hours: int) -> None:
    """Where no rule is published, the record counts two and says that this is not certain."""
    said = conversion(AddToCart(), NOW)
    sandbox.browser(kind, said)
    sandbox.advance(hours=hours)
    sandbox.server(kind, said)
    record = sandbox.record()
    assert (record["verdict"], record["counted"], record["certain"]) == ("counted twice", 2, False)


@each_platform
def test_a_repeat_past_the_window_counts_again(sandbox: Visitors, kind: str) -> None:
    """The thank-you page opened again three days later, with the same ID, is a second conversion of one record."""
    said = conversion(AddToCart(), NOW)
    sandbox.browser(kind, said)
    sandbox.advance(days=3)
    sandbox.browser(kind, said, now=NOW + timedelta(days=3))
    record = sandbox.record()
    assert (record["verdict"], record["counted"], record["server"]) == ("counted twice", 2, None)
    assert len(record["again"]) == 1


@each_platform
def test_an_id_where_nobody_reads_it_does_not_merge(sandbox: Visitors, kind: str) -> None:
    """Without its ID in the field that the platform reads, a server half is counted by itself."""
    hidden = {
        "reddit": lambda event: event["metadata"].pop("conversion_id"),
        "snap": lambda event: event["custom_data"].update(event_id=event.pop("event_id")),
        "pinterest": lambda event: event.update(event_id=event["event_id"] + "x"),
    }
    said = conversion(AddToCart(value="1", currency="EUR"), NOW)
    sandbox.browser(kind, said)
    assert sandbox.server(kind, said, change=hidden[kind]).status == 200
    assert sum(record["counted"] for record in sandbox.records()) == 2
    assert "merged" not in [record["verdict"] for record in sandbox.records()]


@each_platform
@pytest.mark.parametrize("shown", [False, True])
def test_a_refused_half_is_told_in_the_vendors_words(sandbox: Visitors, kind: str, shown: bool) -> None:
    """A server half that is too old is rejected; what counts is the browser half, if there is one."""
    said = conversion(purchase(), NOW - platform(kind).max_age - timedelta(days=1))
    if shown:
        sandbox.browser(kind, said, now=NOW)
    assert sandbox.server(kind, said).status >= 400
    record = sandbox.record()
    assert (record["verdict"], record["counted"]) == ("rejected", int(shown))
    assert record["server"]["refused"] in record["reason"]
    assert (record["browser"] is not None) == shown


@each_platform
def test_a_half_that_was_mended_merges(sandbox: Visitors, kind: str) -> None:
    """A half that was refused and sent again as it should be is taken, and the record is merged."""
    said = conversion(purchase(), NOW)
    sandbox.browser(kind, said)
    old = conversion(purchase(), NOW - timedelta(days=60), id=said.id)
    sandbox.server(kind, old)
    assert sandbox.record()["verdict"] == "rejected"
    sandbox.server(kind, said)
    assert sandbox.record()["verdict"] == "merged"


@each_platform
def test_a_batch_is_as_many_records(sandbox: Visitors, kind: str) -> None:
    """A request with many events gives a record for each of them."""
    made = platform(kind)
    said = [conversion(purchase(str(number), value="1"), NOW) for number in range(50)]
    request = made.server_request([made.server_event(one) for one in said])
    path = request.url.removeprefix("http://127.0.0.1")
    reply = sandbox.send(request.method, path, request.body, request.headers)
    assert all(isinstance(one, Delivered) for one in made.read_reply(reply.status, reply.headers, reply.body, 50))
    assert {record["id"] for record in sandbox.records()} == {one.id for one in said}


# --- clock, faults, reset --------------------------------------------------------------------------------------------


def test_the_clock_only_goes_forward(sandbox: Visitors) -> None:
    """The clock tells its time and offset; a step back or one that is no number is refused with advice."""
    sandbox.advance(hours=25)
    told = sandbox.send("GET", "/api/clock").json
    assert told == {"now": "2026-08-21T13:00:00.000Z", "offset_seconds": 90000.0}
    for wrong in (-1, "25", None, True, 1e300):
        reply = sandbox.post("/api/clock", {"advance_seconds": wrong})
        assert reply.status == 400
        assert reply.json["error"]
    assert sandbox.send("GET", "/api/clock").json == told


@each_platform
@pytest.mark.parametrize(
    ("fault", "outcome"), [("500", RetryLater), ("503", RetryLater), ("429", RetryLater), ("401", Misconfigured)]
)
def test_a_fault_answers_as_the_vendor_does(sandbox: Visitors, kind: str, fault: str, outcome: type) -> None:
    """A platform told to fail loses the server half with an answer its own reader understands, until it is lifted."""
    said = conversion(purchase(), NOW)
    sandbox.fault(kind, fault, retry_after=7)
    sandbox.browser(kind, said)
    reply = sandbox.server(kind, said)
    assert reply.status == int(fault)
    assert reply.headers["retry-after"] == "7"
    [read] = platform(kind).read_reply(reply.status, reply.headers, reply.body, 1)
    assert isinstance(read, outcome)
    assert sandbox.record()["verdict"] == "browser only"
    sandbox.fault(kind, None)
    sandbox.server(kind, said)
    assert sandbox.record()["verdict"] == "merged"


@each_platform
def test_a_fault_is_one_platforms_and_one_halfs(sandbox: Visitors, kind: str) -> None:
    """A fault of one platform's browser half touches neither its server half nor the other platforms."""
    said = conversion(purchase(), NOW)
    sandbox.fault(kind, "500", half="browser")
    assert sandbox.send("GET", "/api/faults").json == {
        "faults": [{"platform": kind, "half": "browser", "fault": "500", "retry_after": None}]
    }
    for one in KINDS:
        sandbox.browser(one, said)
        sandbox.server(one, said)
    verdicts = {record["platform"]: record["verdict"] for record in sandbox.records()}
    assert verdicts == {one: "server only" if one == kind else "merged" for one in KINDS}


@each_platform
def test_garbage_is_never_a_delivery(sandbox: Visitors, kind: str) -> None:
    """A proxy's page in place of an answer is not read as success, and nothing was taken."""
    sandbox.fault("*", "garbage")
    reply = sandbox.server(kind, conversion(purchase(), NOW))
    assert reply.status == 200
    [read] = platform(kind).read_reply(reply.status, reply.headers, reply.body, 1)
    assert not isinstance(read, Delivered)
    assert sandbox.records() == []


@each_platform
def test_a_truncated_answer_was_taken(sandbox: Visitors, kind: str) -> None:
    """When the answer is cut in the middle the event was taken, so that its retry is a repeat."""
    said = conversion(purchase(), NOW)
    sandbox.fault(kind, "truncated")
    reply = sandbox.server(kind, said)
    assert int(reply.headers["content-length"]) > len(reply.body)
    sandbox.fault(kind, None)
    sandbox.server(kind, said)
    assert (sandbox.record()["counted"], sandbox.record()["repeats"]) == (1, 1)


def test_a_miscounting_answer_is_not_believed() -> None:
    """Where a platform counts what it took, an answer that counts one too few is no delivery, though all was taken."""
    counting = [kind for kind in KINDS if read_miscounted(kind)]
    assert counting == ["pinterest", "reddit"]


def read_miscounted(kind: str) -> bool:
    """Whether the wrong count is noticed."""
    app = create_sandbox()
    sandbox = Visitors(app)
    sandbox.fault(kind, "miscount")
    reply = sandbox.server(kind, conversion(purchase(), datetime.now(timezone.utc)))
    assert sandbox.record()["verdict"] == "server only"
    [read] = platform(kind).read_reply(reply.status, reply.headers, reply.body, 1)
    return not isinstance(read, Delivered)


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"platform": "nobody", "fault": "500"},
        {"platform": "*", "fault": "200"},
        {"platform": "*", "fault": "slow"},
        {"platform": "*", "fault": "500", "half": "left"},
        {"platform": "*", "fault": "429", "retry_after": "soon"},
    ],
)
def test_a_fault_nobody_knows_is_refused(sandbox: Visitors, wish: dict[str, Any]) -> None:
    """A fault that is misspelt is an error that says what can be asked for, and changes nothing."""
    reply = sandbox.post("/api/faults", wish)
    assert reply.status == 400
    assert ": give " in reply.json["error"]
    assert sandbox.send("GET", "/api/faults").json == {"faults": []}


def test_reset_forgets_everything(sandbox: Visitors) -> None:
    """A reset empties the ledger, lifts the faults and sets the clock back."""
    sandbox.both("reddit", conversion(purchase(), NOW))
    sandbox.advance(hours=1)
    sandbox.fault("*", "500")
    assert sandbox.post("/api/reset").status == 200
    assert sandbox.records() == []
    assert sandbox.send("GET", "/api/faults").json == {"faults": []}
    assert sandbox.send("GET", "/api/clock").json["offset_seconds"] == 0


# --- strangers -------------------------------------------------------------------------------------------------------


@each_platform
def test_tokens_are_kept_nowhere(sandbox: Visitors, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """No token is shown, wherever a client put it: header, query, a field of the event, or its URL."""
    token = "Secret/Token+Zq9x=="

    def careless(event: dict[str, Any]) -> None:
        where = event["metadata"] if kind == "reddit" else event
        where["access_token"] = "another-Zq9x"
        url = "event_source_url" if "event_source_url" in event else next(iter(event))
        if isinstance(event[url], str):
            event[url] = f"https://shop.example/?leak={token}"

    sandbox.server(kind, conversion(purchase("1"), NOW), access_token=token)
    sandbox.server(kind, conversion(purchase("2"), NOW), access_token=token, change=careless)
    sandbox.send("POST", f"/{kind}/nowhere?access_token={token}", b"{}", {"Authorization": f"Bearer {token}"})
    assert len(sandbox.records()) == 2
    everything = sandbox.send("GET", "/api/conversions").body + first_message(sandbox)
    assert token.encode() not in everything
    assert b"Zq9x" not in everything
    assert token not in caplog.text


def first_message(sandbox: Visitors) -> bytes:
    """What a page gets first from the stream."""
    answer = Client(sandbox.app).open("/api/stream", buffered=False)
    found = b""
    for part in answer.iter_encoded():
        found += part
        if b"data: " in part:
            break
    answer.close()
    return found


@each_platform
def test_other_origins_may_reach_a_platform(sandbox: Visitors, kind: str) -> None:
    """The shop's page is on another origin than a sandbox with a port of its own, and its pixel is answered there."""
    origin = {"Origin": "https://shop.example"}
    script = f"/{kind}{installed()[kind].emulator().script_path}"
    for method in ("GET", "OPTIONS"):
        headers = sandbox.send(method, script, headers=origin).headers
        assert headers["access-control-allow-origin"] == "https://shop.example"
        assert headers["access-control-allow-credentials"] == "true"
    assert b"document" in sandbox.send("GET", script).body


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:5000", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({}, 200),
    ],
)
def test_other_pages_may_not_switch_things(sandbox: Visitors, said: dict[str, str], status: int) -> None:
    """Of the pages that the developer has open only the sandbox's own turns clock and faults, whatever a browser tells
    of the others; none of them can read the ledger."""
    for path, wish in (
        ("/api/clock", b'{"advance_seconds": 9}'),
        ("/api/faults", b'{"platform": "*", "fault": null}'),
        ("/api/reset", b""),
    ):
        assert sandbox.send("POST", path, wish, said).status == status
    assert "access-control-allow-origin" not in sandbox.send("GET", "/api/conversions", headers=said).headers


@each_platform
def test_a_body_over_two_megabytes_is_refused(sandbox: Visitors, kind: str) -> None:
    """A body that is too large is answered with 413 in the vendor's style and recorded as a remark only."""
    reply = sandbox.send(
        "POST", f"/{kind}/v3/x/events", b" " * (2 * 1024 * 1024 + 1), {"Content-Type": "application/json"}
    )
    assert reply.status == 413
    assert reply.headers["content-type"].startswith("application/json")
    assert sandbox.records() == []


def test_an_unknown_address_is_a_json_404(sandbox: Visitors) -> None:
    """What is not there says so in JSON, outside the platforms' paths too."""
    for path in ("/api/nothing", "/nobody/v3", "//reddit/rp.gif"):
        reply = sandbox.send("GET", path)
        assert reply.status == 404
        assert reply.json["error"]


@given(st.sampled_from(KINDS), st.binary(max_size=300), st.text(max_size=60), st.sampled_from(["GET", "POST", "PUT"]))
def test_no_request_breaks_the_sandbox(kind: str, body: bytes, query: str, method: str) -> None:
    """Whatever is sent to a platform's paths is answered, and the ledger can still be read as JSON."""
    sandbox = Visitors(create_sandbox(clock=Clock(lambda: NOW)))
    for path in (
        "/rp.gif",
        "/p",
        "/v3/",
        "/v3/x/events",
        "/v5/ad_accounts/1/events",
        "/api/v3/pixels/x/conversion_events",
    ):
        reply = sandbox.send(method, f"/{kind}{path}?{query}", body, {"Content-Type": "application/json"})
        assert reply.status < 500
    assert isinstance(sandbox.records(), list)


# --- the page and its place ------------------------------------------------------------------------------------------


def test_page_is_locked_down(sandbox: Visitors) -> None:
    """The page allows itself no inline script or style and nothing from elsewhere."""
    page = sandbox.send("GET", "/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    html = page.body.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", html)
    for script in ("page.js", "card.js", "controls.js", "store.js", "dom.js"):
        source = sandbox.send("GET", f"/static/{script}").body.decode()
        assert "innerHTML" not in source
        assert "insertAdjacentHTML" not in source


def test_page_works_below_any_prefix(app: Flask) -> None:
    """Mounted below a prefix, the sandbox serves page, files, platforms and verdicts there; no URL leads out of it."""
    mounted = Visitors(DispatcherMiddleware(Flask("shop"), {"/sandbox": app}), prefix="/sandbox")
    redirected = mounted.send("GET", "")
    assert redirected.status == 308  # the page's own URLs are relative to the slash
    assert redirected.headers["location"].endswith("/sandbox/")
    html = mounted.send("GET", "/").body.decode()
    linked = re.findall(r'(?:href|src)="([^"#]+)"', html)
    assert "static/page.js" in linked
    assert not [url for url in linked if url.startswith(("/", "http"))]
    assert mounted.send("GET", "/static/page.css").status == 200
    for kind in KINDS:
        mounted.both(kind, conversion(purchase(), NOW))
    assert {record["verdict"] for record in mounted.records()} == {"merged"}


# --- many at once ----------------------------------------------------------------------------------------------------


def test_eight_threads_lose_nothing(sandbox: Visitors) -> None:
    """Eight clients at once, every half in its own request, end in as many merged records as there were conversions."""
    said = [conversion(Purchase(order_id=str(number), value="1", currency="EUR"), NOW) for number in range(64)]
    halves: list[tuple[Callable[..., Any], str, Any]] = [
        (half, kind, one) for one in said for kind in KINDS for half in (sandbox.browser, sandbox.server)
    ]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda job: job[0](job[1], job[2]), halves))
    assert {reply.status for reply in replies} == {200}
    records = sandbox.records()
    assert len(records) == len(said) * len(KINDS)
    assert {(record["verdict"], record["counted"]) for record in records} == {("merged", 1)}
