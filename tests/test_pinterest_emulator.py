"""Pinterest's part of the sandbox: as strict as what Pinterest publishes, and answering in its words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from pixeltwin.emulation import Answer, Incoming
from pixeltwin.platforms.pinterest import Pinterest, pairs, schema
from pixeltwin.visitor import sha256

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
EM = sha256("user@example.com")
PATH = "/v5/ad_accounts/549755885175/events"
HEADERS = {"authorization": "Bearer pina_any", "content-type": "application/json"}
EMULATOR = Pinterest.emulator()
PUBLISHED = json.loads((Path(__file__).parent / "schemas" / "pinterest-v5-events.schema.json").read_text("utf-8"))
GOLDEN = json.loads(files("pixeltwin.platforms.pinterest").joinpath("golden.json").read_text("utf-8"))["cases"]


def event(**fields: Any) -> dict[str, Any]:
    return {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": int(NOON.timestamp()) - 60,
        "event_id": ID,
        "user_data": {"em": [EM]},
        **fields,
    }


def posted(body: Any, *, path: str = PATH, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return EMULATOR.answer(Incoming("POST", path, query, HEADERS if headers is None else headers, encoded), NOON)


def said(answer: Answer) -> Any:
    return json.loads(answer.body)


# --- the published schema --------------------------------------------------------------------------------------------

FULL = event(
    event_source_url="https://shop.example/",
    opt_out=False,
    partner_name="ss-x",
    app_id="1",
    app_name="a",
    app_version="1",
    device_brand="b",
    device_carrier="c",
    device_model="m",
    device_type="t",
    os_version="1",
    wifi=True,
    language="en",
    user_data={
        **{key: [EM] for key in ("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id")},
        "hashed_maids": [EM],
        "client_ip_address": "203.0.113.7",
        "client_user_agent": "x",
        "click_id": "dj0",
        "partner_id": "p",
    },
    custom_data={
        **dict.fromkeys(("value", "currency", "order_id", "search_string", "opt_out_type", "predicted_ltv", "np"), "1"),
        **dict.fromkeys(("content_name", "content_category", "content_brand", "external_measurement_id"), "x"),
        "external_measurement_vendor_id": 1,
        "num_items": 1,
        "content_ids": ["sku"],
        "contents": [
            {"id": "sku", "item_name": "n", "item_category": "c", "item_brand": "b", "item_price": "1", "quantity": 1}
        ],
    },
    app_info={
        **dict.fromkeys(("app_id", "app_name", "app_package_name", "app_store", "app_version", "user_agent"), "x"),
        **dict.fromkeys(("install_time", "window_height", "window_width"), 1),
    },
    device_info={
        **dict.fromkeys(("brand", "carrier", "kernel_version", "model", "os_name", "os_release_name"), "x"),
        **dict.fromkeys(("os_version", "type", "locale", "timezone", "timezone_abbr"), "x"),
        **dict.fromkeys(("battery_level", "cpu_cores", "screen_density", "screen_height", "screen_width"), 1),
        **dict.fromkeys(("external_storage_free_space", "external_storage_size", "storage_free_space"), 1),
        "storage_size": 1,
        "form_factor": "tv",
        "network_type": "wifi",
        "os_family": "ios",
        "languages": ["en"],
    },
)
PROBES: tuple[Any, ...] = (
    *(None, "", "x", "x" * 6, "x" * 36, "x" * 41, "x" * 101, "x" * 201, "x" * 16385, "desktop", "cellular_6g", "linux"),
    *(0, 1, -1, 1.5, 5.0, True, False, 100, 101, 1153, 30720, 30721, 100001, 1048577, 10**15),
    *([], ["x"], [1], [None], [["x"]], ["x"] * 101, {}, {"x": 1}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body, from the whole down to the leaves."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def opened(path: tuple[Any, ...]) -> tuple[Any, Any]:
    """A copy of the full body, and what holds this place in it."""
    body = {"data": [copy.deepcopy(FULL)]}
    holder: Any = body
    for key in path[:-1]:
        holder = holder[key]
    return body, holder


def variants(path: tuple[Any, ...]) -> Iterator[Any]:
    """The full body with this place replaced by every probe, taken away, or given a neighbour nobody knows."""
    if not path:
        yield from ({}, [], None, "x", {"data": []}, {"data": [FULL], "test": True}, FULL, {"data": [FULL] * 1001})
        return
    for probe in PROBES:
        body, holder = opened(path)
        holder[path[-1]] = probe
        yield body
    body, holder = opened(path)
    del holder[path[-1]]
    yield body
    if isinstance(path[-1], str):
        body, holder = opened(path)
        holder[f"{path[-1]}_of_nobody"] = "x"
        yield body


def test_every_published_field_is_probed() -> None:
    """The body that is varied holds every field of every object that Pinterest publishes."""
    known = PUBLISHED["$defs"]
    for definition, held in (
        ("ConversionEvent", FULL),
        ("ConversionEventsUserDataProperties", FULL["user_data"]),
        ("ConversionEventsCustomData", FULL["custom_data"]),
        ("ConversionEventsContent", FULL["custom_data"]["contents"][0]),
        ("ConversionEventAppInfo", FULL["app_info"]),
        ("ConversionEventDeviceInfo", FULL["device_info"]),
    ):
        assert set(known[definition]["properties"]) == set(held)


@pytest.mark.slow
def test_the_emulator_is_exactly_as_strict_as_published() -> None:
    """For every place in a body and every kind of wrong value, the emulator and Pinterest's schema agree."""
    published = Draft202012Validator(PUBLISHED)
    refused = taken = 0
    for path in places({"data": [FULL]}):
        for body in variants(path):
            valid = published.is_valid(body)
            fault = schema.fault(body)
            assert (fault is None) == valid, (path, fault, json.dumps(body)[:2000])
            taken, refused = taken + valid, refused + (not valid)
    assert taken > 500
    assert refused > 1500


