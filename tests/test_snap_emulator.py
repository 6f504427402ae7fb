"""Snap in the sandbox: what its API refuses, takes and ignores, and how the pixel's beacons are read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from pixeltwin.emulation import Answer, Incoming
from pixeltwin.platforms.snap import Snap
from pixeltwin.strictjson import encode
from pixeltwin.visitor import sha256

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
OTHER_PIXEL = "9a5b1c7e-0d2f-4b3a-8e6c-1f2d3c4b5a69"
NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
EM = sha256("person@example.com")
EMULATOR = Snap.emulator()
EVENT: dict[str, Any] = {
    "event_name": "PURCHASE",
    "event_time": 1787227200000,
    "event_id": ID,
    "action_source": "WEB",
    "event_source_url": "https://shop.example/thanks",
    "user_data": {"em": [EM]},
    "custom_data": {"value": 59.9, "currency": "EUR", "order_id": "1001"},
}
APP_EVENT = {**EVENT, "action_source": "MOBILE_APP", "app_data": {"app_id": "1", "extinfo": ["i2", *[""] * 15]}}


def snap(**more: Any) -> Snap:
    return Snap(**{"pixel_id": PIXEL, "access_token": "s3cret", **more})


def post(*events: Any, path: str = f"/v3/{PIXEL}/events", query: str = "access_token=t", body: bytes = b"") -> Answer:
    body = body or json.dumps({"data": events}).encode()
    return EMULATOR.answer(Incoming("POST", path, query, {"content-type": "application/json"}, body), NOON)


def said(answer: Answer) -> Any:
    return json.loads(answer.body)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good event with one thing changed; None removes it."""
    event: dict[str, Any] = json.loads(json.dumps(EVENT))
    *places, key = path.split(".")
    holder = event
    for place in places:
        holder = holder.setdefault(place, {})
    if value is None:
        holder.pop(key, None)
    else:
        holder[key] = value
    return event


# --- the API ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (changed("event_name", None), "Missing required field: event_name"),
        (changed("event_name", "ADD_TO_CART"), "Unrecognized event type"),
        (changed("event_name", 7), "Unrecognized event type"),
        (changed("event_time", None), "Missing required field: event_time"),
        (changed("event_time", "yesterday"), "Timestamp invalid or out of range"),
        (changed("event_time", 1787227200.5), "Timestamp invalid or out of range"),
        (changed("event_time", 1787227200000 - 37 * 86_400_000 - 1000), "Timestamp invalid or out of range"),
        (changed("event_time", 1787227200 + 600), "Timestamp invalid or out of range"),
        (changed("action_source", None), "Missing required field: action_source"),
        (changed("action_source", "SMOKE_SIGNAL"), "Invalid action_source"),
        (changed("event_source_url", None), "Missing required field: event_source_url"),
        (changed("event_source_url", "/thanks"), "event_source_url must be a URL with its scheme"),
        (changed("event_id", {"id": 1}), "event_id must be a string"),
        (changed("user_data", None), "Missing required field: user_data"),
        (changed("user_data.em", ["person@example.com"]), "Unhashed PII: user_data.em"),
        (changed("user_data.ph", "448444124653"), "Unhashed PII: user_data.ph"),
        (changed("user_data.em", 7), "user_data.em must be a string or a list of strings"),
        (changed("user_data.em", []), "Insufficient PII"),
        (changed("user_data", {"client_ip_address": "203.0.113.9"}), "Insufficient PII"),
        (changed("user_data", {"external_id": [EM], "sc_click_id": "c"}), "Insufficient PII"),
        (changed("user_data.client_ip_address", "5" * 64), "Invalid client_ip_address"),
        (changed("user_data.client_user_agent", ["a"]), "user_data.client_user_agent must be a string"),
        (changed("custom_data.value", None), "Missing price or currency on purchase event"),
        (changed("custom_data.currency", None), "Missing price or currency on purchase event"),
        (changed("custom_data", None), "Missing price or currency on purchase event"),
        (changed("custom_data", []), "custom_data must be an object"),
        (changed("custom_data.value", "a lot"), "custom_data.value must be a number"),
        (changed("custom_data.currency", "EURO"), "Invalid currency"),
        (changed("custom_data.content_ids", [1]), "custom_data.content_ids must be a list of strings"),
        (changed("custom_data.contents", {"id": "1"}), "custom_data.contents must be a list of objects"),
        (changed("custom_data.num_items", "two"), "custom_data.num_items must be a whole number"),
        (changed("data_processing_options", "LMU"), "data_processing_options must be a list of strings"),
        (changed("action_source", "MOBILE_APP"), "Missing required field: app_data.app_id"),
        (
            {**APP_EVENT, "app_data": {"app_id": "1", "extinfo": ["i2"]}},
            "app_data.extinfo must be a list of 16 strings",
        ),
        (
            {**APP_EVENT, "app_data": {"app_id": "1", "extinfo": ["ios", *[""] * 15]}},
            "app_data.extinfo must begin with i2 or a2",
        ),
        (
            {**APP_EVENT, "app_data": {**APP_EVENT["app_data"], "advertiser_tracking_enabled": "yes"}},
            "app_data.advertiser_tracking_enabled must be 0 or 1",
        ),
        (changed("custom_data.predicted_ltv", "much"), "custom_data.predicted_ltv must be a number"),
        (changed("custom_data.event_tag", {}), "custom_data.event_tag must be a string"),
        (changed("custom_data.num_adults", 1.5), "custom_data.num_adults must be a whole number"),
        (changed("custom_data.suggested_hotels", "Hof"), "custom_data.suggested_hotels must be a list of strings"),
        ("an event", "Event must be an object"),
    ],
)
def test_a_wrong_event_is_invalid_and_named(wrong: Any, reason: str) -> None:
    """Each published cause is answered INVALID with a 400 that names the event, and our reader refuses that one."""
    answer = post(EVENT, wrong, EVENT)
    outcomes = snap().read_reply(answer.status, {}, answer.body, 3)

    assert (answer.status, said(answer)["status"], said(answer)["event"]) == (400, "INVALID", 1)
    assert said(answer)["reason"] == reason
    assert answer.halves == ()
    assert [one.reason for one in answer.rejected] == [reason]
    assert [str(outcome).startswith(reason) for outcome in outcomes] == [False, True, False]


