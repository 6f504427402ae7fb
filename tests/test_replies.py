"""Answers: how long a platform asks to be left alone, and what of its words is quoted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixeltwin.contract import RetryLater
from pixeltwin.replies import LONGEST_WAIT, json_body, retry_after, transient, words

ANSWERED = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
DATE = format_datetime(ANSWERED, usegmt=True)


@given(st.integers(-10, 10**6))
def test_the_wait_a_server_asks_for_is_kept(seconds: int) -> None:
    """Retry-After in seconds is kept, but never longer than an hour and never below nothing."""
    assert retry_after({"retry-after": f" {seconds} "}) == min(max(seconds, 0), LONGEST_WAIT)


@given(st.integers(-1000, 100_000))
def test_a_date_is_read_against_the_servers_own_clock(seconds: int) -> None:
    """Retry-After as a date counts from the answer's Date, so that a wrong clock on this machine does not matter."""
    until = format_datetime(ANSWERED + timedelta(seconds=seconds), usegmt=True)
    assert retry_after({"retry-after": until, "date": DATE}) == min(max(seconds, 0), LONGEST_WAIT)
    assert retry_after({"retry-after": until}) is None


@pytest.mark.parametrize("name", ["x-ratelimit-reset", "ratelimit-reset"])
def test_a_rate_limit_says_when_it_is_over(name: str) -> None:
    """Where there is no Retry-After, the reset of the rate limit is the wait; an unreadable one says nothing."""
    assert retry_after({name: "12.5"}) == 12.5
    assert retry_after({name: "12.5", "retry-after": "3"}) == 3
    assert retry_after({name: "12.5", "retry-after": "soon"}) == 12.5
    assert retry_after({name: "soon"}) is None


@given(st.text(), st.text() | st.just(DATE), st.text())
@example("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", DATE, "")
@example("Mon, 01 Jan 99999 00:00:00 GMT", DATE, "1e999")
@example("nan", "", "inf")
@example("Thu, 20 Aug 2026 12:00:10 -0000", DATE, "")
def test_no_header_can_break_the_reading(asked: str, date: str, reset: str) -> None:
    """Whatever stands in the headers, the answer is a wait of at most an hour, or none."""
    wait = retry_after({"retry-after": asked, "date": date, "x-ratelimit-reset": reset})
    assert wait is None or 0 <= wait <= LONGEST_WAIT


@given(st.integers(100, 599), st.integers(1, 5))
def test_not_now_is_told_to_every_event(status: int, count: int) -> None:
    """A time-out, a rate limit or a fault of the server lets every event of the request wait; nothing else does."""
    outcomes = transient(status, {"retry-after": "7"}, b"upstream  is\nbusy", count)
    if status in (408, 425, 429) or status >= 500:
        assert outcomes == [RetryLater(7.0, f"HTTP {status}: upstream is busy")] * count
    else:
        assert outcomes is None


def test_an_empty_answer_is_quoted_by_its_status() -> None:
    """Without a body the reason is the status alone, and without a wanted wait the client's own back-off applies."""
    assert transient(503, {}, b"", 1) == [RetryLater(None, "HTTP 503")]


@given(st.binary(max_size=2000))
def test_a_quotation_is_one_short_line(body: bytes) -> None:
    """Of any body, binary or huge, at most 200 characters in one line are quoted."""
    quoted = words(body)
    assert len(quoted) <= 200
    assert len(quoted.splitlines()) <= 1
    assert quoted == quoted.strip()


def test_a_quotation_begins_where_the_body_begins() -> None:
    """The first words of an error page are what a person needs to see."""
    assert words(b"<html>\n  <h1>Bad\tgateway</h1>") == "<html> <h1>Bad gateway</h1>"
    assert words(b"x" * 10_000) == "x" * 200


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"a": NaN}')
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    """An error page, a cut or a hostile answer raises nothing: it is read as no body at all."""
    json_body(body)
    assert json_body(b"<" + body) is None


def test_a_json_body_is_parsed() -> None:
    """The answer of a platform is read as what it says."""
    assert json_body(b'{"events": [{"status": "processed"}]}') == {"events": [{"status": "processed"}]}
