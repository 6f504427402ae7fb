"""(g) How long a sale is on its way: from the call to its arrival at the sink, two sales a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module

from . import goods, tally
from .case import Found, Row, Settings, Variant, at_most
from .process import percentile

TITLE = "Freshness: two sales a second, from the call to the arrival"
VARIANTS = (
    Variant("ours", "pixeltwin, a thread of this process"),
    Variant("segment", "segment, as it comes", ("segment.analytics",)),
    Variant("posthog", "posthog, as it comes", ("posthog",)),
    Variant("snowplow", "snowplow, as it comes", ("snowplow_tracker",)),
)
EVERY = 0.5  # seconds
PATIENCE = 8.0  # seconds after the last sale; what has not come by then never does


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    tally.reset(settings.prompt)
    many = settings.pick(20, 3)
    if variant == "ours":
        ours = goods.tracker(settings.prompt, goods.sqlite(settings.path))
        ours.start_worker()
        called = _sell(lambda number: goods.track(ours, number).id, many)
        destinations = goods.PLATFORMS
    else:
        queue = import_module(f"benchmarks.peers.{variant}").queue(settings.prompt)
        called = _sell(lambda number: (queue.capture(number), f'bench-{number}"')[1], many)
        destinations = 1
    delays, missing = _arrivals(settings.prompt, called, destinations)
    figures = {"never": float(missing)}
    if delays:
        figures |= {"ms p50": percentile(delays, 0.5), "ms max": max(delays)}
    if variant == "ours":
        ours.close()
    return figures


def _sell(call: Callable[[int], str], many: int) -> dict[str, float]:
    """When each sale was called, by what its bodies can be known by. The first one pays for imports and the file, and
    is not counted."""
    call(1000)
    time.sleep(1.0)
    called: dict[str, float] = {}
    for number in range(many):
        time.sleep(EVERY)
        now = time.perf_counter()
        called[call(1001 + number)] = now
    return called


def _arrivals(url: str, called: Mapping[str, float], destinations: int) -> tuple[list[float], int]:
    """Milliseconds of each delivery, and how many never came."""
    until = time.monotonic() + PATIENCE
    while True:
        arrived: list[tuple[float, str]] = tally.state(url, arrivals=True)["arrivals"]
        found = [
            (when - at) * 1e3 for mark, at in called.items() for when, body in arrived if mark in body.replace("\\", "")
        ]
        missing = len(called) * destinations - len(found)
        if missing <= 0 or time.monotonic() > until:
            return found, max(0, missing)
        time.sleep(0.2)


def rows(found: Found) -> list[Row]:
    return [
        found.figure("the median delivery", "ours", "ms p50", "ms", at_most(20)),
        found.figure("the slowest delivery: nothing waits for company", "ours", "ms max", "ms", at_most(250)),
        found.figure("deliveries that never came", "ours", "never", "", at_most(0)),
        *(
            found.ratio(f"{one.name} / pixeltwin, the median delivery", one.name, "ours", "ms p50", unit="ms")
            for one in VARIANTS[1:]
        ),
        *(found.figure(f"{one.name}: sales that never came", one.name, "never", "") for one in VARIANTS[1:]),
    ]