@pytest.mark.parametrize(
    "right",
    [
        changed("event_name", " purchase "),
        changed("event_time", 1787227200),
        changed("event_time", "1787227200"),
        changed("event_time", 1787227200000 - 37 * 86_400_000),
        changed("action_source", "website"),
        {**changed("event_source_url", None), "action_source": "physical_store"},
        changed("user_data", {"em": EM.upper()}),
        changed("user_data", {"client_ip_address": "2001:db8::1", "client_user_agent": "Mozilla/5.0"}),
        changed("user_data", {"madid": "ea7583cd-a667-48bc-b806-42ecb2b48606"}),
        changed("user_data.external_id", "as it is"),
        changed("custom_data.value", "59.90"),
        changed("custom_data.content_ids", "a,b"),
        changed("a_key_nobody_knows", {"at": "all"}),
        APP_EVENT,
    ],
)
def test_what_snap_tolerates_is_taken(right: Any) -> None:
    """Other spellings that Snap is known to take, and keys it does not know, are taken."""
    answer = post(right)

    assert said(answer) == {"status": "VALID", "reason": "Events have been processed successfully."}
    assert [half.event for half in answer.halves] == ["PURCHASE"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no json", "data must be a list of events"),
        (b"[]", "data must be a list of events"),
        (b'{"data": []}', "data must be a list of events"),
        (b'{"data": {"event_name": "PURCHASE"}}', "data must be a list of events"),
        (json.dumps({"data": [EVENT] * 2001}).encode(), "the maximum is 2000"),
    ],
)
def test_a_wrong_envelope_is_invalid(body: bytes, reason: str) -> None:
    """A body that is no list of at most 2000 events is refused whole."""
    answer = post(body=body)

    assert (answer.status, said(answer)["status"]) == (400, "INVALID")
    assert reason in said(answer)["reason"]


def test_a_token_is_needed_in_the_query() -> None:
    """Without a token in the query the answer is a 401, which is read as a wrong setting."""
    for query in ("", "access_token=", "token=t"):
        answer = post(EVENT, query=query)
        assert answer.status == 401
        assert "token" in str(snap().read_reply(answer.status, {}, answer.body, 1)[0])


