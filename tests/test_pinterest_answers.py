"""Pinterest: what its answers mean for each event, and when it takes two halves for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pixeltwin.contract import Delivered, Misconfigured, Refused, RetryLater
from pixeltwin.dedup import Half
from pixeltwin.platforms.pinterest import Pinterest

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32


# --- answers ---------------------------------------------------------------------------------------------------------


def answered(status: int, body: Any, count: int = 1, headers: dict[str, str] | None = None) -> list[Any]:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    platform = Pinterest(tag_id="2612345678901", ad_account_id="549755885175", access_token="pina_any")
    return platform.read_reply(status, headers or {}, encoded, count)


def result(status: str, error: str | None = "", warning: str | None = "") -> dict[str, Any]:
    return {"status": status, "error_message": error, "warning_message": warning}


UNHASHED = "'external_id' is not in sha256 hashed format"
UNKNOWN_KEY = "Invalid request: Additional properties are not allowed ('category_name' was unexpected)"


def test_each_event_is_judged_by_its_own_status() -> None:
    """A 200 delivers the events it calls processed, refuses those it calls failed, and says nothing of the rest."""
    events = [result("processed"), result("failed", "Invalid event_name"), result("processed", None, UNHASHED)]
    outcomes = answered(200, {"num_events_received": 4, "num_events_processed": 2, "events": events}, 4)

    assert outcomes[:3] == [Delivered(), Refused("Invalid event_name"), Delivered(UNHASHED)]
    assert isinstance(outcomes[3], RetryLater)
    assert not outcomes[3].alone


def test_an_error_message_beside_processed_is_a_warning() -> None:
    """The status decides, and what else was said is kept; null and absent messages are none."""
    assert answered(200, {"events": [result("processed", "odd", None)]}) == [Delivered("odd")]
    assert answered(200, {"events": [{"status": "processed"}]}) == [Delivered()]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>a proxy's page</html>"),
        (200, b'{"num_events_received":1,"num_events_processed":1,"events":[{"sta'),
        (200, {"num_events_received": 1, "num_events_processed": 1}),
        (200, {"events": [{"status": "maybe"}]}),
        (200, b""),
        (429, {"code": 8, "message": "This request exceeded a rate limit."}),
        (500, b"<html>500</html>"),
        (
            503,
            {"code": 4197, "message": "The endpoint has been ramped down and is currently not accepting any traffic."},
        ),
    ],
)
def test_no_clear_word_is_no_delivery(status: int, body: Any) -> None:
    """An answer that does not say what became of the event is tried again later."""
    for outcome in answered(status, body, 1):
        assert isinstance(outcome, RetryLater)
        assert not outcome.alone


def test_the_rate_limits_reset_is_waited_for() -> None:
    """A 429 waits for as long as Pinterest's own header says."""
    headers = {
        "x-ratelimit-limit": '120000, 120000;w=60;name="ads_conversions_ad_account_id"',
        "x-ratelimit-reset": "17",
    }

    assert [one.after for one in answered(429, {"code": 8, "message": "slow"}, 2, headers)] == [17.0, 17.0]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"code": 400, "message": UNKNOWN_KEY}, UNKNOWN_KEY),
        (400, {"code": 4196, "message": "The request was invalid."}, "4196"),
        (422, {"code": 1, "message": "Not all events were successfully processed.", "details": {}}, "Not all events"),
        (413, b"too large", "too large"),
    ],
)
def test_a_batch_refused_whole_is_halved(status: int, body: Any, said: str) -> None:
    """When nobody can be blamed the batch is tried in parts; an event alone is refused in Pinterest's words."""
    assert all(isinstance(one, RetryLater) and one.alone and one.after == 0 for one in answered(status, body, 3))
    (alone,) = answered(status, body, 1)
    assert isinstance(alone, Refused)
    assert said in alone.reason


def test_details_of_a_422_name_the_events() -> None:
    """A 422 that holds results is read like a 200."""
    details = {"events": [result("failed", "bad"), result("processed")]}

    assert answered(422, {"code": 1, "message": "x", "details": details}, 2) == [Refused("bad"), Delivered()]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"code": 2, "message": "Authentication failed."}),
        (403, {"code": 29, "message": "You are not permitted to access that resource."}),
        (403, {"code": 3, "message": "the token lacks the scope"}),
        (404, {"code": 2, "message": "AdAccount not found."}),
        (404, b"<html>not here</html>"),
        (301, b""),
    ],
)
def test_a_wrong_token_or_account_burns_no_event(status: int, body: Any) -> None:
    """Answers about token, account or address leave the events waiting."""
    assert all(isinstance(one, Misconfigured) and str(status) in one.reason for one in answered(status, body, 2))


# --- dedup -----------------------------------------------------------------------------------------------------------

TAG = Half("browser", "checkout", ID, NOON, NOON)
API = Half("server", "checkout", ID, NOON, NOON + timedelta(minutes=3))


def api_at(after: timedelta, *, event_age: timedelta = timedelta()) -> Half:
    return replace(API, occurred_at=NOON + after - event_age, received_at=NOON + after)


@pytest.mark.parametrize(
    ("second", "counted", "certain", "word"),
    [
        (API, 1, True, "24 hours"),
        (api_at(timedelta(hours=24)), 1, True, "24 hours"),
        (api_at(timedelta(hours=24, seconds=1)), 2, False, "48 hours"),
        (api_at(timedelta(hours=48)), 2, False, "48 hours"),
        (api_at(timedelta(hours=48, seconds=1)), 2, True, "48 hours"),
        (api_at(timedelta(hours=2), event_age=timedelta(hours=1)), 1, True, "event_id"),
        (api_at(timedelta(hours=2), event_age=timedelta(hours=1, seconds=1)), 2, False, "offline"),
        (api_at(timedelta(hours=49), event_age=timedelta(hours=49)), 2, True, "48 hours"),
        (replace(API, id=None), 2, True, "event_id is missing in what the API got"),
        (replace(API, id=""), 2, True, "event_id is missing"),
        (replace(API, id=ID.upper()), 2, True, "event_id differs"),
        (replace(API, event="lead"), 2, True, "event names differ"),
        (replace(API, custom_name="own"), 2, True, "event names differ"),
        (replace(API, action_source="offline"), 2, True, "offline"),
        (replace(API, action_source="app_ios"), 1, True, "event_id"),
        (replace(API, account="another"), 2, True, "accounts"),
        (replace(TAG, received_at=NOON + timedelta(hours=3)), 1, True, "event_id"),
    ],
)
def test_the_dedup_rule_as_published(second: Half, counted: int, certain: bool, word: str) -> None:
    """Same event_id and event within 24 hours, neither offline, is one conversion, and doubt is called doubt."""
    verdict = Pinterest.dedup(TAG, second)

    assert (verdict.counted, verdict.certain) == (counted, certain), verdict.reason
    assert word in verdict.reason


def test_a_tag_that_comes_late_is_not_offline() -> None:
    """The hour is the API's: a tag hit long after a prompt API event still merges."""
    late = replace(TAG, received_at=NOON + timedelta(hours=20), occurred_at=NOON)

    assert Pinterest.dedup(API, late).counted == 1


def test_without_an_id_the_tag_is_to_blame() -> None:
    """The reason says which side lacked its event_id."""
    assert "the tag" in Pinterest.dedup(replace(TAG, id=None), API).reason
