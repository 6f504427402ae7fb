"""The demo shop and its sandbox as a real process, to be driven, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds until something real has to have happened
A_LEASE = 60.0  # seconds until what a killed process was about to send is anybody's again


class RunningShop:
    """One demo server; `data` survives it, so that another one can go on where it died."""

    def __init__(self, data: Path, port: int | None = None, **environ: str) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = environ
        self.pause: Callable[[], None] = lambda: time.sleep(0.1)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PIXELTWIN_")}
        environ.update({"PORT": str(self.port), "DEMO_DATA": str(self.data), **self._environ})
        with (self.data / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "demo_site"],
                cwd=ROOT,
                env=environ,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                urlopen(self.url + "/sandbox/api/conversions", timeout=1).close()
                return process
            except OSError:
                time.sleep(0.05)
        process.kill()
        raise RuntimeError(f"the shop did not start:\n{(self.data / 'server.log').read_text()}")

    def kill(self) -> None:
        """SIGKILL: nothing gets a chance to finish."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    # --- the sandbox -----------------------------------------------------------------------------------------------

    def post(self, path: str, body: Any = None) -> None:
        data = json.dumps(body or {}).encode()
        request = Request(self.url + "/sandbox" + path, data=data, headers={"Content-Type": "application/json"})
        urlopen(request, timeout=5).close()

    def conversions(self) -> list[dict[str, Any]]:
        with urlopen(self.url + "/sandbox/api/conversions", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["conversions"]
            return found

    def of(self, name: str) -> list[dict[str, Any]]:
        """The sandbox's records of one neutral event, by platform."""
        return sorted((one for one in self.conversions() if one["name"] == name), key=lambda one: one["platform"])

    def wait_for(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Until `condition` holds; fails with what the sandbox has by then."""
        until = time.monotonic() + patience
        while not condition():
            if time.monotonic() > until:
                seen = [(c["platform"], c["event"], c["id"], c["verdict"], c["reason"]) for c in self.conversions()]
                raise AssertionError(f"{what} did not happen; the sandbox has:\n" + "\n".join(map(str, seen)))
            self.pause()

    def wait_for_merged(self, name: str, times: int = 1) -> list[dict[str, Any]]:
        """Until each of the three platforms counts `times` of this event, both halves merged."""

        def merged() -> bool:
            verdicts = [one["verdict"] for one in self.of(name)]
            return len(verdicts) == 3 * times and set(verdicts) == {"merged"}

        self.wait_for(merged, f"{3 * times} merged {name}")
        return self.of(name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
