"""What the measurements need around them: a sink, a PostgreSQL, a folder on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .case import Settings
from .postgresql import PostgreSQL

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def surroundings(*, quick: bool, postgres: bool) -> Iterator[Settings]:
    """All of it running; it ends with the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pixeltwin-benchmarks-"))
        for name in ("own", "shared"):
            Path(folder, name).mkdir()
        server = stack.enter_context(PostgreSQL()) if postgres else PostgreSQL()
        addresses = stack.enter_context(_sink())
        yield Settings(quick=quick, folder=f"{folder}/own", shared=f"{folder}/shared", postgres=server.url, **addresses)


@contextmanager
def _sink() -> Iterator[dict[str, str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    with process.stdin, process.stdout:
        yield json.loads(process.stdout.readline())
    process.wait(10)


def file_system(folder: Path) -> str:
    """What the disk of a folder is formatted with (Linux)."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(above)[1] if above else "unknown"
