"""The sandbox of a test on a port of this machine, for real browsers and for programs in any language."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .bench import Bench


@dataclass(frozen=True)
class ServedSandbox:
    """`url` is where it is: its page too, while a debugger holds the test."""

    url: str
    bench: Bench

    def conversions(self, platform: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        """What each platform counts, and why, once everything due was delivered: the sandbox's records."""
        self.bench.settle()
        return self.bench.asker.records(platform, event)

    def fault(self, platform: str, fault: str | None, **more: Any) -> None:
        """Make a platform fail from now on: "503", "timeout", "garbage"; None ends it."""
        self.bench.asker.ask("/api/faults", {"platform": platform, "fault": fault, **more})

    def reset(self) -> None:
        """Forget everything, as at the beginning of each test."""
        self.bench.reset()

    @property
    def settings(self) -> Mapping[str, str]:
        """For an application in a process of its own, as its environment or its configuration: it delivers by itself,
        in real time."""
        return {"PIXELTWIN_SANDBOX": self.url, "PIXELTWIN_WORKER": "thread"}


@contextmanager
def served(bench: Bench) -> Generator[ServedSandbox]:
    """The sandbox of a bench on a free port, for as long as the block lasts."""
    from ..sandbox import make

    server = make(0, app=bench.sandbox)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="pixeltwin-test-sandbox", daemon=True)
    thread.start()
    bench.pause = bench.pause or (lambda: time.sleep(0.02))
    try:
        yield ServedSandbox(f"http://127.0.0.1:{server.server_port}", bench)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
