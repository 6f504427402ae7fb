"""Never lost, never twice: shops and workers killed at random instants while the platforms misbehave.

The seed is fixed; CAMPAIGN_CYCLES makes it longer and CAMPAIGN_SEED another one (`make campaign`).
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pixeltwin import Tracker
from tests import samples
from tests.campaign import actors
from tests.campaign.stage import Stage
from tests.postgresql import fresh_url

pytestmark = pytest.mark.slow

CYCLES = int(os.environ.get("CAMPAIGN_CYCLES", "100"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "20260820"))
A_CYCLE = timedelta(seconds=61)  # simulated: the leases of whoever died in the last one have ended
ORDERS = 6  # a shop's life
PYTHON_CALLS = 9_000  # about as many as a role makes: it dies somewhere in between, or lives
TROUBLE = (None, None, None, "500", "503", "429", "401", "garbage", "truncated", "reset", "timeout", "drip", "miscount")
WITHIN = 0.08  # seconds until somebody is killed from outside


STORES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/outbox.db",
    "postgres": lambda folder: fresh_url(),
}


@pytest.mark.parametrize("store", STORES)
def test_whoever_dies_every_order_counts_once_on_every_platform(
    store: str, tmp_path: Path, stage: Stage, clock: samples.Clock
) -> None:
    """Shops and workers killed at random instants of tracking, claiming, sending and settling, under every fault the
    sandbox knows: each order that was stored is counted exactly once by each platform, and nothing else is."""
    chance = random.Random(f"{SEED} {store}")
    url, notes = STORES[store](tmp_path), tmp_path / "stored"
    deaths = 0
    for cycle in range(CYCLES):
        for platform in actors.KINDS:
            stage.fault(platform, chance.choice(TROUBLE))
        deaths += killed(chance, url, stage.url, notes, clock, cycle)
        clock.now += A_CYCLE
    assert deaths > CYCLES / 2
    stage.fault("*", None)
    clock.now += A_CYCLE
    ours = actors.tracker(url, stage.url, clock)
    actors.drain(ours, clock)
    stored = notes.read_text().split()
    assert len(stored) > CYCLES
    balanced(ours, stage, set(stored), deaths)
    ours.close()
    if store == "sqlite":
        with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def killed(chance: random.Random, url: str, sandbox: str, notes: Path, clock: samples.Clock, cycle: int) -> int:
    """A cycle: a shop and a worker at once, of which some die by their own hand and the rest, sooner or later, by ours.
    How many died before their time."""

    def own_end() -> int | None:
        return chance.randrange(1, PYTHON_CALLS) if chance.random() < 0.5 else None

    running = [
        actors.begin(actors.shop, url, sandbox, str(notes), clock.now, cycle * ORDERS, ORDERS, own_end()),
        actors.begin(actors.courier, url, sandbox, clock.now, own_end()),
    ]
    chance.shuffle(running)
    for process in running:
        process.join(chance.random() * WITHIN)
        process.kill()
        process.join()
    return sum(process.exitcode != 0 for process in running)


def balanced(ours: Tracker, stage: Stage, stored: set[str], deaths: int) -> None:
    """The books: orders noted, rows in the outbox, and what each platform counts."""
    halves = ours.outbox.deliveries(limit=100_000)
    rows = {half.id for half in halves}
    assert stored <= rows, "an order that was stored is gone"
    assert len(rows - stored) <= deaths, "more rows than orders: only who died between storing and noting leaves one"
    assert Counter(half.state for half in halves) == {"delivered": 3 * len(rows)}
    counted = Counter({(record["platform"], record["id"]): record["counted"] for record in stage.records()})
    assert counted == Counter({(platform, id): 1 for platform in actors.KINDS for id in rows})