def test_validation_answers_for_each_event_and_counts_none() -> None:
    """/validate makes the same checks, tells each event its own result, and records nothing."""
    path = f"/v3/{PIXEL}/events/validate"
    good, mixed = post(EVENT, path=path), post(EVENT, changed("event_name", "NOPE"), path=path)

    assert (good.status, good.halves, mixed.halves, mixed.rejected) == (200, (), (), ())
    assert said(good)["test_event"] is True
    assert [log["status"] for log in said(mixed)["event_logs"]] == ["VALID", "INVALID"]
    assert [str(one) for one in snap().read_reply(good.status, {}, good.body, 1)] == ["delivered"]


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"data": [EVENT, EVENT], "test_event_code": "T1"}, 0),
        ({"data": [{**EVENT, "test_event_code": "T1"}, EVENT]}, 1),
        ({"data": [EVENT, EVENT], "test_event_code": ""}, 2),
    ],
)
def test_a_test_code_left_on_is_answered_and_said(body: dict[str, Any], taken: int) -> None:
    """What carries a test code is VALID, counts nothing, is none of the live events, and the developer is told."""
    emulator = Snap.emulator()
    sent = Incoming("POST", f"/v3/{PIXEL}/events", "access_token=t", {}, json.dumps(body).encode())
    answer = emulator.answer(sent, NOON)

    assert (answer.status, said(answer)["status"], len(answer.halves)) == (200, "VALID", taken)
    assert said(ask(emulator, "stats"))["stats"]["live"]["event_count_past_hour"] == taken
    expected = [f"test_event_code on {2 - taken} of 2 events: not processed, not counted"] if taken < 2 else []
    assert list(answer.warnings) == expected


def test_what_carries_a_test_code_is_not_rejected_either() -> None:
    """In a request that Snap refuses the live events are refused, and the tested ones are none."""
    bad = changed("event_name", "NOPE")
    both = post({**bad, "test_event_code": "T1"}, EVENT), post({**EVENT, "test_event_code": "T1"}, bad)

    assert [(answer.status, len(answer.rejected)) for answer in both] == [(400, 0), (400, 1)]


def ask(emulator: Any, what: str, *, asset: str = PIXEL, at: datetime = NOON, method: str = "GET") -> Answer:
    path = f"/v3/{asset}/events/validate/{what}"
    answer: Answer = emulator.answer(Incoming(method, path, "access_token=t", {}, b""), at)
    return answer


def test_tested_events_are_in_the_logs_for_a_day() -> None:
    """The logs hold what was tested of one asset in the past 24 hours, each with what was wrong, and no live event."""
    emulator = Snap.emulator()
    for path, events in (("/validate", [EVENT, changed("event_name", "nope")]), ("", [EVENT])):
        body = json.dumps({"data": events}).encode()
        emulator.answer(Incoming("POST", f"/v3/{PIXEL}/events{path}", "access_token=t", {}, body), NOON)
    logs = said(ask(emulator, "logs", at=NOON + timedelta(hours=24)))["logs"]

    assert [(log["raw_event_name"], log["status"], log["error_records"]) for log in logs] == [
        ("PURCHASE", "VALID", []),
        ("nope", "INVALID", ["Unrecognized event type"]),
    ]
    assert (logs[0]["event_time"], logs[0]["event_metadata"]["pixel_id"]) == ("1787227200000", PIXEL)
    assert said(ask(emulator, "logs", at=NOON + timedelta(hours=24, seconds=1)))["logs"] == []
    assert said(ask(emulator, "logs", asset=OTHER_PIXEL))["logs"] == []


def test_the_stats_count_the_past_hour() -> None:
    """Tested and live events of the past hour are counted apart, with the time of the latest."""
    emulator = Snap.emulator()
    for path in ("/validate", "", ""):
        body = json.dumps({"data": [EVENT]}).encode()
        emulator.answer(Incoming("POST", f"/v3/{PIXEL}/events{path}", "access_token=t", {}, body), NOON)
    stats = said(ask(emulator, "stats", at=NOON + timedelta(hours=1)))["stats"]

    assert stats["test"] == {"latest_event_ts": 1787227200000, "event_count_past_hour": 1}
    assert stats["live"]["event_count_past_hour"] == 2
    assert said(ask(emulator, "stats", at=NOON + timedelta(hours=2)))["stats"]["live"] == {
        "latest_event_ts": 0,
        "event_count_past_hour": 0,
    }
    assert ask(emulator, "stats", method="POST").status == 405


def test_an_old_event_is_taken_and_remarked_on() -> None:
    """Over a week old is still reported, and the developer hears that it helps little."""
    old, new = (post(changed("event_time", 1787227200 - days * 86_400)) for days in (8, 7))

    assert (len(old.halves), len(new.halves), new.warnings) == (1, 1, ())
    assert "7 days" in old.warnings[0]


