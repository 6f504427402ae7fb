"""Snap: how its answers are read, and when two events count once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from pixeltwin.contract import Delivered, Half, Misconfigured, Refused, RetryLater
from pixeltwin.events import CustomEvent, Purchase, Subscribe
from pixeltwin.platforms.snap import Snap

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
APP = "7b1e9a00-0000-0000-0000-00000000c0de"
TOKEN = "snap/token+of=tests"
NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)


def snap(**more: Any) -> Snap:
    return Snap(**{"pixel_id": PIXEL, "access_token": TOKEN, **more})


# --- answers ---------------------------------------------------------------------------------------------------------

GOOD = {"status": "VALID", "reason": "Events have been processed successfully."}
BAD = {"status": "INVALID", "reason": "Unrecognized event type"}
LATER, AGAIN, NO, WRONG, OK = "later", "again", "refused", "misconfigured", "delivered"


def word(outcome: object) -> str:
    if isinstance(outcome, RetryLater):
        return LATER if outcome.after != 0 else AGAIN + (" alone" if outcome.alone else "")
    return {Delivered: OK, Refused: NO, Misconfigured: WRONG}[type(outcome)]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, GOOD, [OK, OK, OK]),
        (200, BAD, ["again alone"] * 3),  # a failure inside a success
        (400, BAD, ["again alone"] * 3),
        (400, {**BAD, "event": 1}, [AGAIN, NO, AGAIN]),
        (200, {**BAD, "event": 2}, [AGAIN, AGAIN, NO]),
        (400, {**BAD, "event": 7}, ["again alone"] * 3),
        (
            400,
            {"status": "INVALID", "errors": {"codes": ["E1"], "error_msgs": ["Insufficient PII"]}},
            ["again alone"] * 3,
        ),
        (400, {"status": "INVALID", "reason": "Invalid access token"}, [WRONG] * 3),  # an expired token, as recorded
        (200, {"status": "INVALID", "reason": "The token has expired"}, [WRONG] * 3),
        (400, {"status": "INVALID", "reason": "Unknown pixel id"}, [WRONG] * 3),
        (400, {"status": "INVALID", "event": 1, "reason": "Invalid content_ids: token-1"}, [AGAIN, NO, AGAIN]),
        (400, {"status": "INVALID", "event": 7, "reason": "Invalid access token"}, [WRONG] * 3),
        (401, {"status": "INVALID", "event": 1, "reason": "Unauthorized"}, [WRONG] * 3),
        (401, {"reason": "Unauthorized"}, [WRONG] * 3),
        (403, b"<html>Forbidden</html>", [WRONG] * 3),
        (404, b"", [WRONG] * 3),
        (429, BAD, [LATER] * 3),
        (500, b"<html>oops</html>", [LATER] * 3),
        (503, GOOD, [LATER] * 3),
        (200, b"<html>a proxy's page</html>", [LATER] * 3),
        (200, b'{"status": "VAL', [LATER] * 3),
        (200, b"", [LATER] * 3),
        (200, {"status": "SOMETHING"}, [LATER] * 3),
        (200, [], [LATER] * 3),
        (400, b"<html>bad request</html>", ["again alone"] * 3),
        (302, b"", [LATER] * 3),
        # /validate
        (
            200,
            {**GOOD, "test_event": True, "event_logs": [{"event": 0, "status": "VALID", "warnings": ["w"]}]},
            [OK] * 3,
        ),
        (
            400,
            {**BAD, "event_logs": [{"event": 0, "status": "VALID"}, {"event": 1, "status": "INVALID"}]},
            [AGAIN, NO, AGAIN],
        ),
        (400, {**BAD, "event_logs": [{"event": 0, "status": "VALID"}]}, ["again alone"] * 3),
        (
            400,
            {"status": "INVALID", "reason": "pixel id", "event_logs": [{"event": 2, "status": "INVALID"}]},
            [AGAIN, AGAIN, NO],
        ),
    ],
)
def test_answers_are_read_for_what_they_say(status: int, body: Any, words: list[str]) -> None:
    """Only the status word VALID is success; a blamed event is refused, blameless ones go again, settings wait."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    assert [word(outcome) for outcome in snap().read_reply(status, {}, raw, 3)] == words


