"""What the tests of delivery share: fixtures, a delivery whose passes take no time, and looks into the outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from pixeltwin.delivery import Delivery, Report
from pixeltwin.outbox import DeliveryState, Outbox, open_outbox
from tests.local_vendor import Vendor

SECOND = timedelta(seconds=1)
_made: list[Delivery] = []


class Longest(Random):
    """Draws the longest wait there is, each time."""

    def random(self) -> float:
        return 1.0


@pytest.fixture(name="outbox")
def memory_outbox() -> Iterator[Outbox]:
    """An empty outbox; whatever delivery is made on it is closed at the end."""
    box = open_outbox("memory:")
    yield box
    while _made:
        _made.pop().close()
    box.close()


@pytest.fixture(name="vendor")
def local_vendor() -> Iterator[Vendor]:
    """A server that takes every event, until told otherwise."""
    with Vendor() as server:
        yield server


def delivery(outbox: Outbox, *platforms: Any, **options: Any) -> Delivery:
    """A delivery whose passes take no time of their own."""
    outbox.set_destinations([one.destination for one in platforms])
    made = Delivery(platforms, outbox, **{"stopwatch": lambda: 0.0, "random": Longest(), **options})
    _made.append(made)
    return made


def rows(outbox: Outbox) -> dict[str, DeliveryState]:
    """Each conversion's state, by id (there is one destination)."""
    return {row.id: row for row in outbox.deliveries(limit=10_000)}


def states(outbox: Outbox) -> Counter[str]:
    """How many halves are in which state."""
    return Counter(row.state for row in outbox.deliveries(limit=10_000))


def texts(report: Report, outbox: Outbox) -> list[str]:
    """All that delivery says of itself outside the log."""
    return [str(report), repr(report.destinations), *(row.reason for row in outbox.deliveries(limit=10_000))]
