"""What every platform keeps to, whoever wrote it: one contract, run over all that are installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from math import isfinite
from typing import Any, get_args
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltwin.contract import Delivered, Misconfigured, Platform, Refused, RetryLater
from pixeltwin.conversion import ActionSource, Conversion
from pixeltwin.emulation import DROPPED, Incoming
from pixeltwin.errors import CannotSend
from pixeltwin.events import EVENT_TYPES
from pixeltwin.platforms import installed
from pixeltwin.strictjson import decode, encode
from pixeltwin.visitor import SealedVisitor, collected_rules
from tests.goldens import (
    KINDS,
    SAID,
    TOKEN,
    cases,
    conversion_of,
    emulated,
    golden,
    made,
    platform_of,
    platforms,
    said_cases,
    sent,
    twin_cases,
)
from tests.thoroughness import examples
from tests.twins import PAGE, SPELLINGS, exact

FILES = {
    "__init__.py",
    "mapping.py",
    "signals.py",
    "replies.py",
    "dedup.py",
    "emulator.py",
    "pixel.js",
    "conformance.json",
    "golden.json",
    "README.md",
}


# --- the package -----------------------------------------------------------------------------------------------------


@platforms
def test_a_platform_is_a_folder_with_the_same_files_and_a_template(kind: str) -> None:
    """A platform is one package with the same file names as the others, and brings its own template."""
    platform = installed()[kind]
    found = {one.name for one in files(platform.__module__).iterdir() if not one.name.startswith("__pycache__")}
    template = files(platform.template_package).joinpath(f"{kind}.js.jinja")

    assert found >= FILES
    assert all(name.endswith(".py") for name in found - FILES - {template.name})
    assert template.is_file()
    assert (platform.kind, golden(kind)["platform"]) == (kind, kind)
    assert kind in SPELLINGS, f"tests/twins.py has no spelling of {kind}"


@platforms
def test_a_platform_tells_its_limits(kind: str) -> None:
    """A platform says how much, how old and how fast it takes, and gives a name or None for every event there is."""
    platform = installed()[kind]

    assert set(platform.event_names) == set(EVENT_TYPES)
    assert {name for name in platform.event_names.values() if name} <= set(platform.known_names)
    assert platform.max_batch >= 1
    assert timedelta(days=1) <= platform.max_age <= timedelta(days=40)
    assert platform.rate > 0
    assert all(made(kind).window(conversion_of(case).event) >= timedelta(hours=24) for case in golden(kind)["cases"])
    assert {setting.name for setting in platform.settings if setting.required} <= set(golden(kind)["settings"])
    assert all(setting.secret == (setting.name == "access_token") for setting in platform.settings)


# --- golden files ----------------------------------------------------------------------------------------------------


@cases
def test_both_halves_are_what_the_golden_file_says(kind: str, case: Any) -> None:
    """The pixel's start, its calls and the server's event are exactly those written down beside the code."""
    platform, conversion = platform_of(kind, case), conversion_of(case)
    init = [[call.function, exact(call.args)] for call in platform.init_calls(conversion.visitor, conversion.consent)]

    assert init == case["init"]
    if "cannot" in case:
        for half in (platform.browser_calls, platform.server_event):
            with pytest.raises(CannotSend) as refusal:
                half(conversion)
            assert refusal.value.reason == case["cannot"]
    else:
        assert [[call.function, exact(call.args)] for call in platform.browser_calls(conversion)] == case["browser"]
        assert {call[0] for call in case["browser"]} <= {call[0] for call in init}  # a page calls no other function
        assert exact(platform.server_event(conversion)) == case["server"]
        assert len(case["browser"]) == platform.on_page(conversion)


@platforms
def test_the_golden_file_has_every_event(kind: str) -> None:
    """No event type and no action source is left out of a platform's golden file, nor what it says of a refund."""
    said = [case["conversion"] for case in golden(kind)["cases"]]
    refunds = [case for case in golden(kind)["cases"] if case["conversion"]["event"]["type"] == "Refund"]

    assert {one["event"]["type"] for one in said} == set(EVENT_TYPES)
    assert {one.get("action_source", "web") for one in said} == set(get_args(ActionSource))
    assert {case.get("cannot") for case in refunds} == {None, "refunds_off"}


