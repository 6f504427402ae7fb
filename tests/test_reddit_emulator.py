"""Reddit in the sandbox: what its API refuses, what its pixel's hits mean."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from pixeltwin.contract import Refused, RetryLater
from pixeltwin.dedup import Half
from pixeltwin.emulation import Answer, Incoming
from pixeltwin.platforms.reddit import Reddit
from pixeltwin.platforms.reddit.dedup import judge
from pixeltwin.platforms.reddit.emulator import RedditEmulator

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
UUID = "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
VOIDED = "There were 1 invalid conversion events. None were processed."


def reddit() -> Reddit:
    return Reddit(pixel_id="a2_abc123", access_token="conversion-token")


BROWSER = Half(side="browser", event="PURCHASE", id=ID, occurred_at=NOW, received_at=NOW, account="a2_abc123")

GOOD: dict[str, Any] = {
    "event_at": 1787227200000,
    "action_source": "WEBSITE",
    "type": {"tracking_type": "PURCHASE"},
    "metadata": {"conversion_id": ID, "value": 59.9, "currency": "EUR", "item_count": 1, "products": [{"id": "1"}]},
    "user": {"user_agent": AGENT, "uuid": UUID},
}
HEADERS = {"authorization": "Bearer t", "content-type": "application/json", "user-agent": "shop/1"}
PATH = "/api/v3/pixels/a2_abc123/conversion_events"


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good event with one thing changed; `...` removes it."""
    event = json.loads(json.dumps(GOOD))
    *way, last = path.split(".")
    place = event
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return event


def post(events: Any, headers: dict[str, str] = HEADERS, now: datetime = NOW, **data: Any) -> Answer:
    body = json.dumps({"data": {"events": events, **data}}).encode()
    return RedditEmulator().answer(Incoming("POST", PATH, "", headers, body), now)


@pytest.mark.parametrize(
    ("path", "value", "where", "why"),
    [
        ("event_at", "2026-08-20T12:00:00Z", "event_at", "expected an integer"),
        ("event_at", 1787227200, "event_at", "168h"),
        ("event_at", 1787227200000 - 7 * 86_400_000, "event_at", "168h"),
        ("event_at", 1787227200000 + 301_000, "event_at", "future"),
        ("event_at", 10**40, "event_at", "future"),
        ("event_at", ..., "event_at", "required"),
        ("action_source", "website", "action_source", "invalid action_source: website"),
        ("action_source", ..., "action_source", "required"),
        ("type.tracking_type", "Purchase", "type.tracking_type", "invalid tracking_type: Purchase"),
        ("type.tracking_type", "CUSTOM", "type.custom_event_name", "required"),
        ("type.custom_event_name", "x" * 65, "type.custom_event_name", "1 to 64"),
        ("event_metadata", {}, "event_metadata", "unknown field"),
        ("event_id", ID, "event_id", "unknown field"),
        ("metadata.conversionId", ID, "metadata.conversionId", "unknown field"),
        ("metadata.value", "59.90", "metadata.value", "expected a number"),
        ("metadata.item_count", 1.5, "metadata.item_count", "expected an integer"),
        ("metadata.conversion_id", 1001, "metadata.conversion_id", "expected a string"),
        ("metadata.products", {"id": "1"}, "metadata.products", "expected an array"),
        ("metadata.products.0", {"name": "x"}, "metadata.products[0].id", "required"),
        ("metadata.products.0.item_price", -1, "metadata.products[0].item_price", "0 or more"),
        ("user.uuid", "GA1.2.3.4", "user.UUID", "RFC-4122"),
        ("user.screen_dimensions", {"width": 10}, "user.screen_dimensions.height", "required"),
        ("user.data_processing_options", {"modes": "LDU"}, "user.data_processing_options.modes", "expected an array"),
        ("user.opt_out", True, "user.opt_out", "unknown field"),
        ("user", ..., "user", "attribution signal"),
        ("action_source", "PHYSICAL_STORE", "user.user_agent", "PHYSICAL_STORE"),
    ],
)
def test_the_api_refuses_what_reddits_refuses(path: str, value: Any, where: str, why: str) -> None:
    """A wrong event voids its request; the answer names the event and the field, and the client blames that one."""
    event = json.loads(json.dumps(GOOD))
    if path == "metadata.products.0":
        event["metadata"]["products"][0] = value
    else:
        event = changed(path, value)
    refused = post([GOOD, event])
    error = json.loads(refused.body)["error"]

    assert (refused.status, refused.halves) == (400, ())
    assert error["message"] == VOIDED
    assert error["fields"][0]["field"] == f"$.data.events[1].{where}"
    assert why in error["fields"][0]["message"]
    assert [why in one.reason for one in refused.rejected] == [True]
    assert [type(one) for one in reddit().read_reply(400, {}, refused.body, 2)] == [RetryLater, Refused]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"[]",
        b'{"events": []}',
        b'{"data": {"events": []}}',
        b'{"data": {"events": {}}}',
        b'{"data": {"events": [NaN]}}',
        json.dumps({"data": {"events": [GOOD], "test_mode": True}}).encode(),
        json.dumps({"data": {"events": [GOOD] * 1001}}).encode(),
    ],
)
def test_the_api_refuses_a_wrong_envelope(body: bytes) -> None:
    """What is no list of 1 to 1000 events inside `data` is a bad request, and nothing of it is taken."""
    refused = RedditEmulator().answer(Incoming("POST", PATH, "", HEADERS, body), NOW)

    assert (refused.status, refused.halves) == (400, ())
    assert json.loads(refused.body)["error"]["message"] == "Bad Request"


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Basic abc"])
def test_the_api_asks_for_a_token(authorization: str) -> None:
    """Without a bearer token nothing is taken, and the answer is Reddit's."""
    refused = post([GOOD], {**HEADERS, "authorization": authorization})

    assert (refused.status, json.loads(refused.body)["error"]["message"]) == (401, "No bearer token provided")


