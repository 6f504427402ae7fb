"""The tallies part of an outbox: counts add up whoever counts, are listed by day, and go after five weeks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pixeltwin.outbox import Outbox
from pixeltwin.outbox.tallies import KEEP_TALLIES, Tally
from tests.outboxes import BACK_ENDS, NOW
from tests.test_outbox_contract import at_once

DAY = NOW.date()
ONE = timedelta(days=1)


@pytest.fixture(params=BACK_ENDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    yield made
    made.close()


def test_counts_add_up_and_are_listed_in_order(outbox: Outbox) -> None:
    """What is counted twice is there once with its sum; days, destinations and events stay apart."""
    tallies = outbox.tallies
    tallies.add(DAY, "red", {("Purchase", "email"): 2, ("Purchase", "all"): 3})
    tallies.add(DAY, "red", {("Purchase", "email"): 5})
    tallies.add(DAY, "red", {})
    tallies.add(DAY - ONE, "blue", {("Lead", "all"): 1})
    assert tallies.listed(since=DAY - ONE) == [
        Tally(DAY - ONE, "blue", "Lead", "all", 1),
        Tally(DAY, "red", "Purchase", "all", 3),
        Tally(DAY, "red", "Purchase", "email", 7),
    ]
    assert len(tallies.listed(since=DAY)) == 2 and tallies.listed(since=DAY + ONE) == []


def test_nothing_is_lost_between_workers(outbox: Outbox) -> None:
    """Workers that count at the same moment, in whatever order, all count."""
    words = ["all", "email", "phone", "screen"]

    def count(number: int) -> None:
        for _ in range(5):
            order = words if number % 2 else words[::-1]
            outbox.tallies.add(DAY, "red", {("Purchase", word): 1 for word in order})

    at_once(count, threads=6)
    assert {one.many for one in outbox.tallies.listed(since=DAY)} == {30}


def test_old_counts_are_forgotten(outbox: Outbox) -> None:
    """Five weeks are kept, and the outbox's own purge forgets what is older."""
    for days in (0, KEEP_TALLIES.days, KEEP_TALLIES.days + 1):
        outbox.tallies.add(DAY - timedelta(days=days), "red", {("Purchase", "all"): 1})
    assert outbox.purge(now=NOW) == 1
    kept = [one.day for one in outbox.tallies.listed(since=DAY - 100 * ONE)]
    assert kept == [DAY - KEEP_TALLIES, DAY]
