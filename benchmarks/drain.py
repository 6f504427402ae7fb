"""(b, e) Delivering a backlog: what waits in the outbox, sent to a sink, against the peers' queues and the bare wire.

pixeltwin's figures are deliveries: each sale goes to three platforms. The peers send each sale once. They keep nothing
on disk, so that their time begins with taking the events; `live` is pixeltwin's with that included.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from pixeltwin import Tracker
from pixeltwin.worker import run

from . import goods, tally
from .case import Found, Row, Settings, Variant, at_least, at_most
from .postgresql import database
from .process import peak_memory

TITLE = "Delivering a backlog"
_SEGMENT, _SNOWPLOW = ("segment.analytics",), ("snowplow_tracker",)
_META, _SNAP = ("facebook_business",), ("snap_business_sdk",)
VARIANTS = (
    Variant("sqlite", "pixeltwin, SQLite"),
    Variant("postgres", "pixeltwin, PostgreSQL", ("psycopg",), needs_postgres=True),
    Variant("live", "pixeltwin, track() and delivery in one process"),
    Variant("floor", "the same bytes joined and posted by a bare loop"),
    Variant("bound", "httpx posting a ready body of 1000 events"),
    Variant("segment", "segment", _SEGMENT),
    Variant("snowplow", "snowplow, 500 a request", _SNOWPLOW),
    Variant("meta", "facebook-business, 1000 a request", _META),
    Variant("snap", "snap-business-sdk, 2000 a request", _SNAP),
    Variant("sqlite far", "pixeltwin, SQLite, 100 ms away"),
    Variant("segment far", "segment, 100 ms away", _SEGMENT),
    Variant("snowplow far", "snowplow, 500 a request, 100 ms away", _SNOWPLOW),
    Variant("meta far", "facebook-business, 1000 a request, 100 ms away", _META),
    Variant("snap far", "snap-business-sdk, 2000 a request, 100 ms away", _SNAP),
)
FULL, QUICK = 100_000, 5_000
PATIENCE = 30.0  # seconds without a delivery
FAR = 20_000  # sales of a peer that is 100 ms away: its rate is the same after a tenth of them


def prepare(settings: Settings) -> None:
    """The backlogs: one for SQLite, copied as a file, and one for PostgreSQL, copied as a database."""
    many = settings.pick(FULL, QUICK)
    _fill(goods.tracker(settings.prompt, goods.sqlite(Path(settings.shared))), many)
    with sqlite3.connect(Path(settings.shared, "outbox.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if settings.postgres:
        _fill(goods.tracker(settings.prompt, database(settings.postgres, "backlog")), many)


def _fill(ours: Tracker, many: int) -> None:
    for number in range(many):
        goods.track(ours, number)
    ours.close()


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    name, _, far = variant.partition(" ")
    url = settings.slow if far else settings.prompt
    many = settings.pick(FAR if far and name != "sqlite" else FULL, QUICK)
    if name in ("sqlite", "postgres"):
        work, events = _delivering(name, settings, url), many * goods.PLATFORMS
    elif name == "live":
        many = settings.pick(FULL // 5, QUICK // 5)
        work, events = _tracking(settings, many), many * goods.PLATFORMS
    elif name in ("floor", "bound"):
        from . import wire  # what it imports is not pixeltwin's memory

        work, events = wire.bare(name, url, many), many * goods.PLATFORMS
    elif name in ("meta", "snap"):
        work, events = _sending(name, url, many), many
    else:
        work, events = _queueing(name, url, many), many
    return _timed(work, events, url)


def _timed(work: Callable[[], None], events: int, url: str) -> Mapping[str, float]:
    tally.reset(url)
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = tally.state(url)
    arrived: int = sum(told["counts"].values())
    if not arrived:
        raise RuntimeError("nothing arrived")
    return {
        "events/s": arrived / seconds,
        "CPU µs/event": cpu / arrived * 1e6,
        "peak MB": peak_memory(),
        "missing": abs(events - arrived),
        "events/request": arrived / sum(told["requests"].values()),
    }


def _delivering(name: str, settings: Settings, url: str) -> Callable[[], None]:
    if name == "postgres":
        outbox = database(settings.postgres, "drained", template="backlog")
    else:
        outbox = goods.sqlite(settings.path)
        shutil.copy(Path(settings.shared, "outbox.db"), settings.path)
    ours = goods.tracker(url, outbox, eager=True)

    def work() -> None:
        run(ours.delivery, once=True)
        ours.close()

    return work


def _tracking(settings: Settings, many: int) -> Callable[[], None]:
    ours = goods.tracker(settings.prompt, goods.sqlite(settings.path), eager=True)

    def work() -> None:
        ours.start_worker()
        for number in range(many):
            goods.track(ours, number)
        _wait(settings.prompt, many * goods.PLATFORMS)
        ours.close()

    return work


def _wait(url: str, events: int) -> None:
    """Until so many have arrived. `RuntimeError` when no more come."""
    seen, since = 0, time.monotonic()
    while seen < events:
        time.sleep(0.02)
        arrived: int = sum(tally.state(url)["counts"].values())
        if arrived > seen:
            seen, since = arrived, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise RuntimeError(f"{arrived} of {events} deliveries arrived, then no more in {PATIENCE:.0f} s")


def _queueing(name: str, url: str, many: int) -> Callable[[], None]:
    """What the queue refuses, because it is full, is offered again until it is taken."""
    peer = import_module(f"benchmarks.peers.{name}")
    queue = peer.queue(url, best=True) if name == "snowplow" else peer.queue(url)

    def work() -> None:
        for number in range(many):
            while not queue.capture(number):
                time.sleep(0.001)
        queue.flush()

    return work


def _sending(name: str, url: str, many: int) -> Callable[[], None]:
    peer = import_module(f"benchmarks.peers.{name}")
    send = peer.send(url)

    def work() -> None:
        for first in range(0, many, peer.BATCH):
            send(range(first, min(first + peer.BATCH, many)))

    return work


def rows(found: Found) -> list[Row]:
    table: list[Row] = []
    for name, label in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        for theirs, what, aim in (
            ("bound", "the physical bound", at_least(1 / 6)),
            ("floor", "the same bytes from a bare loop", None),
            ("segment", "segment", at_least(5)),
            ("snap", "the Snap SDK", at_least(15)),
            ("meta", "facebook-business", None),
            ("snowplow", "snowplow", None),
        ):
            table.append(
                found.ratio(f"{label}: deliveries a second / {what}", name, theirs, "events/s", aim, unit="/s")
            )
        table += [
            found.figure(f"{label}: CPU a delivery", name, "CPU µs/event", "µs", at_most(15)),
            found.figure(f"{label}: peak memory", name, "peak MB", "MB", at_most(80)),
            found.figure(f"{label}: deliveries that did not arrive, or twice", name, "missing", "", at_most(0)),
        ]
    far = ("sqlite far", "segment far", "events/s", at_least(20))
    return [
        *table,
        found.ratio("100 ms away: deliveries a second / segment", *far, unit="/s"),
        found.ratio("100 ms away: … / snowplow", "sqlite far", "snowplow far", "events/s", unit="/s"),
        found.ratio("100 ms away: … / facebook-business", "sqlite far", "meta far", "events/s", unit="/s"),
        found.ratio("100 ms away: … / the Snap SDK", "sqlite far", "snap far", "events/s", unit="/s"),
        found.ratio("track() and delivery in one process / segment", "live", "segment", "events/s", unit="/s"),
    ]
