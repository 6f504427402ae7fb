"""What was sent to the platforms, request by request, and what they make of it when it is sent again at other times."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers

from ..emulation import Incoming
from .vendors import emulators

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Sent:
    """One request to a platform, and when. `server`: it is of the server half, else of the browser's. `lost`: a fault
    that the test asked for kept it from being taken."""

    kind: str
    server: bool
    request: Incoming
    at: datetime
    lost: bool = False


class Tape:
    """Records the requests that go through it to a sandbox; pixel scripts, which every page loads, are left out."""

    def __init__(self, sandbox: WSGIApplication, clock: Callable[[], datetime]) -> None:
        self.sent: list[Sent] = []
        self._sandbox = sandbox
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kind, _, path = environ["PATH_INFO"].lstrip("/").partition("/")
        emulator = emulators().get(kind)
        if not emulator or environ["REQUEST_METHOD"] == "OPTIONS" or f"/{path}" == emulator.script_path:
            return self._sandbox(environ, start_response)
        request = _read(environ, f"/{path}")

        def noted(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            lost = _is_lost(int(status[:3]), Headers(headers).get("Content-Type", ""))
            self.sent.append(Sent(kind, emulator.is_api(request), request, self._clock(), lost))
            return start_response(status, headers, *failure)

        return self._sandbox(environ, noted)


def _is_lost(status: int, content_type: str) -> bool:
    """Whether an answer is one of the sandbox's faults; no emulator answers in HTML."""
    return status == 429 or status >= 500 or content_type.startswith("text/html")


def _read(environ: WSGIEnvironment, path: str) -> Incoming:
    """The request in an environ, which can still be read afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    return Incoming(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)


def late(sent: Iterable[Sent], after: timedelta) -> list[Sent]:
    """What was taken of it, with the server halves sent `after` later."""
    return [replace(one, at=one.at + after) if one.server else one for one in sent if not one.lost]


def judged(sent: Iterable[Sent]) -> list[dict[str, Any]]:
    """What the platforms make of these requests, each sent at its time to a sandbox that knows of no others: its
    records, with both halves' fields side by side."""
    from ..sandbox import Clock, create_sandbox
    from .asking import Asker

    turn: Sequence[Sent] = sorted(sent, key=lambda one: one.at)
    if not turn:
        return []
    moment = turn[0].at
    asker = Asker(create_sandbox(clock=Clock(lambda: moment)))
    for one in turn:
        moment = one.at
        asker.send(one.kind, one.request)
    return [asker.whole(record) for record in asker.records()]
