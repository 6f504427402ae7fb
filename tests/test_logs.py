"""Log lines: fields for formatters that write JSON, and never a secret or a person, whatever the world answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixeltwin import Consent, Purchase, Visitor
from pixeltwin.logfields import Fields, fields
from pixeltwin.reasons import CODES, OTHER
from tests.delivering import local_vendor
from tests.local_vendor import TOKEN, Answer, Events, Vendor, says
from tests.observed import Shop, refuses, shop_fixture

FIXTURES = (local_vendor, shop_fixture)
CARRIED = {"platform", "destination", "state", "reason", "conversion_id", "count"}
STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Lines(logging.Handler):
    """Writes each record as a JSON formatter does: the message, and whatever is no standard attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        extra = {name: value for name, value in vars(record).items() if name not in STANDARD}
        self.written.append({"level": record.levelname, "message": record.getMessage(), **extra})


@contextmanager
def lines(level: int = logging.DEBUG) -> Iterator[list[dict[str, Any]]]:
    """What the logger "pixeltwin" writes meanwhile."""
    logger, handler = logging.getLogger("pixeltwin"), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler.written
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def test_every_settled_half_is_a_line_with_all_that_is_known(shop: Shop) -> None:
    """At DEBUG each half says platform, destination, id, state and the reason's code."""
    with lines() as written:
        conversion = shop.order()
        shop.deliver()
    (line,) = [line for line in written if line["level"] == "DEBUG"]
    assert {name: line[name] for name in CARRIED - {"count"}} == {
        "platform": "local",
        "destination": "local:a1",
        "conversion_id": conversion.id,
        "state": "delivered",
        "reason": "",
    }


def test_refusals_outages_and_pauses_carry_fields(shop: Shop) -> None:
    """What a person should know of a delivery has its destination, and the code and number of what happened."""
    with lines(logging.INFO) as written:
        shop.vendor.script = refuses("not a good day")
        shop.order("1")
        shop.deliver()
        shop.vendor.script = says(503)
        shop.order("2")
        shop.deliver()
        shop.clock.advance(hours=1)
        shop.vendor.script = says(401, b"who are you")
        shop.deliver()
    refused, failing, paused = [line for line in written if line.get("destination")]
    assert {line["destination"] for line in (refused, failing, paused)} == {"local:a1"}
    assert (refused["state"], refused["reason"], refused["count"]) == ("refused", OTHER, 1)
    assert (failing["reason"], paused["reason"]) == ("http_503", "http_401")
    assert paused["level"] == "ERROR" and "who are you" in paused["message"]


def test_losses_carry_fields(shop: Shop) -> None:
    """A fault says where it was, and a loss by whom and why, as a code."""
    with lines(logging.INFO) as written:
        shop.order("1", visitor=None)
        shop.order("1", source_url=object())
        shop.tracker.track(lambda: 1 / 0, visitor=None, consent=Consent.granted())  # type: ignore[arg-type, return-value]
        shop.tracker.track(
            Purchase(order_id="1", value="5", currency="EUR"),
            visitor=Visitor(email="a@b.de"),
            consent=Consent.granted(),
        )
    reasons = [line.get("reason") for line in written]
    assert {"no_match_key", "fault_event", "conflict"} <= set(reasons) and None not in reasons


@given(st.fixed_dictionaries({}, optional={"reason": st.text(), "loss": st.text(), "platform": st.text()}))
def test_fields_hold_codes_and_never_words(given_fields: Fields) -> None:
    """Whatever reason is given, its code is carried, and what is carried can be added to any log record."""
    carried = fields(**given_fields)
    assert set(carried) <= CARRIED and not CARRIED & STANDARD
    if "reason" in given_fields and "loss" not in given_fields:
        reason = str(carried["reason"])
        assert reason in CODES | {"", OTHER} or reason.startswith("http_")


ADA: dict[str, Any] = {
    "email": "ada.lovelace@example.com",
    "ip_address": "203.0.113.77",
    "user_agent": "Mozilla/5.0 (X11; Ada) Gecko/1",
}
PRIVATE = (TOKEN, "ada.lovelace", "203.0.113.77", "(X11; Ada)", "2001:db8::17")
HOSTILE = st.sampled_from([TOKEN, *ADA.values(), "2001:db8::17", "{path}", "\n", "%s", "{0}", "[red]", ": "])
WORDS = st.lists(HOSTILE, min_size=1, max_size=4).map(" ".join)


def echo(status: int, words: str) -> Any:
    """An answer that says this of every event, wherever answers of this status say it."""

    def answer(events: Events) -> Answer:
        if status == 200:
            return 200, {}, json.dumps([words] * len(events)).encode()
        return status, {}, json.dumps({"error": words}).encode() if status == 400 else words.encode()

    return answer


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(status=st.sampled_from([200, 400, 401, 429, 500]), words=WORDS, key=WORDS)
def test_no_line_holds_a_secret_or_a_person(vendor: Vendor, status: int, words: str, key: str) -> None:
    """Tokens, addresses, agents and IP addresses that a platform echoes, and that a caller puts where they do not
    belong, are in no line, neither in its words nor in its fields."""
    shop = Shop(vendor)
    vendor.script = echo(status, words)
    with lines() as written:
        shop.order("1", visitor=Visitor(**ADA))
        shop.order(key.strip() or "2", visitor=Visitor(**ADA), source_url=f"https://shop.example/?q={words}")
        shop.order("3", visitor=Visitor(email=words), consent=Consent.granted())
        shop.deliver()
    shop.tracker.close()
    assert written
    text = "\n".join(json.dumps(line, default=str, ensure_ascii=False) for line in written)
    assert not [private for private in PRIVATE if private in text]
