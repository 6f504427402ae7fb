"""Reddit: its recorded answers, and its dedup rule."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pixeltwin.contract import Delivered, Misconfigured, Refused, RetryLater
from pixeltwin.dedup import Half
from pixeltwin.errors import ConfigurationError
from pixeltwin.platforms.reddit import Reddit
from pixeltwin.platforms.reddit.dedup import judge

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
UUID = "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
VOIDED = "There were 1 invalid conversion events. None were processed."


def reddit() -> Reddit:
    return Reddit(pixel_id="a2_abc123", access_token="conversion-token")


# --- answers ---------------------------------------------------------------------------------------------------------


def answer(message: str, code: int = 400, *fields: tuple[str, str]) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = [{"field": field, "message": why} for field, why in fields]
    return json.dumps({"error": error}).encode()


def taken(count: int) -> bytes:
    return json.dumps({"data": {"message": f"Successfully processed {count} conversion events."}}).encode()


BAD_UUID = ("$.data.events[1].user.UUID", "user.UUID: invalid UUID: UUID must be RFC-4122 compliant")
BAD_SOURCE = ("$.data.events[0].action_source", "action_source: invalid action_source: website")


@pytest.mark.parametrize(
    ("status", "body", "kinds"),
    [
        (200, taken(3), [Delivered] * 3),
        (200, answer(VOIDED, 400, BAD_UUID), [RetryLater, Refused, RetryLater]),
        (400, answer(VOIDED, 400, BAD_UUID), [RetryLater, Refused, RetryLater]),
        (400, answer(VOIDED, 400, BAD_UUID, BAD_SOURCE), [Refused, Refused, RetryLater]),
        (401, answer("No bearer token provided", 401), [Misconfigured] * 3),
        (401, b"Authorization Required", [Misconfigured] * 3),
        (403, answer("You're not authorized to post conversions to Pixel ID a2_x.", 403), [Misconfigured] * 3),
        (403, answer("Missing adsconversions scope to post conversions to Pixel.", 403), [Misconfigured] * 3),
        (404, answer("Not Found", 404), [Misconfigured] * 3),
        (308, b"", [Misconfigured] * 3),
        (429, answer("Your user agent was automatically ratelimited.", 429), [RetryLater] * 3),
        (500, answer("The service is currently unavailable.", 500), [RetryLater] * 3),
        (502, b"<html><h1>Bad Gateway</h1></html>", [RetryLater] * 3),
        (200, b"<html>captive portal</html>", [RetryLater] * 3),
        (200, taken(3)[:20], [RetryLater] * 3),
        (200, b"", [RetryLater] * 3),
        (204, b"", [RetryLater] * 3),
    ],
)
def test_a_recorded_answer_is_read_right(status: int, body: bytes, kinds: list[type]) -> None:
    """Each answer Reddit is known to give becomes the right outcome for each of three events."""
    assert [type(one) for one in reddit().read_reply(status, {}, body, 3)] == kinds


def test_blameless_events_go_again_at_once_and_the_guilty_one_hears_why() -> None:
    """In a voided batch the named event is refused in Reddit's words, and the others wait for nothing."""
    outcomes = reddit().read_reply(400, {}, answer(VOIDED, 400, BAD_UUID), 3)

    assert outcomes[1] == Refused(BAD_UUID[1])
    assert [one.after for one in outcomes if isinstance(one, RetryLater)] == [0, 0]
    assert not any(one.alone for one in outcomes if isinstance(one, RetryLater))


@pytest.mark.parametrize(
    "body", [b"Bad Request", answer("Bad Request"), answer(VOIDED, 400, ("$.data.events[9].x", "y"))]
)
def test_where_nobody_can_be_blamed_the_batch_is_halved(body: bytes) -> None:
    """A refusal that names no event of the batch sends them apart; alone, the event is refused with the words."""
    for outcome in reddit().read_reply(400, {}, body, 2):
        assert isinstance(outcome, RetryLater)
        assert (outcome.after, outcome.alone) == (0, True)
    assert isinstance(reddit().read_reply(400, {}, body, 1)[0], Refused)


def test_an_answer_for_fewer_events_than_were_sent_delivers_none() -> None:
    """If Reddit says two of three, nobody knows which: all go again, apart, and their IDs keep them from counting."""
    outcomes = reddit().read_reply(200, {}, taken(2), 3)

    assert all(isinstance(one, RetryLater) and one.alone for one in outcomes)


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry-after": "7"}, 7),
        ({"ratelimit": "limit=10, remaining=0, reset=30", "ratelimit-policy": "10;w=60"}, 30),
        ({"ratelimit": '"default";r=0;t=12'}, 12),
        ({"retry-after": "7", "ratelimit": "reset=30"}, 7),
        ({"ratelimit": "reset=999999"}, 3600),
        ({}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], after: float | None) -> None:
    """Retry-After and Reddit's RateLimit header are obeyed; without them the caller's own back-off holds."""
    outcome = reddit().read_reply(429, headers, b"", 1)[0]

    assert isinstance(outcome, RetryLater)
    assert outcome.after == after