def test_an_id_in_the_wrong_place_is_not_read_and_remarked_on() -> None:
    """Snap reads the id at the top of the event alone; elsewhere it dedups nothing, and the developer is told."""
    for wrong in ("custom_data.event_id", "client_dedup_id", "custom_data.client_dedup_id"):
        event = {**changed(wrong, ID)}
        del event["event_id"]
        answer = post(event)

        assert answer.halves[0].id is None
        assert any(wrong in warning for warning in answer.warnings)
    assert post(EVENT).halves[0].id == ID
    assert post(EVENT).warnings == ()


def test_a_server_half_holds_what_came_in() -> None:
    """The half has Snap's name, the asset of the path, time, order and price, and the payload as it came."""
    half = post(changed("event_name", "purchase")).halves[0]

    assert (half.side, half.event, half.account, half.occurred_at) == ("server", "PURCHASE", PIXEL, NOON)
    assert (half.order_id, half.value, half.action_source) == ("1001", Decimal("59.9"), "web")
    assert half.payload["event_name"] == "purchase"


def test_the_pixels_beacons_are_not_the_api() -> None:
    """Faults meant for the server half are told from the pixel, whose beacons are POSTs too."""
    assert EMULATOR.is_api(Incoming("POST", f"/v3/{PIXEL}/events", "", {}, b""))
    assert not EMULATOR.is_api(Incoming("POST", "/p", "", {"content-type": "application/json"}, b""))


# --- the pixel's beacons ---------------------------------------------------------------------------------------------


def beacon(*events: Any, body: bytes = b"") -> Answer:
    sent = {"ctx": {"url": "https://shop.example/", "c1": "x"}, "req": [{"t": event} for event in events]}
    headers = {"content-type": "text/plain;charset=UTF-8"}
    return EMULATOR.answer(Incoming("POST", "/p", "", headers, body or encode(sent)), NOON)


def test_a_beacon_brings_many_events() -> None:
    """Each event of a batch is a half of its own, with id, order, price and the pixel's name for an account."""
    purchase = {"pid": PIXEL, "ev": "PURCHASE", "cdid": ID, "e_tid": "1001", "e_pr": 59.9, "ts": 1787227190000}
    answer = beacon(purchase, {"pid": PIXEL, "ev": "PAGE_VIEW", "cdid": "other"})
    first, second = answer.halves

    assert (answer.status, answer.rejected) == (200, ())
    assert (first.id, first.order_id, first.value, first.account) == (ID, "1001", Decimal("59.9"), PIXEL)
    assert first.occurred_at == NOON - timedelta(seconds=10)
    assert (second.event, second.id, second.occurred_at) == ("PAGE_VIEW", "other", NOON)
    assert first.payload["c1"] == "x"


def test_one_event_may_come_as_a_form_or_a_query() -> None:
    """Older scripts send a form, tag managers a query: the same fields."""
    fields = urlencode({"pid": PIXEL, "ev": "PURCHASE", "cdid": ID, "e_pr": "59.90"})
    form = beacon(body=fields.encode())
    query = EMULATOR.answer(Incoming("GET", "/p", fields, {}, b""), NOON)

    for answer in (form, query):
        assert [(half.id, half.value) for half in answer.halves] == [(ID, Decimal("59.90"))]


def test_a_made_up_id_is_none() -> None:
    """An id that the pixel made up, for want of one, equals nothing, and the developer is told."""
    answer = beacon({"pid": PIXEL, "ev": "PURCHASE", "cdid": "@-1b671a64-40d5-491e-99b0-da01ff1f3341"})

    assert [half.id for half in answer.halves] == [None]
    assert "client_dedup_id" in answer.warnings[0]


@pytest.mark.parametrize("key", ["event_id", "eventID", "client_dedup_id", "uuid_c1", "eid"])
def test_no_other_key_of_a_beacon_is_an_id(key: str) -> None:
    """On the wire the id is `cdid` and nothing else."""
    assert beacon({"pid": PIXEL, "ev": "PURCHASE", key: ID}).halves[0].id is None


@pytest.mark.parametrize(
    "events", [[{"pid": "1", "ev": "PURCHASE"}], [{"pid": PIXEL, "ev": "Bought"}], [{"pid": PIXEL}], [{}], ["x"]]
)
def test_a_beacon_with_nothing_to_count_is_answered_all_the_same(events: list[Any]) -> None:
    """What is wrong with a beacon the page never learns, and it counts nothing."""
    answer = beacon(*events)

    assert (answer.status, answer.halves) == (200, ())
