"""What a process uses, and how long calls take in it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, sleep

PACE = 200.0  # calls a second where they are paced: caches go cold between them, as on a shop's server


def peak_memory() -> float:
    """The most megabytes this process ever had in memory. Linux's own mark is read where there is one, for that of
    `getrusage` begins with what the parent had."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def cpu_of(group: int) -> float:
    """Seconds of CPU that the processes of this group have used so far (Linux)."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if int(fields[2]) == group:
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def microseconds(call: Callable[[int], object], calls: int, *, first: int = 0, pace: float = 0.0) -> list[float]:
    """How long each call took. `pace`: so many a second, and what is waited in between is not counted."""
    times: list[float] = []
    began = perf_counter()
    for at in range(calls):
        if pace:
            sleep(max(0.0, began + at / pace - perf_counter()))
        start = perf_counter()
        call(first + at)
        times.append((perf_counter() - start) * 1e6)
    return times


def spread(name: str, times: Sequence[float]) -> dict[str, float]:
    """The figures that tell of a series of times."""
    return {f"{name} p50": percentile(times, 0.5), f"{name} p99": percentile(times, 0.99), f"{name} max": max(times)}
