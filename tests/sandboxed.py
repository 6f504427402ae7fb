"""Traffic for the sandbox: both halves as the platforms' own code and pixel scripts put them on the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import Client

from pixeltwin import Conversion, Visitor
from pixeltwin.contract import Platform
from pixeltwin.conversion import issue_id
from pixeltwin.events import Event
from pixeltwin.platforms import installed
from pixeltwin.sandbox import make
from tests.samples import AGENT, SNAP_PIXEL
from tests.twins import PAGE

ORIGIN = "http://127.0.0.1"
KINDS = sorted(installed())
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "reddit": {"pixel_id": "a2_shop"},
    "snap": {"pixel_id": SNAP_PIXEL},
    "pinterest": {"tag_id": "2612345678901", "ad_account_id": "549755885175"},
}
SOMEBODY = Visitor(email="ada@example.com", ip_address="203.0.113.7", user_agent=AGENT)


def platform(kind: str, base: str = ORIGIN, **settings: Any) -> Platform:
    """A platform whose both halves go to a sandbox."""
    found: Any = installed()[kind]
    token = {"access_token": f"token-of-{kind}-Zq81"}
    made: Platform = found(**{**SETTINGS[kind], **token, **found.emulated(base), **settings})
    return made


def conversion(event: Event, occurred_at: datetime, **fields: Any) -> Conversion:
    return Conversion(
        **{
            "event": event,
            "id": issue_id(),
            "occurred_at": occurred_at,
            "visitor": SOMEBODY,
            "source_url": "https://shop.example/thanks",
            **fields,
        }
    )


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Visitors:
    """Drives a sandbox in this process, without a server. `prefix` is where it is mounted."""

    app: Any
    prefix: str = ""

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        given = Client(self.app).open(
            self.prefix + path, method=method, data=body, headers=dict(headers or {}), buffered=True
        )
        answer = Reply(given.status_code, {name.lower(): value for name, value in given.headers.items()}, given.data)
        given.close()
        return answer

    # --- the two halves --------------------------------------------------------------------------------------------

    def browser(self, kind: str, said: Conversion, now: datetime | None = None, **settings: Any) -> Reply:
        """What the platform's pixel script sends for this conversion."""
        made = platform(kind, **settings)
        init = made.init_calls(said.visitor, said.consent)
        [call] = made.browser_calls(said)
        hit = made.emulator().hit(init, call, PAGE, now or said.occurred_at)
        query = f"?{hit.query}" if hit.query else ""
        return self.send(hit.method, f"/{kind}{hit.path}{query}", hit.body, hit.headers)

    def server(self, kind: str, said: Conversion, *, change: Any = None, **settings: Any) -> Reply:
        """What pixeltwin's delivery sends for it; `change` alters the event first."""
        made = platform(kind, ORIGIN + self.prefix, **settings)
        event = made.server_event(said)
        if change:
            change(event)
        request = made.server_request([event])
        url = urlsplit(request.url)
        path = url.path.removeprefix(self.prefix) + (f"?{url.query}" if url.query else "")
        return self.send(request.method, path, request.body, request.headers)

    def both(self, kind: str, said: Conversion) -> None:
        self.browser(kind, said)
        assert self.server(kind, said).status == 200

    # --- the sandbox's own interface -------------------------------------------------------------------------------

    def post(self, path: str, body: Any = None) -> Reply:
        return self.send("POST", path, json.dumps(body or {}).encode(), {"Content-Type": "application/json"})

    def advance(self, **by: float) -> None:
        assert self.post("/api/clock", {"advance_seconds": timedelta(**by).total_seconds()}).status == 200

    def fault(self, platform: str, fault: str | None, **more: Any) -> None:
        assert self.post("/api/faults", {"platform": platform, "fault": fault, **more}).status == 200

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.send("GET", "/api/conversions").json["conversions"]
        return [record for record in found if kind in (None, record["platform"])]

    def record(self, kind: str | None = None) -> dict[str, Any]:
        [only] = self.records(kind)
        return only


@dataclass
class Callers(Visitors):
    """The same, over real connections to a server."""

    port: int = 0
    timeout: float = 10.0

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, self.prefix + path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@contextmanager
def serving(app: Flask) -> Iterator[Callers]:
    """A real threaded server for `app`, as long as the block lasts."""
    server = make(0, app=app)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # how soon it notices that it shall end
    thread.start()
    try:
        yield Callers(app, port=server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