@pytest.mark.parametrize(
    "user_data",
    [
        {"em": [EM]},
        {"hashed_maids": [EM]},
        {"client_ip_address": "203.0.113.7", "client_user_agent": "x"},
        {"client_ip_address": "203.0.113.7"},
        {"client_user_agent": "x", "ph": [EM]},
        {"ph": [EM], "external_id": [EM], "click_id": "x"},
        {"em": [EM], "customer_type": "new"},
        {"em": [EM], "client_ip_address": None},
        {},
    ],
)
def test_match_keys_are_asked_for_as_published(user_data: dict[str, Any]) -> None:
    """Which match keys suffice alone, and that user_data may hold more, is as the schema says."""
    body = {"data": [event(user_data=user_data)]}

    assert (schema.fault(body) is None) == Draft202012Validator(PUBLISHED).is_valid(body)


# --- the API ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        ([event()], "is not of type 'object'"),
        ({"data": []}, "too short"),
        ({"data": [event()] * 1001}, "too long"),
        ({"data": [event()], "test": True}, "'test' was unexpected"),
        ({"data": [event(category_name="x")]}, "'category_name' was unexpected"),
        ({"data": [event(eventID=ID)]}, "'eventID' was unexpected"),
        ({"data": [event(custom_data={"category_name": "x"})]}, "'category_name' was unexpected"),
        ({"data": [event(custom_data={"order_quantity": 1, "line_items": []})]}, "'order_quantity', 'line_items' were"),
        ({"data": [event(custom_data={"value": 59.9})]}, "59.9 is not of type 'string'"),
        ({"data": [event(custom_data={"num_items": "2"})]}, "'2' is not of type 'integer'"),
        ({"data": [event(custom_data={"contents": [{"id": "a", "item_price": 1}]})]}, "1 is not of type 'string'"),
        ({"data": [event(custom_data={"contents": [{"id": "a", "brand_id": "b"}]})]}, "'brand_id' was"),
        ({"data": [event(custom_data={"contents": [{"id": "a", "item_brand_id": "b" * 65}]})]}, "is too long"),
        ({"data": [event(user_data={"em": [EM], "customer_type": "reactivated"})]}, "is not one of"),
        ({"data": [event(advertiser_tracking_enabled="yes")]}, "is not of type 'boolean'"),
        ({"data": [event(app_info={"app_id": "x" * 201})]}, "is too long"),
        ({"data": [event(app_info={"app_build": "7"})]}, "'app_build' was"),
        ({"data": [event(device_info={"screen_width": 30721})]}, "greater than the maximum"),
        ({"data": [event(device_info={"screen_density": 2.5})]}, "is not of type 'integer'"),
        ({"data": [event(device_info={"network_type": "5g"})]}, "is not one of"),
        ({"data": [event(predicted_ltv="1")]}, "'predicted_ltv' was"),
        ({"data": [event(custom_data={"predicted_ltv": 410.5})]}, "410.5 is not of type 'string'"),
        ({"data": [event(custom_data={"promo_code": "SNOW10"})]}, "'promo_code' was"),
        ({"data": [event(custom_data={"content_ids": "a"})]}, "'a' is not of type 'array'"),
        ({"data": [event(event_time="1787227200")]}, "is not of type 'integer'"),
        ({"data": [event(event_id=1001)]}, "1001 is not of type 'string'"),
        ({"data": [event(opt_out=None)]}, "None is not of type 'boolean'"),
        ({"data": [event(user_data={"em": EM})]}, "is not of type 'array'"),
        ({"data": [event(user_data={"em": [EM], "click_id": ["x"]})]}, "is not of type 'string'"),
        ({"data": [event(user_data={"ph": [EM]})]}, "not valid under any of the given schemas"),
        ({"data": [{key: value for key, value in event().items() if key != "event_id"}]}, "'event_id' is a required"),
        ({"data": [event(), event(value="1")]}, "'value' was unexpected"),
    ],
)
def test_a_wrong_body_voids_the_whole_request(body: Any, words: str) -> None:
    """A body that breaks the schema is a 400 in Pinterest's words, and not one of its events is taken."""
    answer = posted(body)

    assert answer.status == 400
    assert said(answer)["code"] == 400
    assert said(answer)["message"].startswith("Invalid request: ")
    assert words in said(answer)["message"]
    assert answer.halves == ()
    given = body.get("data", []) if isinstance(body, dict) else []
    assert len(answer.rejected) == len(given)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"custom_data": {"contents": [{"id": "a", "item_brand_id": "b"}]}}, "item_brand_id"),
        ({"advertiser_tracking_enabled": True, "action_source": "app_ios"}, "advertiser_tracking_enabled"),
    ],
)
def test_newer_fields_are_taken_with_a_remark(fields: dict[str, Any], key: str) -> None:
    """What is newer than the published schema counts, and the developer is told that the schema refuses it."""
    answer = posted({"data": [event(**fields)]})

    assert answer.status == 200
    assert len(answer.halves) == 1
    assert any(key in remark and "5.23.0" in remark for remark in answer.warnings)
    assert posted({"data": [event()]}).warnings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action_source": "WEB"}, "Invalid action_source"),
        ({"event_time": int(NOON.timestamp()) * 1000}, "future"),
        ({"event_time": 10**17}, "future"),
        ({"event_time": int((NOON + timedelta(minutes=6)).timestamp())}, "future"),
        ({"event_time": int((NOON - timedelta(days=7, seconds=1)).timestamp())}, "7 days"),
        ({"user_data": {"em": ["user@example.com"]}}, "'em' is not in sha256"),
        ({"user_data": {"em": [EM.upper()]}}, "'em' is not in sha256"),
        ({"user_data": {"em": []}}, "has no em"),
        ({"user_data": {"client_ip_address": "", "client_user_agent": "x"}}, "has no em"),
        ({"custom_data": {"value": "undefined"}}, "cannot be parsed"),
    ],
)
def test_other_faults_fail_the_one_event(fields: dict[str, Any], words: str) -> None:
    """A valid body with a bad event in it is answered event by event, and a 422 when no event is left."""
    both, alone = posted({"data": [event(), event(**fields)]}), posted({"data": [event(**fields)]})

    assert (both.status, alone.status) == (200, 422)
    assert [one["status"] for one in said(both)["events"]] == ["processed", "failed"]
    assert (said(both)["num_events_received"], said(both)["num_events_processed"]) == (2, 1)
    assert words in said(both)["events"][1]["error_message"]
    assert said(alone)["details"]["events"][0]["status"] == "failed"
    assert (len(both.halves), len(both.rejected), len(alone.halves), len(alone.rejected)) == (1, 1, 0, 1)
    for answer, definition in ((both, "ConversionApiResponse"), (alone, "DetailedError")):
        Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": PUBLISHED["$defs"]}).validate(said(answer))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user_data": {"em": [EM], "external_id": ["42"]}}, "'external_id' is not in sha256 hashed format"),
        ({"event_name": "purchase"}, "'Unknown' event"),
        ({"event_name": "checkOut"}, "'Unknown' event"),
        ({"custom_data": {"opt_out_type": "LDP"}}, "ignored without st and country"),
        ({}, "external_id is missing; click_id is missing"),
    ],
)
def test_what_pinterest_remarks_it_still_takes(fields: dict[str, Any], words: str) -> None:
    """Doubtful events are processed with a warning."""
    answer = posted({"data": [event(**fields)]})

    assert said(answer)["events"][0]["status"] == "processed"
    assert words in said(answer)["events"][0]["warning_message"]
    assert len(answer.halves) == 1


