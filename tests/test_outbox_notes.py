"""The notes of an outbox: kept under a key, replaced, amended, forgotten, listed, and gone after seven days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pixeltwin.outbox import Outbox
from pixeltwin.outbox.notes import KEEP_NOTES, Notes
from tests.outboxes import BACK_ENDS, NOW, after, new, put


@pytest.fixture(params=BACK_ENDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def notes(outbox: Outbox) -> Notes:
    return outbox.notes


def test_a_note_is_kept_under_its_kind_and_key(notes: Notes) -> None:
    """What was noted is found byte for byte under its own kind and key, and the newest note stands."""
    notes.keep("signals", "1001", b"\x00 first", now=NOW)
    notes.keep("signals", "1001", b"second", now=NOW)
    notes.keep("signals", "1002", b"other key", now=NOW)
    notes.keep("confirmed", "1001", b"other kind", now=NOW)
    assert notes.find("signals", "1001", now=NOW) == b"second"
    assert notes.find("confirmed", "1001", now=NOW) == b"other kind"
    assert notes.find("signals", "1003", now=NOW) is None


def test_a_note_can_be_forgotten(notes: Notes) -> None:
    """What was forgotten is gone, and nothing else is; forgetting what is not there is no error."""
    notes.keep("signals", "1001", b"gone", now=NOW)
    notes.keep("signals", "1002", b"stays", now=NOW)
    notes.forget("signals", "1001")
    notes.forget("signals", "1001")
    assert notes.find("signals", "1001", now=NOW) is None
    assert notes.find("signals", "1002", now=NOW) == b"stays"


def test_a_note_lives_seven_days(outbox: Outbox, notes: Notes) -> None:
    """A note is not shown once its time is over, and the next purge erases it; noting it again begins a new life."""
    notes.keep("signals", "1001", b"old", now=NOW)
    notes.keep("signals", "1002", b"renewed", now=NOW)
    notes.keep("signals", "1002", b"renewed", now=after(days=1))
    just_before = NOW + KEEP_NOTES - timedelta(microseconds=1)
    assert outbox.purge(now=just_before) == 0
    assert notes.find("signals", "1001", now=just_before) == b"old"
    assert notes.find("signals", "1001", now=NOW + KEEP_NOTES) is None
    assert outbox.purge(now=NOW + KEEP_NOTES) == 1
    assert notes.find("signals", "1001", now=NOW) is None
    assert notes.find("signals", "1002", now=NOW + KEEP_NOTES) == b"renewed"


def test_an_amended_note_lives_no_longer(outbox: Outbox, notes: Notes) -> None:
    """Only what is there is amended, under its own kind and key, and its time goes on as it was."""
    notes.keep("signals", "1001", b"before", now=NOW)
    notes.keep("confirmed", "1001", b"other kind", now=NOW)
    assert notes.amend("signals", "1001", b"\x00 after")
    assert not notes.amend("signals", "1002", b"nothing was there")
    assert notes.find("signals", "1001", now=NOW) == b"\x00 after"
    assert notes.find("signals", "1002", now=NOW) is None
    assert notes.find("confirmed", "1001", now=NOW) == b"other kind"
    assert notes.find("signals", "1001", now=NOW + KEEP_NOTES) is None
    assert outbox.purge(now=NOW + KEEP_NOTES) == 2


def test_notes_are_listed_page_by_page(notes: Notes) -> None:
    """Going on behind the last key that was seen gives every note of a kind once."""
    wanted = {f'["shop", "{number}"]': b"%d" % number for number in range(7)}
    for key, data in wanted.items():
        notes.keep("signals", key, data, now=NOW)
    notes.keep("confirmed", "1001", b"other kind", now=NOW)
    pages = [notes.listed("signals", limit=3)]
    while pages[-1]:
        pages.append(notes.listed("signals", after=pages[-1][-1][0], limit=3))
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert dict(one for page in pages for one in page) == wanted


def test_a_note_under_what_is_held_is_found(outbox: Outbox, notes: Notes) -> None:
    """Of all notes of a kind those are told whose key is a held conversion's natural key, while their time is not
    over."""
    put(outbox, 1, 2, 3, held=("payment",))
    put(outbox, 4)
    for number in (1, 2, 4, 5):
        notes.keep("confirmed", new(number).unique or "", b"paid", now=NOW)
    notes.keep("other", new(3).unique or "", b"paid", now=NOW)
    assert notes.awaited("confirmed", now=NOW) == [new(1).unique, new(2).unique]
    outbox.release(["id-1"], "payment", now=NOW)
    assert notes.awaited("confirmed", now=NOW) == [new(2).unique]
    assert notes.awaited("confirmed", now=NOW + KEEP_NOTES) == []
