"""Under a real application server: several processes, forked before or after the application was made."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import pytest

from pixeltwin.sandbox import create_sandbox, make
from tests.test_flask import SETTINGS

pytestmark = pytest.mark.slow

PATIENCE = 20.0  # seconds until something real has to have happened
A_LEASE = 60.0  # seconds until the rows that a killed process had claimed are anybody's again
APPLICATION = """
from flask import Flask, redirect, render_template_string
from pixeltwin import Purchase
from pixeltwin.flask import PixelTwin

app = Flask(__name__)
app.config.from_prefixed_env()
twin = PixelTwin(app)


@app.post("/buy/<order>")
def buy(order):
    twin.track(Purchase(order_id=order, value="59.90", currency="EUR"), email="ada@example.com")
    return redirect("/thanks")


@app.get("/thanks")
def thanks():
    return render_template_string("<head>{{ pixeltwin.head() }}</head>")
"""


class Sandbox:
    """A sandbox in a thread of this process."""

    def __init__(self) -> None:
        self.app = create_sandbox()
        self.server = make(0, app=self.app)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def fault(self, fault: str | None) -> None:
        self.app.test_client().post("/api/faults", json={"platform": "*", "fault": fault})

    def arrived(self) -> list[tuple[str, str]]:
        """Platform and order of each server half of a purchase, as often as it is counted."""
        answer: Any = self.app.test_client().get("/api/conversions").json
        found: list[Any] = answer["conversions"]
        return sorted((one["platform"], one["id"]) for one in found if one["server"] and one["verdict"] != "rejected")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = Sandbox()
    yield running
    running.server.shutdown()


class Gunicorn:
    """Two sync workers that serve the application above."""

    def __init__(self, folder: Path, sandbox: str, *options: str) -> None:
        (folder / "shop.py").write_text(APPLICATION)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        settings = {name: str(value) for name, value in SETTINGS.items() if name.startswith("PIXELTWIN_")}
        settings |= {"PIXELTWIN_OUTBOX": f"sqlite:///{folder / 'outbox.db'}", "PIXELTWIN_WORKER": "thread"}
        settings |= {"PIXELTWIN_SANDBOX": sandbox, "FLASK_SECRET_KEY": "a secret for tests", "PYTHONPATH": str(folder)}
        command = ["-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", *options, "shop:app"]
        self._command, self._env, self._folder = [sys.executable, *command], {**os.environ, **settings}, folder
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, "gunicorn answers")

    def _answers(self) -> bool:
        try:
            urlopen(self.url + "/thanks", timeout=2).close()
        except OSError:
            return False
        return True

    def buy(self, order: str) -> None:
        urlopen(Request(f"{self.url}/buy/{order}", method="POST"), timeout=5).close()

    def end(self, number: signal.Signals) -> float:
        """Seconds until the whole group is gone."""
        began = time.monotonic()
        os.killpg(self.process.pid, number)
        self.process.wait(PATIENCE)
        return time.monotonic() - began


def wait_for(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"not within {patience} s: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("options", [(), ("--preload",), ("--worker-class", "gthread", "--threads", "4")])
def test_every_order_arrives_once_however_the_workers_were_made(
    tmp_path: Path, sandbox: Sandbox, options: tuple[str, ...]
) -> None:
    """Plain, preloaded or threaded workers: each order reaches each platform, counted once, and a stop is quick."""
    server = Gunicorn(tmp_path, sandbox.url, *options)
    try:
        for number in range(12):
            server.buy(f"order-{number}")
        wait_for(lambda: len(sandbox.arrived()) == 36, "12 orders on 3 platforms")
        assert len(set(sandbox.arrived())) == 36
    finally:
        took = server.end(signal.SIGTERM)
    assert took < 10


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_a_deploy_or_a_crash_during_an_outage_loses_nothing(
    tmp_path: Path, sandbox: Sandbox, death: signal.Signals
) -> None:
    """Orders taken while every platform is down survive the end of all processes and arrive after the restart."""
    sandbox.fault("503")
    server = Gunicorn(tmp_path, sandbox.url)
    try:
        for number in range(5):
            server.buy(f"order-{number}")
        server.end(death)
        sandbox.fault(None)
        server.start()
        wait_for(lambda: len(sandbox.arrived()) == 15, "5 orders on 3 platforms", PATIENCE + A_LEASE)
    finally:
        server.end(signal.SIGKILL)
