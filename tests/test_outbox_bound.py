"""The bound of the queue: the site goes on, and what is lost is counted and shouted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pixeltwin import Consent, Purchase, Reddit, Tracker, Visitor
from pixeltwin.config import Settings
from pixeltwin.errors import ConfigurationError, OutboxUnavailable
from pixeltwin.outbox import Outbox
from pixeltwin.outbox.bound import BOUND, Bound
from pixeltwin.tracking.losses import Losses
from tests.outboxes import BACK_ENDS, NOW, RED, after, put, settle_all


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    made.set_destinations([RED])
    yield made
    made.close()


def test_a_full_queue_turns_away_until_a_worker_has_looked(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    """At the bound conversions are counted as lost and said in the log once a second, until there is room again."""
    losses = Losses()
    bound = Bound(outbox, 3, losses)
    put(outbox, 1, 2)
    assert not bound.turns_away(NOW, strict=False)
    put(outbox, 3, 4)
    assert not bound.turns_away(after(seconds=0.9), strict=False)  # it is not looked at more often
    with caplog.at_level(logging.ERROR, "pixeltwin"):
        assert [bound.turns_away(after(seconds=1 + tick / 10), strict=False) for tick in range(20)] == [True] * 20
    assert ["the queue is full" in record.message for record in caplog.records] == [True, True]
    assert losses.snapshot() == {("", "queue_full"): 20}
    with pytest.raises(OutboxUnavailable, match="Is a worker running"):
        bound.turns_away(after(seconds=3), strict=True)
    settle_all(outbox, RED, "waiting")
    assert not bound.turns_away(after(seconds=4), strict=False)


def test_the_backlog_is_looked_at_once_a_second_at_most() -> None:
    """Whatever the traffic, the bound asks the store once a second, also after the clock was set back."""
    looks: list[datetime] = []

    class Looked(BACK_ENDS["memory"](Path()).__class__):  # type: ignore[misc]
        def backlog(self) -> int:
            looks.append(now)
            return 0

    bound = Bound(Looked(), 1, Losses())
    for tick in range(1000):
        now = after(milliseconds=5 * tick)
        bound.turns_away(now, strict=False)
    assert len(looks) == 5
    now = after(days=-1)
    bound.turns_away(now, strict=False)
    assert looks[-1] == now


def test_a_site_goes_on_when_the_queue_is_full() -> None:
    """track() answers with the conversion, not stored, and stores again when there is room; 0 means no bound."""
    time = NOW

    def track(tracker: Tracker, order: int) -> Any:
        visitor = Visitor(email="jane@shop.example", click_ids={"reddit": "1"})
        event = Purchase(order_id=str(order), value="1", currency="EUR")
        return tracker.track(event, visitor=visitor, consent=Consent.granted(), source_url="https://shop.example/")

    def tracker(bound: int) -> Tracker:
        reddit = Reddit(pixel_id="a2_x", access_token="t")
        return Tracker([reddit], secret_keys=["k" * 32], outbox="memory:", outbox_bound=bound, clock=lambda: time)

    ours, unbound = tracker(2), tracker(0)
    assert [track(ours, order).stored for order in range(2)] == [True, True]
    time += timedelta(seconds=1)
    lost = track(ours, 3)
    assert not lost.stored and lost.id == track(unbound, 3).id
    assert ours.losses.snapshot()["", "queue_full"] == 1
    ours.outbox.claim(ours.platforms[0].destination, now=time, limit=10)
    time += timedelta(seconds=1)
    assert track(ours, 4).stored
    assert all(track(unbound, order).stored for order in range(4, 9))
    with pytest.raises(ConfigurationError, match="outbox_bound"):
        tracker(-1)


def test_the_bound_is_a_setting() -> None:
    """PIXELTWIN_OUTBOX_BOUND is a whole number; anything else is told at start-up."""
    assert Settings({}, {}).number("OUTBOX_BOUND") == BOUND
    assert Settings({"PIXELTWIN_OUTBOX_BOUND": "0"}, {}).number("OUTBOX_BOUND") == 0
    for wrong in ("many", "-1", "1.5"):
        with pytest.raises(ConfigurationError, match="PIXELTWIN_OUTBOX_BOUND"):
            Settings({"PIXELTWIN_OUTBOX_BOUND": wrong}, {}).number("OUTBOX_BOUND")