@cases
def test_a_sealed_visitor_gives_the_same_body(kind: str, case: Any) -> None:
    """What rests in a row, sealed with the rules of all platforms and read back, makes the event of the visitor."""
    platform, conversion = platform_of(kind, case), conversion_of(case)
    sealed = conversion.visitor.seal(collected_rules(made(one).rules for one in KINDS))
    stored = SealedVisitor.from_record(decode(encode(sealed.to_record())))
    if "cannot" not in case:
        expected = platform.server_event(conversion)

        assert platform.server_event(conversion.with_visitor(sealed)) == expected
        assert platform.server_event(conversion.with_visitor(stored)) == expected
    assert platform.init_calls(stored, conversion.consent) == platform.init_calls(
        conversion.visitor, conversion.consent
    )


# --- requests --------------------------------------------------------------------------------------------------------


@said_cases
def test_events_are_sent_alike_as_values_and_as_bytes(kind: str, case: Any) -> None:
    """A request of ready bytes is the request of the values, and its body holds each event once, in order."""
    platform = platform_of(kind, case)
    event = platform.server_event(conversion_of(case))
    from_values, from_bytes = platform.server_request([event, event]), platform.server_request([encode(event)] * 2)

    assert from_values == from_bytes
    assert from_values.body.count(encode(event)) == 2
    decode(from_values.body)


@platforms
def test_a_request_is_complete_and_shows_no_secret(kind: str) -> None:
    """A request names its sender, goes out encrypted, and neither it nor the platform shows the token."""
    platform = made(kind)
    event = next(case["server"] for one, case in SAID if one == kind)
    request = platform.server_request([event])
    headers = {name.lower(): value for name, value in request.headers.items()}

    assert request.method == "POST"
    assert request.url.startswith("https://")
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("pixeltwin/")
    assert TOKEN in unquote(request.url) + str(request.headers)
    for shown in (repr(request), str(request), repr(platform), str(platform), str([platform, request])):
        assert TOKEN not in unquote(shown)


# --- answers ---------------------------------------------------------------------------------------------------------

VENDOR_KEYS = ("data", "error", "message", "fields", "field", "status", "event", "events", "reason", "details")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(VENDOR_KEYS) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
bodies = st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode())
headers_of = st.dictionaries(
    st.sampled_from(["retry-after", "date", "x-ratelimit-reset", "ratelimit-reset", "ratelimit", "content-type"]),
    st.text(max_size=20) | st.sampled_from(["nan", "inf", "-1", "1e999", "Wed, 21 Oct 2026 07:28:00 -0000", "r=0;t=7"]),
)


@platforms
@settings(max_examples=examples(200))
@given(status=st.integers(100, 599), headers=headers_of, body=bodies, count=st.integers(1, 5))
def test_every_answer_gives_one_outcome_an_event(
    kind: str, status: int, headers: dict[str, str], body: bytes, count: int
) -> None:
    """Whatever comes back, each event gets one outcome, waits are finite, and no failure counts as delivered."""
    outcomes = made(kind).read_reply(status, headers, body, count)

    assert len(outcomes) == count
    for outcome in outcomes:
        assert isinstance(outcome, (Delivered, RetryLater, Refused, Misconfigured))
        assert str(outcome)
        if isinstance(outcome, RetryLater) and outcome.after is not None:
            assert isfinite(outcome.after)
            assert 0 <= outcome.after <= 3600
        if not 200 <= status < 300:
            assert not isinstance(outcome, Delivered)


@platforms
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
def test_an_answer_that_repeats_the_token_is_not_quoted(kind: str, status: int) -> None:
    """No outcome holds the token, even where the vendor's answer does, plain or percent-encoded."""
    platform = made(kind)
    for echo in (TOKEN, quote(TOKEN, safe="")):
        texts = (
            f"bad token {echo} for /events?access_token={echo}&x=1",
            json.dumps({"error": {"message": f"{echo} is wrong"}, "message": f"{echo}", "reason": f"token {echo}"}),
            json.dumps({"status": "INVALID", "reason": echo, "errors": {"error_msgs": [echo]}, "details": {"t": echo}}),
            "x" * 180 + echo,
        )
        for body in texts:
            for outcome in platform.read_reply(status, {}, body.encode(), 2):
                assert echo not in str(outcome)
                assert TOKEN[:20] not in repr(outcome)


# --- the emulator ----------------------------------------------------------------------------------------------------