def test_a_test_id_is_sent_once_and_never_a_bare_true() -> None:
    """Event Testing needs its id, inside `data`; without one the request is an error that says where to find it."""
    event = {"event_at": 1}
    body = json.loads(reddit().server_request([event], test="t2_test").body)

    assert body == {"data": {"events": [event], "test_id": "t2_test"}}
    assert "test_id" not in json.loads(reddit().server_request([event], test=False).body)["data"]
    with pytest.raises(ConfigurationError, match="Event Testing"):
        reddit().server_request([event], test=True)


# --- dedup -----------------------------------------------------------------------------------------------------------

BROWSER = Half(
    side="browser", event="PURCHASE", id=ID, occurred_at=NOW, received_at=NOW, account="a2_abc123", quality=3
)
SERVER = replace(BROWSER, side="server", received_at=NOW + timedelta(seconds=5), quality=5)


@pytest.mark.parametrize(
    ("change", "counted", "certain", "because"),
    [
        ({}, 1, True, "counted once"),
        ({"id": ID.upper()}, 1, True, "counted once"),
        ({"received_at": NOW + timedelta(days=2)}, 1, True, "within 2 days"),
        ({"received_at": NOW + timedelta(days=2, seconds=1)}, 2, False, "over 2 days"),
        ({"received_at": NOW + timedelta(days=7)}, 2, False, "over 2 days"),
        ({"received_at": NOW + timedelta(days=7, seconds=1)}, 2, True, "over 7 days"),
        ({"id": "cd" * 32}, 2, True, "differ: two conversions"),
        ({"id": None}, 2, True, "no metadata.conversion_id"),
        ({"event": "LEAD"}, 2, True, "event types differ"),
        ({"custom_name": "Quiz"}, 2, True, "custom event names differ"),
        ({"action_source": "offline"}, 2, True, "action sources"),
        ({"account": "a2_other"}, 2, True, "two pixels"),
    ],
)
def test_the_published_rule_decides_and_says_by_which_field(
    change: dict[str, Any], counted: int, certain: bool, because: str
) -> None:
    """ID, type, custom name, action source, pixel and the two days decide, in either order of arrival."""
    other = replace(SERVER, **change)
    for verdict in (judge(BROWSER, other), judge(other, BROWSER)):
        assert (verdict.counted, verdict.certain) == (counted, certain)
        assert because in verdict.reason


def test_an_id_and_its_digest_are_one_but_case_and_blanks_count() -> None:
    """Reddit hashes a plain ID before it compares: its SHA-256 is equal to it, another spelling is not."""
    digest = hashlib.sha256(b"order-1001").hexdigest()
    pixel = replace(BROWSER, id=digest)

    assert judge(pixel, replace(SERVER, id="order-1001")).counted == 1
    assert judge(pixel, replace(SERVER, id="ORDER-1001")).counted == 2
    assert judge(pixel, replace(SERVER, id=" order-1001")).counted == 2


def test_the_poorer_half_is_the_duplicate_and_a_retry_merges_too() -> None:
    """The half with fewer keys and metadata goes, the later one where they are equal; a resend is judged alike."""
    assert "server half is kept" in judge(BROWSER, SERVER).reason
    assert "browser half is kept" in judge(replace(BROWSER, quality=9), SERVER).reason
    assert "the earlier one (server) is kept" in judge(SERVER, SERVER).reason
    assert judge(SERVER, replace(SERVER, received_at=NOW + timedelta(hours=3))).counted == 1


@pytest.mark.parametrize(
    ("gap", "keys", "counted"),
    [
        (timedelta(minutes=5), {"uuid": UUID}, 1),
        (timedelta(minutes=5), {"external_id": "x", "uuid": UUID}, 1),
        (timedelta(minutes=5, seconds=1), {"uuid": UUID}, 2),
        (timedelta(0), {"uuid": "other"}, 2),
        (timedelta(0), {}, 2),
    ],
)
def test_without_ids_one_users_events_within_five_minutes_are_one(
    gap: timedelta, keys: dict[str, str], counted: int
) -> None:
    """The session method needs a common uuid or external id and at most five minutes."""
    first = replace(BROWSER, id=None, keys={"uuid": UUID})
    second = replace(SERVER, id=None, keys=keys, occurred_at=NOW + gap, received_at=NOW + gap)

    assert judge(first, second).counted == counted
