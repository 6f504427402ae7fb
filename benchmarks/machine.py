"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .load import generator
from .surroundings import file_system

PACKAGES = (
    *("pixeltwin", "flask", "httpx", "pydantic", "orjson", "psycopg", "gunicorn"),
    *("posthog", "segment-analytics-python", "snowplow-tracker", "facebook-business", "snap-business-sdk"),
)


def described(folder: Path, *, rounds: int) -> Mapping[str, str]:
    """What a reader has to know of a run, by name. `folder` is where the outboxes lay."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "rounds": str(rounds),
        "machine": f"{os.cpu_count()} × {_processor()}, {_memory()}, {platform.system()} {platform.release()}",
        "disk": file_system(folder),
        "load before the run": f"{os.getloadavg()[0]:.1f}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "packages": ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name))),
        "load generator": generator(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
