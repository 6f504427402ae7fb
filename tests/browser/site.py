"""A small site with its sandbox under one origin, in this process: pages are templates, and everything is delivered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, render_template_string
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from pixeltwin import AddToCart, Item, Purchase
from pixeltwin.contract import Platform
from pixeltwin.flask import PixelTwin
from pixeltwin.sandbox import create_sandbox, make
from tests.browser.shop import PATIENCE, ROOT, free_port
from tests.samples import SNAP_PIXEL

LIBRARIES = {
    path.name: path for path in (ROOT / "demo_site/static/vendor/htmx.min.js", ROOT / "tests/browser/vendor/turbo.js")
}
CART = AddToCart(items=[Item(id="sku-1", name="Mug", price="29.95", quantity=2)], value="59.90", currency="EUR")
ICON = '<link rel="icon" href="data:,">'


class Site:
    """`page(path, template)` adds a page; `policy` is the Content-Security-Policy of all of them, with `{nonce}`. While
    `vendors` is cleared the pixel scripts do not come."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.policy = ""
        self.vendors = threading.Event()
        self.vendors.set()
        self.app = Flask("site")
        self.app.config.update(
            {
                "SECRET_KEY": "a secret for tests",
                "PIXELTWIN_REDDIT_PIXEL_ID": "a2_site",
                "PIXELTWIN_REDDIT_ACCESS_TOKEN": "made-up",
                "PIXELTWIN_SNAP_PIXEL_ID": SNAP_PIXEL,
                "PIXELTWIN_SNAP_ACCESS_TOKEN": "made-up",
                "PIXELTWIN_PINTEREST_TAG_ID": "2612345678901",
                "PIXELTWIN_PINTEREST_AD_ACCOUNT_ID": "549755885175",
                "PIXELTWIN_PINTEREST_ACCESS_TOKEN": "made-up",
                "PIXELTWIN_OUTBOX": f"sqlite:///{tmp_path / 'outbox.db'}",
                "PIXELTWIN_SANDBOX": f"{self.url}/sandbox",
                "PIXELTWIN_CONSENT": "granted",
                "PIXELTWIN_ON_ERROR": "raise",
                **settings,
            }
        )
        self.twin = PixelTwin(self.app)
        self._add_views()
        self._sandbox = create_sandbox()
        self._server = make(port, app=DispatcherMiddleware(self.app, {"/sandbox": self._sandboxed}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _sandboxed(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith(".js"):
            self.vendors.wait(PATIENCE)
        return self._sandbox(environ, start_response)

    def stop(self) -> None:
        self.vendors.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self.app.app_context():
            self.twin.tracker.close()

    # --- pages ------------------------------------------------------------------------------------------------------

    def page(self, path: str, body: str = "", head: str = "{{ pixeltwin.head() }}", before: Any = None) -> None:
        """A page with this body; `before` runs in its view first."""

        def view() -> Response:
            if before:
                before()
            template = f"<!doctype html><html><head>{ICON}<title>{path}</title>{head}</head><body>{body}</body></html>"
            return make_response(render_template_string(template, CART=CART))

        self.app.add_url_rule(path, f"page {path}", view)

    def buy(self, order: str) -> Callable[[], None]:
        """What a view does that sells something."""

        def bought() -> None:
            self.twin.track(Purchase(order_id=order, value="59.90", currency="EUR"), email="ada@example.com")

        return bought

    def _add_views(self) -> None:
        @self.app.get("/vendor/<name>")
        def library(name: str) -> Response:
            return Response(LIBRARIES[name].read_bytes(), mimetype="text/javascript")

        @self.app.before_request
        def nonce() -> None:
            from flask import g

            g.csp_nonce = "n0nce" if "{nonce}" in self.policy else None

        @self.app.after_request
        def secured(response: Response) -> Response:
            if self.policy:
                response.headers["Content-Security-Policy"] = self.policy.format(nonce="n0nce")
            return response

    @property
    def platforms(self) -> Sequence[Platform]:
        with self.app.app_context():
            return self.twin.tracker.platforms

    def advance(self, by: timedelta) -> None:
        """Move the platforms' clock on."""
        self._sandbox.test_client().post("/api/clock", json={"advance_seconds": by.total_seconds()})

    # --- what the sandbox saw ---------------------------------------------------------------------------------------

    def of(self, name: str) -> list[dict[str, Any]]:
        """The sandbox's records of one neutral event, by platform."""
        answer = self._sandbox.test_client().get("/api/conversions").get_json()
        return sorted((one for one in answer["conversions"] if one["name"] == name), key=lambda one: one["platform"])

    def heard(self, name: str) -> dict[str, str]:
        """What the outbox knows of the pixels of the newest conversion of one event, by platform."""
        with self.app.app_context():
            halves = [one for one in self.twin.tracker.outbox.deliveries() if one.event == name]
        return {one.destination.partition(":")[0]: one.browser for one in halves if one.seq == halves[0].seq}

    def wait_for(self, name: str, verdicts: Iterable[str], pause: Callable[[], None]) -> list[dict[str, Any]]:
        """Until the records of this event have these verdicts, in whatever order."""
        until, wanted = time.monotonic() + PATIENCE, sorted(verdicts)
        while sorted(one["verdict"] for one in self.of(name)) != wanted:
            assert time.monotonic() < until, [
                (o["platform"], o["id"], o["verdict"], o["reason"]) for o in self.of(name)
            ]
            pause()
        return self.of(name)
