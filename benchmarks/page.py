"""(c) A page of a Flask shop under gunicorn, two sync workers, asked over eight connections."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

from .case import Found, Row, Settings, Variant, at_least
from .load import requests_per_second
from .process import cpu_of

TITLE = "A page of a Flask shop under gunicorn"
_GUNICORN = ("gunicorn",)
VARIANTS = (
    Variant("without", "the page without tracking", _GUNICORN),
    Variant("idle", "with head()", _GUNICORN),
    Variant("purchase", "with head() and a purchase", _GUNICORN),
    Variant("purchase hangs", "the same, the platforms never answer", _GUNICORN),
    Variant("snap", "the Snap SDK called in the view, 0 ms away", (*_GUNICORN, "snap_business_sdk")),
    Variant("meta", "facebook-business called in the view, 0 ms away", (*_GUNICORN, "facebook_business")),
)
WORKERS = 2
ROOT = Path(__file__).resolve().parents[1]


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    page, _, hangs = variant.partition(" ")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settled = {
        "BENCHMARK_PAGE": page,
        "BENCHMARK_SINK": settings.hangs if hangs else settings.prompt,
        "BENCHMARK_FOLDER": settings.folder,
    }
    command = ["-m", "gunicorn", "--workers", str(WORKERS), "--bind", address, "--log-level", "warning"]
    server = subprocess.Popen(
        [sys.executable, *command, "benchmarks.shop:app"],
        cwd=ROOT,
        env={**os.environ, **settled},
        start_new_session=True,
    )
    try:
        url = f"http://{address}/"
        _wait(url, server)
        requests_per_second(url, 1.0)  # every worker has imported and opened what it needs
        return _asked(url, server.pid, 3.0 if not settings.quick else 1.0)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _asked(url: str, group: int, seconds: float) -> Mapping[str, float]:
    cpu = cpu_of(group)
    rate = requests_per_second(url, seconds)
    return {"requests/s": rate, "CPU µs/request": (cpu_of(group) - cpu) / (rate * seconds) * 1e6}


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            urlopen(url, timeout=15).close()
        except OSError:
            if server.poll() is not None:
                raise RuntimeError("gunicorn ended: the shop cannot be imported") from None
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def rows(found: Found) -> list[Row]:
    both = [value for one in ("snap", "meta") if (value := found.get(one, "requests/s"))]
    best = "snap" if both and found.get("snap", "requests/s") == max(both) else "meta"
    aim, unit = at_least(0.75), "requests/s"
    return [
        found.ratio("with head() / without", "idle", "without", unit, aim, unit=unit),
        found.ratio("with head() and a purchase / without", "purchase", "without", unit, aim, unit=unit),
        found.ratio("a purchase / the best official SDK in the view", "purchase", best, unit, at_least(2.5), unit=unit),
        found.ratio("platforms that hang / that answer", "purchase hangs", "purchase", unit, at_least(0.95), unit=unit),
    ]