def test_a_single_event_that_is_invalid_is_refused_in_snaps_words() -> None:
    """One refused event is final, and says why as Snap said it."""
    (outcome,) = snap().read_reply(400, {}, json.dumps({**BAD, "errors": {"codes": ["E7"]}}).encode(), 1)

    assert outcome == Refused("Unrecognized event type; E7")


def test_an_event_that_is_named_is_to_blame_whatever_the_words() -> None:
    """A product called a token stops no queue, not even as the only event; an expired token names no event."""
    said = {"status": "INVALID", "reason": "Invalid content_ids: permission-token-1"}

    assert word(*snap().read_reply(400, {}, json.dumps({**said, "event": 0}).encode(), 1)) == NO
    assert word(*snap().read_reply(400, {}, json.dumps(said).encode(), 1)) == WRONG


def test_a_wait_is_as_long_as_asked() -> None:
    """Retry-After is obeyed; without it the wait is left to the back-off."""
    assert snap().read_reply(429, {"retry-after": "7"}, b"", 1) == [RetryLater(7.0, "HTTP 429")]
    assert snap().read_reply(429, {}, b"", 1) == [RetryLater(None, "HTTP 429")]


def test_a_quoted_url_loses_its_token() -> None:
    """An answer that repeats the request's URL is quoted without the token, even one from a callable."""
    for platform in (snap(), snap(access_token=lambda: TOKEN)):
        url = platform.server_request([{"action_source": "WEB"}]).url
        for body in (json.dumps({"status": "INVALID", "reason": f"bad request to {url}"}).encode(), url.encode()):
            for status in (200, 400, 401, 500):
                (outcome,) = platform.read_reply(status, {}, body, 1)
                assert "snap%2F" not in str(outcome)
                assert "bad request to" in str(outcome) or body == url.encode()


# --- dedup -----------------------------------------------------------------------------------------------------------


def half(side: Any = "browser", **more: Any) -> Half:
    at = more.pop("at", timedelta(0))
    fields = {"event": "PURCHASE", "id": "x", "account": PIXEL, "occurred_at": NOON + at, "received_at": NOON + at}
    return Half(side=side, **{**fields, **more})


H48, D30, S = timedelta(hours=48), timedelta(days=30), timedelta(seconds=1)
ORDER = {"order_id": "1001", "value": Decimal("59.90")}
IN_APP = {"action_source": "app", "account": APP, "event": "ADD_CART"}


