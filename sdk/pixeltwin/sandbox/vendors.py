"""The platforms' part of the sandbox: endpoints and pixel scripts under `/<platform>/…`, with faults on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from ..contract import Platform
from ..emulation import Answer, Emulator, Incoming
from ..replies import words
from .arrival import Side
from .clock import Clock
from .faults import DRIP, LONGEST_HOLD, TAKEN, UNANSWERED, Fault, Faults, cut, miscounted
from .journal import Journal, exchange
from .ledger import Ledger
from .masking import masked_text, secrets_of
from .notices import Notices

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_GARBAGE = b"<!doctype html><title>Welcome</title><h1>It works!</h1><p>This is somebody's proxy."


class Vendors:
    """Hands requests to the emulators, their answers back, and what they meant to the ledger."""

    def __init__(
        self,
        platforms: Mapping[str, type[Platform]],
        ledger: Ledger,
        notices: Notices,
        faults: Faults,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._emulators: Mapping[str, Emulator] = {kind: platform.emulator() for kind, platform in platforms.items()}
        # These read what is lost to a fault, so that the ones above never hear of it.
        self._readers: Mapping[str, Emulator] = {kind: platform.emulator() for kind, platform in platforms.items()}
        self._journal = journal
        self._ledger = ledger
        self._notices = notices
        self._faults = faults
        self._clock = clock

    def reset(self) -> None:
        for emulator in (*self._emulators.values(), *self._readers.values()):
            emulator.reset()

    def blueprint(self) -> Blueprint:
        """The routes of all platforms."""
        routes = Blueprint("vendors", __name__)
        for kind in self._emulators:
            routes.add_url_rule(
                f"/{kind}/<path:path>",
                endpoint=f"platform-{len(routes.deferred_functions)}",
                view_func=self.serve,
                defaults={"kind": kind},
                methods=METHODS,
                provide_automatic_options=False,
            )
        routes.after_request(self._dated)
        return routes

    def _dated(self, response: Response) -> Response:
        """The platform's clock is the sandbox's, in the header too that a client may set its own by."""
        response.date = self._clock.now()
        return response

    def serve(self, kind: str, path: str) -> Response:
        """One request to a platform."""
        if request.method == "OPTIONS":
            return _shared(Response(status=204))
        emulator = self._emulators[kind]
        incoming = _incoming(f"/{path}")
        if incoming is None:
            return self._too_large(kind, emulator)
        side: Side = "server" if emulator.is_api(incoming) else "browser"
        fault = self._faults.get(kind, side)
        began = perf_counter()
        if fault and fault.kind not in TAKEN:
            response = self._troubled(kind, side, emulator, incoming, fault)
        else:
            response = self._taken(kind, side, emulator, incoming, fault)
        self._keep(kind, incoming, response, fault, perf_counter() - began)
        return _shared(response)

    def _taken(self, kind: str, side: Side, emulator: Emulator, incoming: Incoming, fault: Fault | None) -> Response:
        answer = self._answer(kind, emulator, incoming)
        if fault is None:
            return _response(answer)
        self._note(kind, incoming, f"taken, and its answer broken: {fault.kind}, as a fault asks for")
        return self._broken(kind, side, answer, fault)

    def _keep(self, kind: str, incoming: Incoming, response: Response, fault: Fault | None, took: float) -> None:
        """Enter a request into the journal. The pixel scripts, which every page loads, are left out."""
        if response.mimetype == "text/javascript":
            return
        base = f"{request.url_root.rstrip('/')}/{kind}"
        status = 0 if fault and fault.kind in UNANSWERED else response.status_code
        answer = response.get_data() if response.is_sequence else b""
        one = exchange(kind, base, incoming, self._clock.now(), took, status, answer)
        self._journal.add(one, dict(response.headers.items()), f"fault: {fault.kind}" if fault else "")

    def _answer(self, kind: str, emulator: Emulator, incoming: Incoming) -> Answer:
        answer = emulator.answer(incoming, self._clock.now())
        secrets = secrets_of(incoming.query, incoming.headers)
        self._ledger.add(kind, answer.halves, answer.rejected, answer.warnings, secrets)
        if not answer.halves and not answer.rejected and (answer.status >= 400 or answer.warnings):
            said = "; ".join(answer.warnings) or words(answer.body)
            self._note(kind, incoming, masked_text(f"{answer.status}: {said}", secrets))
        return answer

    def _broken(self, kind: str, side: Side, answer: Answer, fault: Fault) -> Response:
        """The answer to what was taken, with what the fault makes of it."""
        if fault.kind == "miscount":
            if answer.content_type.startswith("application/json"):
                answer = replace(answer, body=miscounted(answer.body))
            return _response(answer)
        response = _response(answer)
        if fault.kind == "drip":
            response.response = self._dripping(kind, side, fault, answer.body)
        else:
            response.response = iter([answer.body[: len(answer.body) // 2], b""])
        response.headers["Content-Length"] = str(len(answer.body))
        return response

    def _dripping(self, kind: str, side: Side, fault: Fault, body: bytes) -> Iterator[bytes]:
        for sent in range(len(body)):
            if sent * DRIP >= LONGEST_HOLD or not self._faults.lasts(kind, side, fault, DRIP):
                yield body[sent:]
                return
            yield body[sent : sent + 1]

    def _troubled(self, kind: str, side: Side, emulator: Emulator, incoming: Incoming, fault: Fault) -> Response:
        self._note(kind, incoming, f"lost: {fault.kind}, as a fault asks for")
        lost = self._readers[kind].answer(incoming, self._clock.now())
        self._ledger.lose(kind, lost.halves, fault.kind, secrets_of(incoming.query, incoming.headers))
        if fault.status:
            answer = emulator.trouble(fault.status)
            if fault.retry_after is not None:
                answer = replace(answer, headers={**(answer.headers or {}), "Retry-After": str(fault.retry_after)})
            return _response(answer)
        if fault.kind == "garbage":
            return Response(_GARBAGE, 200, content_type="text/html; charset=utf-8")
        connection = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
        return Response(self._held(kind, side, fault, connection))

    def _held(self, kind: str, side: Side, fault: Fault, connection: Any) -> Iterator[bytes]:
        if fault.kind == "timeout":
            self._faults.hold(kind, side, fault)
        yield from cut(connection)

    def _too_large(self, kind: str, emulator: Emulator) -> Response:
        limit = request.max_content_length
        self._notices.add(kind, self._clock.now(), f"{request.method} {request.path}", f"413: more than {limit} bytes")
        return _shared(_response(emulator.trouble(413)))

    def _note(self, kind: str, incoming: Incoming, said: str) -> None:
        path = masked_text(incoming.path, secrets_of(incoming.query, incoming.headers))
        self._notices.add(kind, self._clock.now(), f"{incoming.method} /{kind}{path}", said)


def _incoming(path: str) -> Incoming | None:
    """The request as emulators take it; None when its body is over the limit."""
    try:
        body = request.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        return None
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Incoming(request.method, path, request.query_string.decode("latin-1"), headers, body)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers.update(answer.headers or {})
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _shared(response: Response) -> Response:
    """Readable from other origins, as the vendors' are: the shop's pages are on one."""
    origin = request.headers.get("Origin")
    if origin:
        response.headers.setdefault("Access-Control-Allow-Origin", origin)
        response.headers.setdefault("Access-Control-Allow-Credentials", "true")
        response.headers.add("Vary", "Origin")
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = "600"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
