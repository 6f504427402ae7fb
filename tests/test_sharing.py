"""What one destination's pass put back serves the others'."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from pixeltwin.contract import Platform
from pixeltwin.conversion import Conversion, conversion_from_record
from pixeltwin.events import Lead
from pixeltwin.outbox import Outbox, Stored
from pixeltwin.sending import outbound, sharing
from pixeltwin.sending.sharing import Sharing
from tests.delivering import delivery, local_vendor, memory_outbox
from tests.local_vendor import NOW, Vendor, conversion, put

FIXTURES = (memory_outbox, local_vendor)
ROW = Stored(7, "id-7", b"record", b"visitor")
FOUND = Conversion(event=Lead(), id="id-7", occurred_at=NOW)


def test_a_conversion_is_lent_to_each_of_the_others_once() -> None:
    """It stays until the last reader had it."""
    shared = Sharing(readers=3)
    with shared.during():
        shared.keep(ROW, FOUND)
        assert [shared.find(ROW) for _ in range(3)] == [FOUND, FOUND, None]


def test_two_who_put_it_back_at_once_are_two_of_its_readers() -> None:
    """Passes that are quite in step leave nothing behind."""
    shared = Sharing(readers=3)
    with shared.during():
        shared.keep(ROW, FOUND)
        shared.keep(ROW, FOUND)
        assert [shared.find(ROW) for _ in range(2)] == [FOUND, None]


@pytest.mark.parametrize(
    "row", [ROW._replace(record=b"confirmed"), ROW._replace(visitor=b"filled"), ROW._replace(visitor=None)]
)
def test_a_row_that_was_rewritten_is_put_back_anew(row: Stored) -> None:
    """What was kept of it before is not lent any more, to nobody."""
    shared = Sharing(readers=2)
    other = FOUND.as_stored()
    with shared.during():
        shared.keep(ROW, FOUND)
        assert shared.find(row) is None
        shared.keep(row, other)
        assert shared.find(ROW) is None
        assert shared.find(row) is other


def test_one_destination_keeps_nothing() -> None:
    """There is nobody to lend it to."""
    shared = Sharing(readers=1)
    with shared.during():
        shared.keep(ROW, FOUND)
        assert shared.find(ROW) is None


def test_personal_data_is_kept_no_longer_than_the_last_pass() -> None:
    """Passes overlap; when none is under way nothing is in memory, and nothing comes there."""
    shared = Sharing(readers=3)
    with shared.during():
        with shared.during():
            shared.keep(ROW, FOUND)
        assert shared.find(ROW) is FOUND
    with shared.during():
        assert shared.find(ROW) is None
    shared.keep(ROW, FOUND)
    with shared.during():
        assert shared.find(ROW) is None


def test_it_is_a_batch_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a pass is further ahead, what it put back first is let go."""
    monkeypatch.setattr(sharing, "MOST", 2)
    shared = Sharing(readers=2)
    rows = [ROW._replace(seq=seq) for seq in range(3)]
    with shared.during():
        for row in rows:
            shared.keep(row, FOUND)
        assert [shared.find(row) for row in rows] == [None, FOUND, FOUND]


def test_a_pass_over_several_destinations_puts_each_row_back_once(
    outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a store with one writer they come to it in turn; each platform gets its own event all the same."""
    made: list[str] = []

    def counted(record: dict[str, Any], visitor: dict[str, Any], occurred_at: datetime) -> Conversion:
        made.append(record["id"])
        return conversion_from_record(record, visitor, occurred_at)

    monkeypatch.setattr(outbound, "conversion_from_record", counted)
    monkeypatch.setattr(type(outbox), "one_writer", True)
    platforms: list[Platform] = [vendor.platform(account=f"a{number}", name=f"local-{number}") for number in range(3)]
    sender = delivery(outbox, *platforms)
    for number in range(50):
        put(outbox, conversion(number))
    assert sender.deliver(NOW + timedelta(seconds=1)).delivered == 150
    assert sorted(made) == sorted(f"id-{number}" for number in range(50))