@said_cases
def test_the_emulator_takes_every_golden_body(kind: str, case: Any) -> None:
    """The sandbox accepts each golden event, and its answer reads as delivered."""
    platform, conversion = emulated(kind, case), conversion_of(case)
    answer = sent(platform, [platform.server_event(conversion)], conversion.occurred_at + timedelta(minutes=1))
    outcomes = platform.read_reply(answer.status, dict(answer.headers or {}), answer.body, 1)

    assert [type(outcome) for outcome in outcomes] == [Delivered], outcomes
    assert [half.side for half in answer.halves] == ["server"]
    assert answer.rejected == ()


@twin_cases
def test_both_halves_of_a_golden_case_count_once(kind: str, case: Any) -> None:
    """Both halves, through the emulator as the real script and the API send them, merge whichever came first; under
    another ID they do not."""
    platform, conversion = emulated(kind, case), conversion_of(case)
    seen = conversion.occurred_at + timedelta(seconds=2)
    server = sent(platform, [platform.server_event(conversion)], seen + timedelta(seconds=3)).halves[0]
    browser, stranger = (hit(platform, one, seen) for one in (conversion, _renamed(conversion)))

    for first, second in ((browser, server), (server, browser)):
        verdict = platform.dedup(first, second)
        assert (verdict.counted, verdict.certain) == (1, True), verdict.reason
        assert verdict.reason.endswith(".")
    assert (browser.event, browser.account) == (server.event, server.account)
    if browser.order_id is None:  # some merge by order id too
        assert platform.dedup(stranger, server).counted == 2


@twin_cases
def test_the_pixel_script_has_a_place_for_all_that_is_said(kind: str, case: Any) -> None:
    """Nothing that a platform has its page say is dropped on the way to the wire."""
    platform, conversion = emulated(kind, case), conversion_of(case)

    assert DROPPED not in hit(platform, conversion, conversion.occurred_at).payload


def _renamed(conversion: Conversion) -> Conversion:
    return Conversion(
        event=conversion.event, id="f" * 64, occurred_at=conversion.occurred_at, visitor=conversion.visitor
    )


def hit(platform: Platform, conversion: Conversion, now: datetime) -> Any:
    """The browser half as the emulator gets it from the real script."""
    init = platform.init_calls(conversion.visitor, conversion.consent)
    call = platform.browser_calls(conversion)[0]
    emulator = platform.emulator()
    answer = emulator.answer(emulator.hit(init, call, PAGE, now), now)
    assert answer.status < 300
    assert answer.rejected == ()
    assert [half.side for half in answer.halves] == ["browser"]
    return answer.halves[0]


def _lanes(platform: Platform, events: list[Any]) -> Iterator[list[Any]]:
    lanes: dict[str, list[Any]] = {}
    for event in events:
        lanes.setdefault(platform.lane(event), []).append(event)
    yield from lanes.values()


@platforms
def test_a_whole_batch_is_taken(kind: str) -> None:
    """All golden events of one lane go in one request, and each is delivered."""
    platform = emulated(kind)
    cases_ = [case for case in golden(kind)["cases"] if "cannot" not in case]
    now = max(conversion_of(case).occurred_at for case in cases_) + timedelta(minutes=1)
    for events in _lanes(platform, [case["server"] for case in cases_]):
        answer = sent(platform, events, now)
        outcomes = platform.read_reply(answer.status, dict(answer.headers or {}), answer.body, len(events))

        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        assert len(answer.halves) == len(events)


@platforms
@pytest.mark.parametrize(
    ("status", "expected"), [(429, RetryLater), (500, RetryLater), (503, RetryLater), (401, Misconfigured)]
)
def test_trouble_is_read_as_what_it_is(kind: str, status: int, expected: type) -> None:
    """The sandbox's troubles come in the vendor's words and are read as waits, or as a wrong setting."""
    answer = emulated(kind).emulator().trouble(status)
    outcomes = made(kind).read_reply(answer.status, dict(answer.headers or {}), answer.body, 2)

    assert [type(outcome) for outcome in outcomes] == [expected] * 2


@platforms
def test_the_emulator_serves_its_script_and_nothing_unknown(kind: str) -> None:
    """The pixel script is JavaScript from the vendor's path, and an unknown path is a 404."""
    emulator = installed()[kind].emulator()
    script = emulator.answer(Incoming("GET", emulator.script_path, "", {}, b""), datetime.fromtimestamp(0).astimezone())
    unknown = emulator.answer(Incoming("GET", "/nowhere", "", {}, b""), datetime.fromtimestamp(0).astimezone())

    assert (script.status, unknown.status) == (200, 404)
    assert "javascript" in script.content_type
    assert b"document.currentScript" in script.body
