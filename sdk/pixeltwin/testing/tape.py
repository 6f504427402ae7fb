"""What was sent to the platforms, request by request, and what they make of it when it is sent again at other times."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..emulation import Incoming
from .vendors import emulators

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Sent:
    """One request to a platform, and when. `server`: it is of the server half, else of the browser's."""

    kind: str
    server: bool
    request: Incoming
    at: datetime


class Tape:
    """Records the requests that go through it to a sandbox; pixel scripts, which every page loads, are left out."""

    def __init__(self, sandbox: WSGIApplication, clock: Callable[[], datetime]) -> None:
        self.sent: list[Sent] = []
        self._sandbox = sandbox
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kind, _, path = environ["PATH_INFO"].lstrip("/").partition("/")
        emulator = emulators().get(kind)
        if emulator and environ["REQUEST_METHOD"] != "OPTIONS" and f"/{path}" != emulator.script_path:
            request = _read(environ, f"/{path}")
            self.sent.append(Sent(kind, emulator.is_api(request), request, self._clock()))
        return self._sandbox(environ, start_response)


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
    """The same, with the server halves sent `after` later."""
    return [replace(one, at=one.at + after) if one.server else one for one in sent]


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