def test_a_test_is_answered_and_not_recorded() -> None:
    """With test=true the answer is the same for the first 20 events, and no event counts."""
    answer = posted({"data": [event()] * 25}, query="test=true")

    assert answer.status == 200
    assert (said(answer)["num_events_received"], len(said(answer)["events"])) == (25, 20)
    assert (answer.halves, answer.rejected) == ((), ())
    assert len(posted({"data": [event()] * 25}, query="test=false").halves) == 25


def test_each_ad_account_counts_what_its_own_tag_saw() -> None:
    """The first tag that is seen belongs to the first ad account, the second to the second, which is said of it; a test
    and a reset leave no trace."""
    emulator = Pinterest.emulator()

    def api(account: str, query: str = "") -> Answer:
        body = json.dumps({"data": [event()]}).encode()
        return emulator.answer(Incoming("POST", f"/v5/ad_accounts/{account}/events", query, HEADERS, body), NOON)

    def tag(tid: str) -> Answer:
        query = urlencode({"tid": tid, "event": "checkout", "ed": json.dumps({"event_id": ID})})
        return emulator.answer(Incoming("GET", "/v3/", query, {}, b""), NOON)

    api("9", "test=true")
    answers = [tag("26"), api("1"), api("2"), tag("27")]
    mine, first, second, other = (answer.halves[0] for answer in answers)

    assert [Pinterest.dedup(one, two).counted for one, two in ((mine, first), (other, second))] == [1, 1]
    for one, two in ((mine, second), (other, first), (mine, other), (first, second)):
        assert Pinterest.dedup(one, two).counted == 2
    assert ["no. 2" in " ".join(answer.warnings) for answer in answers] == [False, False, True, True]
    emulator.reset()
    assert Pinterest.dedup(tag("27").halves[0], api("1").halves[0]).counted == 1


