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
from tests.outboxes import BACK_ENDS, NOW, after, put, settle_all
from tests.samples import KEY, platforms, purchase, visitor


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    yield made
    made.close()


REDDIT = Reddit(pixel_id="a2_x", access_token="t")


def test_a_full_queue_turns_away_until_a_worker_has_looked(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    """At the bound conversions are counted as lost and said in the log once a second, until there is room again."""
    losses = Losses()
    bound = Bound(outbox, 3, losses, [REDDIT])
    put(outbox, 1, 2)
    assert not bound.turns_away(NOW, strict=False)
    put(outbox, 3, 4)
    assert not bound.turns_away(after(seconds=0.9), strict=False)  # it is not looked at more often
    with caplog.at_level(logging.ERROR, "pixeltwin"):
        assert [bound.turns_away(after(seconds=1 + tick / 10), strict=False) for tick in range(20)] == [True] * 20
    assert ["the queue for reddit is full" in record.message for record in caplog.records] == [True, True]
    assert losses.snapshot() == {("", "queue_full"): 20}
    with pytest.raises(OutboxUnavailable, match="Is a worker running"):
        bound.turns_away(after(seconds=3), strict=True)
    settle_all(outbox, REDDIT.destination, "waiting")
    assert not bound.turns_away(after(seconds=4), strict=False)


def test_a_full_queue_of_one_platform_costs_the_others_nothing(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Where one platform takes nothing, at the bound it alone loses: what comes is stored for the others, and for it
    too once a worker has taken what waits there."""
    time = NOW
    tracker = Tracker(platforms(), secret_keys=[KEY], outbox=outbox, outbox_bound=3, clock=lambda: time)
    others = {platform.destination for platform in tracker.platforms if platform.name != "snap"}
    (snap,) = {platform.destination for platform in tracker.platforms} - others

    def track(order: int, **options: Any) -> set[str]:
        """The platforms that it is stored for."""
        nonlocal time
        time += timedelta(seconds=1)
        made = tracker.track(purchase(str(order)), visitor=visitor(), consent=Consent.granted(), **options)
        assert made.stored
        stored = {one.destination for one in outbox.deliveries(id=made.id)}
        for destination in others:
            settle_all(outbox, destination, "delivered", now=time)
        return stored

    assert [track(order) for order in range(3)] == [others | {snap}] * 3
    assert [track(order) for order in range(3, 9)] == [others] * 6
    track(8)  # it is known
    track(9, platforms=["reddit"])  # nobody meant Snap
    track(10, server=False)  # nor its server half
    assert tracker.losses.snapshot()["snap", "queue_full"] == 6
    assert "the queue for snap is full" in caplog.text
    assert len(outbox.claim(snap, now=time, limit=100)) == 3
    assert track(11) == others | {snap}
    assert all(platform != "" for platform, _ in tracker.losses.snapshot())


def test_the_backlog_is_looked_at_once_a_second_at_most() -> None:
    """Whatever the traffic, the bound asks the store once a second, also after the clock was set back."""
    looks: list[datetime] = []

    class Looked(BACK_ENDS["memory"](Path()).__class__):  # type: ignore[misc]
        def backlog(self) -> dict[str, int]:
            looks.append(now)
            return {}

    bound = Bound(Looked(), 1, Losses(), [REDDIT])
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
        return Tracker([REDDIT], secret_keys=["k" * 32], outbox="memory:", outbox_bound=bound, clock=lambda: time)

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
