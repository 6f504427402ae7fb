"""The sandbox as a Flask application: everything under one origin, at its root or under a prefix."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound

from ..contract import Platform
from ..platforms import installed
from ..strictjson import decode, encode
from ..version import version
from .bell import Bell
from .clock import Clock
from .faults import KINDS, Faults
from .har import archive
from .journal import Journal
from .ledger import Ledger
from .notices import Notices
from .reading import wire
from .stream import events, resumed
from .timeline import History, nothing_known, timeline
from .times import timestamp
from .vendors import Vendors

Health = Callable[[], Mapping[str, Any]]
LARGEST_BODY = 2 * 1024 * 1024  # bytes
_PAGE_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; object-src 'none'"


class Sandbox:
    """The parts, and what the HTTP interface does with them."""

    def __init__(
        self, clock: Clock, platforms: Mapping[str, type[Platform]], history: History, health: Health | None
    ) -> None:
        self.platforms = platforms
        self.history = history
        self.health = health
        self.clock = clock
        self.bell = Bell()
        self.ledger = Ledger(platforms, self.bell, wires={kind: wire(one) for kind, one in platforms.items()})
        self.journal = Journal()
        self.notices = Notices(self.bell)
        self.faults = Faults(platforms.keys(), self.bell)
        self.vendors = Vendors(platforms, self.ledger, self.notices, self.faults, self.journal, clock)

    def page(self) -> Response:
        platforms = {
            kind: {"title": platform.title, **platform.emulated(".")} for kind, platform in self.platforms.items()
        }
        page = Response(render_template("page.html", platforms=platforms, faults=KINDS, health=bool(self.health)))
        page.headers["Content-Security-Policy"] = _PAGE_POLICY
        page.headers["Referrer-Policy"] = "no-referrer"
        page.headers["X-Content-Type-Options"] = "nosniff"
        return page

    def conversions(self) -> Response:
        return _json({"conversions": self.ledger.changes().records})

    def conversion(self, key: int) -> Response:
        record = self.ledger.record(key)
        if record is None:
            raise NotFound("there is no record of this key, or no more")
        return _json({**record, "timeline": timeline(record, self.history)})

    def get_health(self) -> Response:
        """What the application around it says of its platforms; none where it runs alone."""
        said: Mapping[str, Any] = self.health() if self.health else {}
        return _json({"platforms": said.get("platforms", [])})

    def get_quality(self) -> Response:
        """What the conversions carry that platforms match by."""
        return _json({"quality": self.ledger.quality()})

    def get_clock(self) -> Response:
        return _json(self._time())

    def post_clock(self) -> Response:
        seconds = _wish().get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
            raise BadRequest("advance_seconds: give a number")
        try:
            self.clock.advance(timedelta(seconds=seconds))
        except (ValueError, OverflowError) as error:
            raise BadRequest(str(error)) from None
        self.bell.ring()
        return self.get_clock()

    def get_faults(self) -> Response:
        return _json({"faults": self.faults.all()})

    def post_faults(self) -> Response:
        try:
            self.faults.put(_wish())
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return self.get_faults()

    def reset(self) -> Response:
        """Ledger, faults and clock."""
        self.clock.reset()
        self.faults.reset()
        self.notices.reset()
        self.journal.reset()
        self.ledger.reset()
        self.vendors.reset()
        return _json({"conversions": []})

    def export_json(self) -> Response:
        """All that is known, in one file."""
        found = self._changes(0)
        told = {
            "creator": f"pixeltwin sandbox {version()}",
            **{name: found[name] for name in ("clock", "faults", "notices")},
            "conversions": [self.ledger.record(record["key"]) or record for record in found["conversions"]],
        }
        return _file(told, "pixeltwin-sandbox.json")

    def export_har(self) -> Response:
        """The requests, as an HTTP Archive."""
        return _file(archive(self.journal.all()), "pixeltwin-sandbox.har")

    def stream(self) -> Response:
        since = resumed(self.bell, request.headers.get("Last-Event-ID") or request.args.get("last", ""))
        response = Response(events(self.bell, since, self._changes), content_type="text/event-stream; charset=utf-8")
        response.headers["X-Accel-Buffering"] = "no"  # nginx holds an answer back until it is whole
        return response

    def _changes(self, since: int) -> dict[str, Any]:
        changes = self.ledger.changes(since)
        return {
            "version": changes.version,
            "anew": changes.anew,
            "oldest": changes.oldest,
            "conversions": changes.records,
            "clock": self._time(),
            "faults": self.faults.all(),
            "notices": self.notices.after(0 if changes.anew else since),
        }

    def _time(self) -> dict[str, Any]:
        return {"now": timestamp(self.clock.now()), "offset_seconds": self.clock.offset.total_seconds()}


def create_sandbox(
    *,
    clock: Clock | None = None,
    platforms: Mapping[str, type[Platform]] | None = None,
    history: History = nothing_known,
    health: Health | None = None,
) -> Flask:
    """A sandbox of its own, with an empty ledger. `platforms` are those to play, by kind; all that are installed
    unless given. `history` tells what an application knows of a conversion, `health` which of its platforms are healthy
    (`Health.to_dict()`). Mount it at any prefix: it finds its own URLs."""
    sandbox = Sandbox(clock or Clock(), installed() if platforms is None else platforms, history, health)
    app = Flask(__package__ or __name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
    app.url_map.merge_slashes = False
    app.register_error_handler(HTTPException, _failed)
    app.after_request(_uncached)
    app.register_blueprint(sandbox.vendors.blueprint())
    app.add_url_rule("/", view_func=sandbox.page)
    app.add_url_rule("/api/conversions", view_func=sandbox.conversions)
    app.add_url_rule("/api/conversions/<int:key>", view_func=sandbox.conversion)
    app.add_url_rule("/api/health", view_func=sandbox.get_health)
    app.add_url_rule("/api/quality", view_func=sandbox.get_quality)
    app.add_url_rule("/api/clock", view_func=sandbox.get_clock)
    app.add_url_rule("/api/clock", view_func=sandbox.post_clock, methods=["POST"])
    app.add_url_rule("/api/faults", view_func=sandbox.get_faults)
    app.add_url_rule("/api/faults", view_func=sandbox.post_faults, methods=["POST"])
    app.add_url_rule("/api/reset", view_func=sandbox.reset, methods=["POST"])
    app.add_url_rule("/api/export.json", view_func=sandbox.export_json)
    app.add_url_rule("/api/export.har", view_func=sandbox.export_har)
    app.add_url_rule("/api/stream", view_func=sandbox.stream)
    app.before_request(_own_page)
    return app


def _own_page() -> None:
    """No other page that the developer has open may turn the clock or switch faults on; what is no page, may. Browsers
    leave Sec-Fetch-Site out where the sandbox is asked by plain HTTP under a name that is not this machine's."""
    if request.endpoint not in ("post_clock", "post_faults", "reset"):
        return
    own = f"{request.scheme}://{request.host}"
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", own)
    foreign = site not in ("same-origin", "none") if site else origin != own
    if foreign:
        raise Forbidden("a page of another origin may not do this")


def _wish() -> dict[str, Any]:
    try:
        wish = decode(request.get_data())
    except ValueError:
        raise BadRequest("give a JSON object") from None
    if not isinstance(wish, dict):
        raise BadRequest("give a JSON object")
    return cast("dict[str, Any]", wish)


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, content_type="application/json")


def _file(value: Any, name: str) -> Response:
    response = _json(value)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _failed(error: HTTPException) -> Response:
    return _json({"error": error.description}, error.code or 500)


def _uncached(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response