def test_the_api_reads_an_id_only_where_reddit_does() -> None:
    """An event without conversion_id is taken, with a remark, and does not merge with the pixel's."""
    taken_ = post([changed("metadata.conversion_id", ...)])

    assert taken_.halves[0].id is None
    assert "conversion_id" in " ".join(taken_.warnings)
    assert judge(BROWSER, taken_.halves[0]).counted == 2


def test_the_api_remarks_on_what_reddit_only_complains_of() -> None:
    """Unsupported metadata, odd currencies and library user agents are remarks; our own requests draw none."""
    odd = post([changed("type.tracking_type", "PAGE_VISIT")], {**HEADERS, "user-agent": "python-httpx/0.27"})
    ours = reddit().server_request([GOOD])
    plain = post([GOOD], {name.lower(): value for name, value in ours.headers.items()})

    assert odd.status == 200
    assert len(odd.warnings) == 4
    assert plain.warnings == ()


def test_a_test_event_counts_nowhere() -> None:
    """With a test_id the API answers as always and the ledger hears of nothing."""
    shown = post([GOOD], test_id="t")

    assert (shown.status, shown.halves) == (200, ())


def test_a_half_holds_what_came_in() -> None:
    """The half of an event shows pixel, ID, name, time, exact value and keys, and the payload as it was sent."""
    half = post([changed("metadata.value", 0.1)]).halves[0]

    assert (half.account, half.event, half.id, half.occurred_at) == ("a2_abc123", "PURCHASE", ID, NOW)
    assert (half.value, half.keys) == (Decimal("0.1"), {"uuid": UUID})
    assert json.loads(json.dumps(half.payload)) == changed("metadata.value", 0.1)


def pixel_hit(query: str) -> Answer:
    return RedditEmulator().answer(Incoming("GET", "/rp.gif", query, {}, b""), NOW)


def test_a_hit_is_always_an_image_but_counts_only_if_it_is_whole() -> None:
    """A hit without pixel or with an unknown name gets its image and is rejected; the ID is m.conversionId alone."""
    whole = pixel_hit(f"ts=1787227200000&id=a2_abc123&event=Purchase&m.conversionId={ID}&m.value=&em=")
    wrong = pixel_hit(f"ts=1&id=a2_abc123&event=Purchase&conversion_id={ID}")

    assert (whole.content_type, whole.halves[0].id, whole.halves[0].occurred_at) == ("image/gif", ID, NOW)
    assert (wrong.halves[0].id, len(wrong.warnings)) == (None, 1)
    for query in ("event=Purchase", "id=a2_x&event=PURCHASE", "id=a2_x&event=Custom", ""):
        refused = pixel_hit(query)
        assert (refused.status, refused.content_type, refused.halves) == (200, "image/gif", ())
        assert len(refused.rejected) == 1
