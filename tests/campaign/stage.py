"""The platforms as the sandbox plays them, in a thread of this process, on a clock that is set."""

from __future__ import annotations

from threading import Thread
from typing import Any

from flask import Flask

from pixeltwin.sandbox import create_sandbox, make
from pixeltwin.sandbox.clock import Clock
from tests import samples


class Stage:
    """Serves until `close`."""

    def __init__(self, clock: samples.Clock) -> None:
        self.app: Flask = create_sandbox(clock=Clock(clock))
        self._server = make(0, app=self.app)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def fault(self, platform: str, fault: str | None) -> None:
        answer = self.app.test_client().post("/api/faults", json={"platform": platform, "fault": fault})
        assert answer.status_code == 200, answer.text

    def records(self) -> list[dict[str, Any]]:
        """What the platforms took."""
        answer: Any = self.app.test_client().get("/api/conversions").json
        return [record for record in answer["conversions"] if record["verdict"] != "rejected"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
