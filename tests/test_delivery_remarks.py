"""What a platform remarks about events it takes: kept with the row, counted always, said once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from pixeltwin.contract import Delivered, Outcome
from pixeltwin.outbox import Outbox
from pixeltwin.sending.remarks import MOST_TEXTS, OTHERS
from tests.delivering import SECOND, delivery, local_vendor, memory_outbox, rows
from tests.local_vendor import NOW, TOKEN, Answer, Events, Local, Vendor, conversion, put

FIXTURES = (memory_outbox, local_vendor)


class Remarking(Local):
    """The tests' own platform, whose answers may remark on an event that was taken."""

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        return [Delivered(one) for one in json.loads(body)]


def remarking(vendor: Vendor, account: str = "a1") -> Remarking:
    return Remarking(account=account, name=account, access_token=TOKEN, api_url=vendor.url)


def about(**texts: str) -> object:
    """Answers with these remarks, by conversion id; "" for all others."""

    def script(events: Events) -> Answer:
        return 200, {}, json.dumps([texts.get(event["id"].replace("-", "_"), "") for event in events]).encode()

    return script


def test_a_warning_is_kept_with_its_row(outbox: Outbox, vendor: Vendor) -> None:
    """What was taken with a remark is delivered, and its row says what the platform remarked, without the token."""
    vendor.script = about(id_1=f"phone is not\n hashed ({TOKEN})")  # type: ignore[assignment]
    sender = delivery(outbox, remarking(vendor))
    for number in range(3):
        put(outbox, conversion(number))
    report = sender.deliver(NOW)
    assert {id: (row.state, row.reason) for id, row in rows(outbox).items()} == {
        "id-0": ("delivered", ""),
        "id-1": ("delivered", "phone is not hashed (***)"),
        "id-2": ("delivered", ""),
    }
    assert report.destinations["a1"].warnings == {"phone is not hashed (***)": 1}


def test_a_warning_is_said_once_for_each_text_and_destination(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """The same remark about many events, over many passes, is one line a destination; every one is counted."""
    vendor.script = lambda events: (200, {}, json.dumps(["old name"] * (len(events) - 1) + ["no IP"]).encode())
    sender = delivery(outbox, remarking(vendor), remarking(vendor, "a2"))
    for number in range(20):
        put(outbox, conversion(number))
        if number % 10 == 9:
            sender.deliver(NOW + number * SECOND)
    said = sorted(record.getMessage().partition(" takes ")[0] for record in caplog.records)
    assert said == ["a1", "a1", "a2", "a2"]
    for destination in ("local:a1", "local:a2"):
        assert sender.warnings(destination) == {"old name": 18, "no IP": 2}


def test_a_platform_that_always_says_something_new_fills_no_log(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """Remarks that quote the event are a hundred lines at most; the others are counted together."""
    vendor.script = lambda events: (200, {}, json.dumps([f"look at {event['id']}" for event in events]).encode())
    sender = delivery(outbox, remarking(vendor))
    for number in range(MOST_TEXTS + 50):
        put(outbox, conversion(number))
    sender.deliver(NOW)
    counts = sender.warnings("local:a1")
    assert counts[OTHERS] == 50
    assert sum(counts.values()) == MOST_TEXTS + 50
    assert len(caplog.records) == MOST_TEXTS + 1
    assert rows(outbox)["id-149"].reason == "look at id-149"
