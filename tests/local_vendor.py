"""A platform of the tests' own, and the HTTP server that answers for it: real sockets, scripted answers."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from pixeltwin.consent import Consent
from pixeltwin.contract import (
    BrowserCall,
    Delivered,
    EventName,
    Half,
    Misconfigured,
    Outcome,
    Platform,
    Refused,
    RetryLater,
    ServerRequest,
    Setting,
    Signals,
    Verdict,
)
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend
from pixeltwin.events import Purchase
from pixeltwin.frozen import FrozenDict
from pixeltwin.outbox import Outbox
from pixeltwin.replies import json_body, transient, words
from pixeltwin.rows import new_row
from pixeltwin.strictjson import encode
from pixeltwin.visitor import Rule, Visitor

NOW = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)
TOKEN = "tok/secret+value=="
EMAIL = Rule("email", lambda text: text.strip().lower())


class Local(Platform):
    """A small vendor: token in the query and in a header, one answer an event, or a request voided as a whole."""

    kind = "local"
    title = "Local"
    settings = (Setting("account", "which account"),)
    identity = FrozenDict({"email": EMAIL})
    event_names = FrozenDict({"Purchase": EventName("buy", "BUY")})
    known_names = (EventName("buy", "BUY"),)
    click_parameter = "local_id"
    max_batch = 200
    max_age = timedelta(days=7)
    rate = 1000.0
    default_api_url = "https://vendor.invalid"
    default_script_url = "https://vendor.invalid/pixel.js"

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        return [BrowserCall("local", ("buy", {"id": conversion.id}))]

    def init_calls(self, visitor: Any, consent: Consent) -> list[BrowserCall]:
        return []

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, Any]:
        self.check_age(conversion, now)
        email = self.first(conversion.visitor, "email")
        if email is None:
            raise CannotSend(self.name, "no_match_key", "Local needs an e-mail")
        at = conversion.occurred_at.isoformat()
        return {"id": conversion.id, "at": at, "email": email, "source": conversion.action_source}

    def losses(self, conversion: Conversion) -> list[Any]:
        return []

    def window(self, event: Any) -> timedelta:
        return timedelta(hours=48)

    def lane(self, event: Mapping[str, Any]) -> str:
        return str(event["source"])

    def server_request(
        self, events: Sequence[Mapping[str, Any] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        body = b"[" + b",".join(one if isinstance(one, bytes) else encode(one) for one in events) + b"]"
        token = self.token
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return ServerRequest("POST", f"{self.api_url}/events?access_token={quote(token, safe='')}", headers, body)

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        later = transient(status, headers, body, count)
        if later is not None:
            return later
        if status in (301, 401):
            return [Misconfigured(f"HTTP {status}: {words(body)}")] * count
        answer = json_body(body)
        if status == 400:
            bad = answer.get("bad")
            if bad is None:
                return [
                    RetryLater(0, "bad request", alone=True) if count > 1 else Refused(str(answer["error"]))
                ] * count
            return [Refused(answer["error"]) if at in bad else RetryLater(0, "voided") for at in range(count)]
        if not isinstance(answer, list):
            return [RetryLater(None, f"not understood: {words(body)}")] * count
        return [Delivered() if one == "ok" else Refused(one) for one in answer]

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        return Verdict(1, True, "the same id")

    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        return Signals()

    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    @classmethod
    def emulator(cls) -> Any:
        raise NotImplementedError


Events = list[dict[str, Any]]
Answer = tuple[int, dict[str, str], bytes] | str  # status, headers, body; or a way to fail
Script = Callable[[Events], Answer]


def ok(events: Events) -> Answer:
    """Every event is taken."""
    return 200, {}, json.dumps(["ok"] * len(events)).encode()


def says(status: int, body: bytes = b"", **headers: str) -> Script:
    """The same answer to everything."""
    return lambda events: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


class Vendor:
    """A server on a port of its own. `script` makes the answers, or names a fault: "hang", "reset", "drip", "short",
    and "drip header". `requests` holds the events of every request that came in."""

    def __init__(self, script: Script = ok) -> None:
        self.script = script
        self.requests: list[Events] = []
        self.arrived = threading.Condition()
        self.closing = threading.Event()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Vendor:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def platform(self, account: str = "a1", **settings: Any) -> Local:
        """A platform that sends here."""
        return Local(**{"account": account, "access_token": TOKEN, "api_url": self.url, **settings})

    @property
    def ids(self) -> list[str]:
        """The conversion ids that came in, in order, repeats included."""
        return [event["id"] for events in self.requests for event in events]

    def wait_for(self, many: int, timeout: float = 10.0) -> bool:
        """Wait until so many requests have come in."""
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.requests) >= many, timeout)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        super().__init__(("127.0.0.1", 0), _Handler)

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):  # it was reset
            super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two would wait for each other
    server: _Server

    def do_POST(self) -> None:
        vendor = self.server.vendor
        events: Events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with vendor.arrived:
            vendor.requests.append(events)
            vendor.arrived.notify_all()
        answer = vendor.script(events)
        if isinstance(answer, str):
            self.fail(answer)
            return
        status, headers, body = answer
        self.send_response_only(status)  # without a Date: the clock of the tests is another
        for name, value in headers.items():
            self.send_header(name, value.replace("{path}", self.path))
        body = body.replace(b"{path}", self.path.encode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, how: str) -> None:
        closing = self.server.vendor.closing
        self.close_connection = True
        if how == "hang":
            closing.wait()
        elif how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            if how != "drip header":
                self.end_headers()
            self.flush_headers()
            self.wfile.flush()
            while how != "short" and not closing.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()

    def handle(self) -> None:
        with suppress(OSError):  # the client went away
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests read what came in."""


def conversion(number: int = 0, **fields: Any) -> Conversion:
    """Purchase number so and so, made at NOW by somebody with an e-mail."""
    given = {
        "event": Purchase(order_id=f"o-{number}", value="9.90", currency="EUR"),
        "id": f"id-{number}",
        "occurred_at": NOW,
        "visitor": Visitor(email="jane.doe@example.com"),
        "source_url": "https://shop.example/thanks",
        **fields,
    }
    return Conversion(**given)


def put(outbox: Outbox, one: Conversion, *, now: datetime = NOW, offered: bool = False) -> None:
    """Store a conversion as `track` does."""
    one = one.with_visitor(one.visitor.seal({"email": [EMAIL]}))
    outbox.put(new_row(one, site="", id_given=False, held=(), offered=offered), now=now)
