"""(a) Eight processes on one SQLite file: at a hundred sales a second each, and as fast as they can."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from . import goods
from .case import Found, Row, Settings, Variant, at_least, at_most
from .process import spread

TITLE = "Eight processes on one SQLite file"
VARIANTS = (Variant("paced", "100 sales a second each"), Variant("saturated", "as fast as they can"))
PROCESSES = 8
EACH = 100.0  # a second


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    seconds = 3.0 if not settings.quick else 0.5
    outbox = goods.sqlite(settings.path)
    goods.track(goods.tracker(settings.prompt, outbox), 0)
    pace = EACH if variant == "paced" else 0.0
    command = [sys.executable, "-m", "benchmarks.contention", settings.prompt, outbox, str(seconds), str(pace)]
    started = [
        subprocess.Popen([*command, str(seller)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seller in range(1, PROCESSES + 1)
    ]
    for one in started:
        assert one.stdout
        one.stdout.readline()  # it has imported everything
    begin = str(time.time() + 0.2)
    for one in started:
        assert one.stdin
        one.stdin.write(f"{begin}\n")
        one.stdin.flush()
    sold: list[dict[str, Any]] = [json.loads(one.communicate()[0]) for one in started]
    counts = [len(one["times"]) for one in sold]
    return {
        **spread("call", [time for one in sold for time in one["times"]]),
        "not stored": sum(one["lost"] for one in sold),
        "sales/s": sum(counts) / seconds,
        "slowest/median": min(counts) / statistics.median(counts),
    }


def _sell(sink: str, outbox: str, seconds: float, pace: float, seller: int) -> dict[str, Any]:
    """One of the processes. It says how long each call took, and how many were not stored."""
    ours = goods.tracker(sink, outbox)
    times: list[float] = []
    lost = 0
    number = seller * 10_000_000
    print("ready", flush=True)
    begin = float(sys.stdin.readline())
    end = begin + seconds
    time.sleep(max(0.0, begin - time.time()))
    while time.time() < end:
        start = time.perf_counter()
        sold = ours.track(
            goods.purchase(number), visitor=goods.visitor(number), consent=goods.GRANTED, source_url=goods.URL
        )
        times.append((time.perf_counter() - start) * 1e6)
        lost += not sold.stored
        number += 1
        if pace:
            time.sleep(max(0.0, begin + len(times) / pace - time.time()))
    return {"times": times, "lost": lost}


def rows(found: Found) -> list[Row]:
    return [
        found.figure("paced: sales that were not stored", "paced", "not stored", "", at_most(0)),
        found.figure("saturated: sales that were not stored", "saturated", "not stored", "", at_most(0)),
        found.figure(
            "saturated: sales of the slowest process / of the median one",
            "saturated",
            "slowest/median",
            "×",
            at_least(0.5),
        ),
        found.figure("paced: p99 of a call", "paced", "call p99", "µs"),
        found.figure("paced: the longest call", "paced", "call max", "µs"),
        found.figure("saturated: the longest call", "saturated", "call max", "µs"),
        found.figure("saturated: sales a second in all", "saturated", "sales/s", ""),
    ]


if __name__ == "__main__":
    where, file, duration, rate, who = sys.argv[1:]
    print(json.dumps(_sell(where, file, float(duration), float(rate), int(who))))