def test_of_too_many_tags_none_is_taken_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not told apart any more is not counted with what is."""
    monkeypatch.setattr(pairs, "MOST", 2)
    seen = pairs.Pairs()
    names = [seen.account("tag", tid)[0] for tid in ("26", "27", "28", "29", "26")]
    assert len(set(names[:3])) == 3 and names[2:] == [names[2], names[2], names[0]]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic pina_x"}])
def test_without_a_token_nothing_is_read(headers: dict[str, str]) -> None:
    """A missing token is a 401 in Pinterest's words."""
    answer = posted({"data": [event()]}, headers=headers)

    assert answer.status == 401
    assert said(answer) == {"code": 2, "message": "Authentication failed."}
    assert answer.halves == ()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v5/ad_accounts/abc/events", 400),
        ("POST", "/v5/ad_accounts/1234567890123456789/events", 400),
        ("POST", "/v5/ad_accounts//events", 400),
        ("GET", PATH, 405),
        ("POST", "/v5/ad_accounts/549755885175/event", 404),
        ("POST", "/v4/ad_accounts/549755885175/events", 404),
    ],
)
def test_other_addresses_take_nothing(method: str, path: str, status: int) -> None:
    """A wrong method, account or path is refused with a code and a message."""
    answer = EMULATOR.answer(Incoming(method, path, "", HEADERS, json.dumps({"data": [event()]}).encode()), NOON)

    assert answer.status == status
    assert set(said(answer)) == {"code", "message"}
    assert answer.halves == ()


@pytest.mark.parametrize(("status", "code"), [(401, 2), (403, 29), (404, 2), (429, 8), (503, 4197), (500, 500)])
def test_trouble_is_in_pinterests_words(status: int, code: int) -> None:
    """Made trouble has Pinterest's codes, and a 429 its rate limit headers."""
    answer = EMULATOR.trouble(status)

    assert (answer.status, said(answer)["code"]) == (status, code)
    assert ("X-RateLimit-Reset" in (answer.headers or {})) == (status == 429)


def test_faults_reach_the_api_alone() -> None:
    """A long hit of the tag is a POST of JSON too, and still none of the API's."""
    for path, api in ((PATH, True), ("/v3/", False)):
        assert EMULATOR.is_api(Incoming("POST", path, "", HEADERS, b"")) == api
