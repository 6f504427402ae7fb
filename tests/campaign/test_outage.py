"""A day without any platform, on a simulated clock."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pixeltwin import Consent, Tracker
from tests import samples
from tests.campaign import actors
from tests.campaign.stage import Stage

pytestmark = pytest.mark.slow

A_DAY = timedelta(hours=24)
PACE = timedelta(minutes=4)  # an order each: 360 in all
PROBES = 650  # a day's back-off: about 580 waits of 2.5 minutes on average, drawn with full jitter (deviation 14)


def test_a_day_of_outage_costs_probes_and_no_order(tmp_path: Path, stage: Stage, clock: samples.Clock) -> None:
    """While every platform is down for 24 hours orders are taken, a destination is asked a few hundred times, one event
    a time, and afterwards each order counts once; those whose pixel was shown more than a window ago stay unsent."""
    ours = Tracker(
        samples.platforms(stage.url),
        secret_keys=[samples.KEY],
        outbox=f"sqlite:///{tmp_path}/outbox.db",
        clock=clock,
    )
    stage.fault("*", "503")
    began, shown = clock.now, set[str]()
    orders: list[str] = []
    requests: Counter[str] = Counter()
    order_at = began
    while clock.now < began + A_DAY:
        if clock.now >= order_at:
            done = ours.track(
                samples.purchase(f"order-{len(orders)}"),
                visitor=samples.visitor(),
                consent=Consent.granted(),
                source_url=actors.URL,
                offered=len(orders) % 3 == 0,
            )
            assert done.stored
            orders.append(done.id)
            if len(orders) % 3 == 1:
                shown.add(done.id)
            order_at += PACE
        for name, report in ours.deliver().destinations.items():
            requests[name] += report.requests
        due = ours.delivery.next_due(clock.now)
        clock.now = min(order_at, due or order_at)
    assert len(orders) == 360
    assert all(10 < many <= PROBES for many in requests.values()), requests
    assert requests.keys() == set(actors.KINDS)

    stage.fault("*", None)
    actors.drain(ours, clock)
    states = {(half.destination.partition(":")[0], half.id): half for half in ours.outbox.deliveries(limit=5_000)}
    assert len(states) == 3 * len(orders)
    late = {id for at, id in enumerate(orders) if began + at * PACE < clock.now - A_DAY}
    for (platform, id), half in states.items():
        if platform == "pinterest" and id in late & shown:  # its window is a day, the others' two
            assert (half.state, half.reason.partition(":")[0]) == ("suppressed", "past_window_unsure")
        else:
            assert half.state == "delivered"
    counted: dict[Any, int] = {(one["platform"], one["id"]): one["counted"] for one in stage.records()}
    assert counted == {key: 1 for key, half in states.items() if half.state == "delivered"}
    ours.close()
