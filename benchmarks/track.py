"""(a) One call in the request: a durable `track()` for three platforms, against the peers' calls into memory."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from time import time

from pixeltwin.outbox import NewRow

from . import goods
from .case import Found, Row, Settings, Variant, at_most
from .process import PACE, microseconds, spread

TITLE = "track(): one call in the request"
VARIANTS = (
    Variant("floor", "INSERT and COMMIT of the same bytes by hand"),
    Variant("apart", "pixeltwin, delivered by another process"),
    Variant("thread", "pixeltwin, delivered by a thread of this process"),
    Variant("empty", "pixeltwin, an empty outbox, nobody delivers"),
    Variant("million", "pixeltwin, 1 000 000 rows waiting, nobody delivers"),
    Variant("posthog", "posthog, into memory", ("posthog",)),
    Variant("segment", "segment, into memory", ("segment.analytics",)),
)
Call = Callable[[int], object]
MOST = 100_000  # sales a measurement, and more


def prepare(settings: Settings) -> None:
    """The outbox with a million rows waiting."""
    waiting = settings.pick(1_000_000, 20_000)
    ours = goods.tracker(settings.prompt, f"sqlite:///{settings.shared}/million.db")
    sold = ours.outbox.get([goods.track(ours, 0).id])[0]
    now = ours.clock()
    for number in range(1, waiting):
        row = NewRow(
            id=f"{number:064x}",
            unique=f'["","Purchase","","key","bench-{number}"]',
            event="Purchase",
            occurred_at=now,
            record=sold.record or b"",
            visitor=sold.visitor or b"",
        )
        ours.outbox.put(row, now=now)
    ours.close()


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    first = int(time()) * MOST  # no round has used it: the million stays from one to the next, and a sale is new once
    with _calls(variant, settings) as call:
        hot = microseconds(call, settings.pick(10_000, 300), first=first)
        paced = microseconds(call, settings.pick(600, 40), first=first + MOST // 2, pace=PACE)
    return {**spread("hot", hot), **spread("paced", paced)}


def _calls(variant: str, settings: Settings) -> AbstractContextManager[Call]:
    if variant == "floor":
        return _floor(settings)
    if variant in ("posthog", "segment"):
        return _peer(variant, settings)
    return _ours(variant, settings)


@contextmanager
def _ours(variant: str, settings: Settings) -> Iterator[Call]:
    million = Path(settings.shared, "million.db").resolve(strict=variant == "million")
    outbox = f"sqlite:///{million}" if variant == "million" else goods.sqlite(settings.path)
    ours = goods.tracker(settings.prompt, outbox)
    ours.outbox.migrate()  # makes the file
    other = None
    if variant == "thread":
        ours.start_worker()
    elif variant == "apart":
        other = subprocess.Popen([sys.executable, "-m", "benchmarks.sender", outbox, settings.prompt])
    try:
        yield lambda number: goods.track(ours, number)
    finally:
        if other:
            other.terminate()
            other.wait()
        ours.close()


@contextmanager
def _peer(variant: str, settings: Settings) -> Iterator[Call]:
    queue = import_module(f"benchmarks.peers.{variant}").queue(settings.prompt)
    yield queue.capture
    queue.flush()


@contextmanager
def _floor(settings: Settings) -> Iterator[Call]:
    """What a stored sale weighs, inserted and committed in WAL mode by nothing but sqlite3."""
    ours = goods.tracker(settings.prompt, "memory:")
    sold = ours.outbox.get([goods.track(ours, 0).id])[0]
    connection = sqlite3.connect(settings.path / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE floor (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, record BLOB, visitor BLOB)")
    statement = "INSERT INTO floor (id, record, visitor) VALUES (?, ?, ?)"
    yield lambda number: connection.execute(statement, (f"{number:064x}", sold.record, sold.visitor))
    connection.close()


def rows(found: Found) -> list[Row]:
    aim = at_most(1.2)
    table: list[Row] = []
    for pace in ("hot", "paced"):
        figure = f"{pace} p50"
        table += [
            found.ratio(f"{pace}: delivered by another process / posthog", "apart", "posthog", figure, aim, unit="µs"),
            found.ratio(f"{pace}: delivered by a thread / posthog", "thread", "posthog", figure, aim, unit="µs"),
            found.ratio(f"{pace}: delivered by another process / segment", "apart", "segment", figure, unit="µs"),
            found.ratio(f"{pace}: nobody delivers / INSERT and COMMIT", "empty", "floor", figure, unit="µs"),
        ]
    waiting = found.ratio("a million rows waiting / none", "million", "empty", "hot p50", aim, unit="µs")
    return [*table, waiting]