@pytest.mark.parametrize(
    ("first", "second", "counted", "certain", "because"),
    [
        (half(), half("server"), 1, True, "client_dedup_id and event_id are equal"),
        (half(), half("server", at=H48), 1, True, "48 hours"),
        (half(), half("server", at=H48 + S), 2, True, "over 48 hours"),
        # the windows by the events' own times and by their arrivals: Snap does not say which
        (half(), half("server", received_at=NOON + H48 + S), 2, False, "arrived over 48 hours"),
        (half(), half("server", occurred_at=NOON - H48 - S), 2, False, "happened over 48 hours"),
        (half(), half("server", account=APP), 2, True, "two assets"),
        (half(), half("server", event="SIGN_UP"), 2, False, "PURCHASE and SIGN_UP"),
        (half(), half("server", id="X"), 2, True, "upper and lower case"),
        (half(), half("server", id="y"), 2, True, "differ"),
        (half(), half("server", id=None), 2, True, "the server half has no event_id"),
        (half(id=None), half("server"), 2, True, "the browser half has no client_dedup_id"),
        (half(id=None), half("server", id=None), 2, True, "no client_dedup_id"),
        (half(), half(at=S), 1, True, "both client_dedup_id are equal"),
        (half("server"), half("server", at=H48 + S), 2, True, "both event_id"),
        # PURCHASE: order id and price, 30 days
        (half(id="y", **ORDER), half("server", at=D30, **ORDER), 1, True, "transaction_id and custom_data.order_id"),
        (half(id="y", **ORDER), half("server", at=D30 + S, **ORDER), 2, True, "over 30 days"),
        (half(**ORDER), half("server", at=H48 + S, **ORDER), 1, True, "30 days"),
        (half(**ORDER), half("server", received_at=NOON + H48 + S, **ORDER), 1, True, "30 days"),
        (half(id="y", **ORDER), half("server", **{**ORDER, "value": Decimal("59.9")}), 1, True, "price"),
        (half(id="y", **ORDER), half("server", **{**ORDER, "value": Decimal("59.91")}), 2, True, "59.90 and 59.91"),
        (half(id="y", **ORDER), half("server", order_id="1001"), 2, False, "no custom_data.value"),
        (half(**ORDER), half("server", order_id="1001", value=Decimal(1)), 1, True, "client_dedup_id"),
        (half(id="y", event="SIGN_UP", **ORDER), half("server", event="SIGN_UP", **ORDER), 2, True, "differ"),
        # PURCHASE: the pixel's transaction id as the API's event id
        (half(id="y", order_id="x"), half("server"), 1, True, "transaction_id equals the API's event_id"),
        (half(id="y", order_id="x"), half("server", at=H48 + S), 2, False, "over 48 hours"),
        (
            half(id="y", order_id="x", value=Decimal(1)),
            half("server", order_id="x", value=Decimal(2)),
            1,
            True,
            "transaction_id equals the API's event_id",
        ),
        (half(id="y", order_id="x"), half("server", action_source="offline"), 2, False, "one of offline"),
        (half(id="y", event="SIGN_UP", order_id="x"), half("server", event="SIGN_UP"), 2, True, "differ"),
        # the web and a shop are two channels
        (half(), half("server", action_source="offline"), 2, False, "one is of web, one of offline"),
        (half(id="y", **ORDER), half("server", action_source="offline", **ORDER), 2, False, "one of offline"),
        (half("server", action_source="offline"), half("server", action_source="offline"), 1, True, "event_id"),
        (
            half("server", id="y", action_source="offline", **ORDER),
            half("server", at=D30, action_source="offline", **ORDER),
            1,
            True,
            "custom_data.order_id are equal",
        ),
        # apps
        (
            half("server", **IN_APP, id="1", keys={"madid": "m"}),
            half("server", **IN_APP, keys={"madid": "m"}),
            2,
            False,
            "madid",
        ),
        (
            half("server", **IN_APP, id="1", keys={"madid": "m"}),
            half("server", **IN_APP, keys={"madid": "n"}),
            2,
            True,
            "differ",
        ),
        (
            half("server", **{**IN_APP, "event": "PURCHASE"}, id="1", order_id="7", value=Decimal(1)),
            half("server", **{**IN_APP, "event": "PURCHASE"}, order_id="7", value=Decimal(2)),
            1,
            True,
            "custom_data.order_id are equal",
        ),
    ],
)
def test_two_events_count_as_the_published_rule_says(
    first: Half, second: Half, counted: int, certain: bool, because: str
) -> None:
    """The verdict is the rule's, whichever event came first, and its reason names the fields that decided it."""
    for verdict in (Snap.dedup(first, second), Snap.dedup(second, first)):
        assert (verdict.counted, verdict.certain) == (counted, certain), verdict.reason
        assert because.lower() in verdict.reason.lower(), verdict.reason
        assert verdict.reason.endswith(".")


def test_the_window_is_longer_for_a_purchase_with_an_order_id() -> None:
    """A purchase with an order id is deduplicated for 30 days, everything else for 48 hours."""
    assert snap().window(Purchase(order_id="1", value="1", currency="EUR")) == D30
    assert snap().window(Purchase(value="1", currency="EUR")) == H48
    assert snap().window(Subscribe(order_id="1")) == H48
    assert snap(names={"Subscribe": "PURCHASE"}).window(Subscribe(order_id="1")) == D30
    assert snap().window(CustomEvent(name="Other", order_id="1")) == H48
