"""The decisions part of an outbox: appended, found by visitor, listed in order, forgotten after 400 days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixeltwin.outbox import Outbox
from pixeltwin.outbox.decisions import KEEP_DECISIONS
from tests.outboxes import BACK_ENDS, NOW, after
from tests.test_outbox_contract import at_once


@pytest.fixture(params=BACK_ENDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    yield made
    made.close()


def test_what_somebody_decided_last_is_found(outbox: Outbox) -> None:
    """Each visitor's newest decision is the one that holds, with its time; who decided nothing is not there."""
    decisions = outbox.decisions
    decisions.record("ada", b'{"a":1}', now=NOW)
    decisions.record("bob'; --", b"\x00\xff", now=NOW)
    decisions.record("ada", b'{"a":2}', now=after(seconds=1))
    found = decisions.latest(["ada", "bob'; --", "eve", "ada"])
    assert {who: (one.who, one.decided_at, one.data) for who, one in found.items()} == {
        "ada": ("ada", after(seconds=1), b'{"a":2}'),
        "bob'; --": ("bob'; --", NOW, b"\x00\xff"),
    }
    assert decisions.latest([]) == {}


def test_decisions_are_listed_oldest_first_page_by_page(outbox: Outbox) -> None:
    """Going on behind the last number that was seen gives every decision once, as it was recorded."""
    for number in range(5):
        outbox.decisions.record(f"who-{number}", b"%d" % number, now=after(microseconds=number))
    pages = [outbox.decisions.listed(limit=3)]
    while pages[-1]:
        pages.append(outbox.decisions.listed(after=pages[-1][-1].number, limit=3))
    found = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [3, 2, 0]
    assert [(one.who, one.data, one.decided_at) for one in found] == [
        (f"who-{number}", b"%d" % number, after(microseconds=number)) for number in range(5)
    ]


def test_none_is_lost_when_many_decide_at_once(outbox: Outbox) -> None:
    """Decisions of parallel requests are all there, each under a number of its own."""
    at_once(lambda number: outbox.decisions.record(f"who-{number}", b"{}", now=NOW))
    found = outbox.decisions.listed()
    assert sorted(one.who for one in found) == [f"who-{number}" for number in range(8)]
    assert len({one.number for one in found}) == 8


def test_a_decision_is_kept_for_four_hundred_days(outbox: Outbox) -> None:
    """The outbox's own purge forgets what no consent can rest on any more, and nothing newer."""
    for number in range(1001):
        outbox.decisions.record(f"old-{number}", b"{}", now=NOW)
    outbox.decisions.record("new", b"{}", now=after(seconds=1))
    assert outbox.purge(now=NOW + KEEP_DECISIONS) == 1001
    assert [one.who for one in outbox.decisions.listed()] == ["new"]
