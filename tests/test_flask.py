"""The Flask extension: the visitor from the request, pixels after the redirect, once, and pages that stay cacheable."""

from __future__ import annotations

import json
import logging
import re
from functools import partial
from hashlib import sha256
from threading import Thread
from threading import enumerate as threads
from typing import Any
from urllib.request import Request, urlopen

import pytest
from flask import Blueprint, Flask, Response, after_this_request, redirect, render_template_string, request
from flask.testing import FlaskClient
from flask.views import MethodView, View
from werkzeug.serving import make_server

from pixeltwin import AddToCart, Consent, Item, Purchase, Tracker, ViewContent, Visitor
from pixeltwin.conversion import Conversion
from pixeltwin.errors import ConfigurationError, OutboxUnavailable, UnknownConversion
from pixeltwin.flask import NO_CONSENT_SOURCE, PixelTwin
from pixeltwin.flask.exchange import facts
from pixeltwin.strictjson import decode
from tests import pages, samples
from tests.samples import AGENT, SNAP_PIXEL

PAGE = "<html><head>{{ pixeltwin.head() }}</head><body>{{ pixeltwin.conversions()|length }}</body></html>"
SETTINGS = {
    "SECRET_KEY": "a secret for tests",
    "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop",
    "PIXELTWIN_REDDIT_ACCESS_TOKEN": "reddit-token",
    "PIXELTWIN_SNAP_PIXEL_ID": SNAP_PIXEL,
    "PIXELTWIN_SNAP_ACCESS_TOKEN": "snap-token",
    "PIXELTWIN_PINTEREST_TAG_ID": "2612345678901",
    "PIXELTWIN_PINTEREST_AD_ACCOUNT_ID": "549755885175",
    "PIXELTWIN_PINTEREST_ACCESS_TOKEN": "pinterest-token",
    "PIXELTWIN_OUTBOX": "memory:",
    "PIXELTWIN_WORKER": "off",
    "PIXELTWIN_CONSENT": "granted",
    "TESTING": True,
}


class Shop:
    """A small shop with the extension; `twin`, `app`, and a browser (`client`)."""

    def __init__(self, **settings: Any) -> None:
        self.app = Flask("shop")
        self.app.config.update({**SETTINGS, **settings})
        self.twin = PixelTwin(self.app)
        self.tracked: list[Conversion | None] = []
        twin, app = self.twin, self.app

        @app.get("/")
        def home() -> str:
            return render_template_string(PAGE)

        @app.get("/product")
        def product() -> str:
            self.tracked.append(twin.track(ViewContent(items=[Item(id="sku-1", price="5")], value="5", currency="EUR")))
            return render_template_string(PAGE)

        @app.post("/buy")
        def buy() -> Any:
            event = Purchase(order_id="1001", value="59.90", currency="EUR")
            self.tracked.append(twin.track(event, email="ada@example.com", city="Berlin"))
            return redirect("/thanks")

        @app.get("/thanks")
        def thanks() -> str:
            return render_template_string(PAGE)

        @app.get("/plain")
        def plain() -> str:
            return "no pixels here"

        @app.post("/webhook")
        @twin.off_page
        def webhook() -> tuple[str, int]:
            event = Purchase(order_id="2002", value="10", currency="EUR")
            self.tracked.append(twin.track(event, email="bob@example.com", consent=Consent.granted()))
            return "", 204

    @property
    def client(self) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["HTTP_USER_AGENT"] = AGENT
        client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
        return client

    def stored_visitor(self, conversion: Conversion | None) -> dict[str, Any]:
        assert conversion is not None
        row = self.twin_tracker.outbox.get([conversion.id])[0]
        assert row.visitor is not None
        found: dict[str, Any] = decode(row.visitor)
        return found

    @property
    def twin_tracker(self) -> Any:
        return self.app.extensions["pixeltwin"].tracker


def fired(response: Any) -> list[tuple[str, str]]:
    """The guarded calls in a page: platform and the id of what they tell."""
    return [(call.platform, call.id) for call in pages.fired(response.get_data(as_text=True))]


def page_data(response: Any) -> dict[str, Any]:
    """What the page says of its own view."""
    found: dict[str, Any] = pages.Page(response.get_data(as_text=True)).data["view"]
    return found


def test_a_purchase_in_a_post_is_on_the_page_after_the_redirect_once() -> None:
    """POST, redirect, GET: the three pixels appear on the next page with the one id, and on no later one."""
    shop = Shop()
    client = shop.client
    assert client.post("/buy").status_code == 302
    purchase = shop.tracked[0]
    assert purchase is not None
    assert set(fired(client.get("/thanks"))) == {(name, purchase.id) for name in ("reddit", "snap", "pinterest")}
    assert fired(client.get("/thanks")) == []
    assert fired(client.get("/")) == []


def test_more_than_a_cookie_holds_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Of what waits for a page of a visitor the newest twenty do; of others the browser half is a named loss."""
    shop = Shop()

    @shop.app.post("/many")
    def many() -> str:
        for number in range(23):
            shop.tracked.append(shop.twin.track(AddToCart(), key=str(number)))
        return ""

    client = shop.client
    client.post("/many")
    newest = [one.id for one in shop.tracked[3:] if one]
    assert {id for _, id in fired(client.get("/"))} == set(newest)
    assert shop.twin_tracker.losses.snapshot()["", "too_many_waiting"] == 3
    assert caplog.text.count("browser half") == 1


def test_another_visitor_never_sees_this_ones_conversion() -> None:
    """Pending conversions belong to the browser that made them."""
    shop = Shop()
    shop.client.post("/buy")
    assert fired(shop.client.get("/thanks")) == []


def test_a_page_with_a_conversion_is_for_nobody_else_and_an_ordinary_page_stays_cacheable() -> None:
    """A response that carries a server-minted conversion is private and not stored; a page with none is untouched."""
    shop = Shop()
    client = shop.client
    ordinary = client.get("/")
    assert "no-store" not in ordinary.headers.get("Cache-Control", "")
    assert "Set-Cookie" not in ordinary.headers
    assert "Cookie" in ordinary.headers["Vary"]
    product = client.get("/product")
    assert product.cache_control.private and product.cache_control.no_store
    client.post("/buy")
    assert client.get("/thanks").cache_control.no_store


def test_an_application_cannot_publish_a_page_with_a_conversion_by_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """A view that says `public` on a page with one visitor's conversion is overruled, and told."""
    shop = Shop()

    @shop.app.get("/public")
    def public() -> Response:
        shop.twin.track(AddToCart())
        response = Response(render_template_string(PAGE))
        response.cache_control.public = True
        response.cache_control.s_maxage = 600
        return response

    answer = shop.client.get("/public")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "may not be cached" in caplog.text


@pytest.mark.parametrize("when", ["before", "after", "blueprint", "this request"])
def test_no_hook_of_the_application_publishes_a_page_with_a_conversion(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whenever an `after_request` function was registered, what it says of caches gives way to what the page holds; a
    page with nothing of one visitor keeps what it said."""
    app = Flask("shop")
    app.config.update(SETTINGS)
    pages = Blueprint("pages", __name__)

    def publish(response: Response) -> Response:
        response.headers["Cache-Control"] = "public, max-age=300"
        response.headers["Surrogate-Control"] = "max-age=300"
        return response

    if when == "before":
        app.after_request(publish)
    twin = PixelTwin(app)
    if when == "after":
        app.after_request(publish)
    if when == "blueprint":
        pages.after_request(publish)

    @pages.get("/<what>")
    def page(what: str) -> str:
        if when == "this request":
            after_this_request(publish)
        if what != "asset":
            twin.track(AddToCart())
        return render_template_string(PAGE) if what != "asset" else ""

    app.register_blueprint(pages)
    client = app.test_client()
    own = client.get("/cart%0a")
    assert own.headers["Cache-Control"] == "private, no-store" and "Surrogate-Control" not in own.headers
    assert r"'/cart\n' may not be cached" in caplog.text
    everybodys = client.get("/asset")
    assert everybodys.headers["Cache-Control"] == "public, max-age=300" and "Surrogate-Control" in everybodys.headers


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [
        ("CDN-Cache-Control", "max-age=300", True),
        ("Some-CDN-Cache-Control", "no-store", False),
        ("Surrogate-Control", "max-age=0", False),
        ("X-Accel-Expires", "300", True),
        ("X-Accel-Expires", "@2000000000", True),
    ],
)
def test_a_cache_between_is_told_nothing_else(
    header: str, value: str, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What a cache heeds before Cache-Control is taken from a page with one visitor's conversion; the log says so where
    the cache would have kept it."""
    shop = Shop()

    @shop.app.get("/kept")
    def kept() -> Response:
        shop.twin.track(AddToCart())
        return Response(render_template_string(PAGE), headers={"Cache-Control": "no-store", header: value})

    answer = shop.client.get("/kept")
    assert header not in answer.headers and answer.cache_control.no_store
    assert ("may not be cached" in caplog.text) == told


@pytest.mark.parametrize(
    "header",
    [
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Sec-Purpose", "prefetch"),
    ],
)
def test_a_request_made_ahead_of_a_click_consumes_nothing(header: tuple[str, str]) -> None:
    """Prefetch and prerender neither show nor use up a pending conversion."""
    shop = Shop()
    client = shop.client
    client.post("/buy")
    assert fired(client.get("/thanks", headers=dict([header]))) == []
    assert len(fired(client.get("/thanks"))) == 3


def test_head_requests_consume_nothing() -> None:
    """A HEAD request leaves the pending conversion for the page."""
    shop = Shop()
    client = shop.client
    client.post("/buy")
    client.head("/thanks")
    assert len(fired(client.get("/thanks"))) == 3


def test_the_visitor_comes_from_the_request() -> None:
    """IP, agent, click ids of the landing and the vendors' cookies are in the stored visitor; identity is hashed."""
    shop = Shop(PIXELTWIN_REDDIT_HASH_IP_ADDRESS="false")
    client = shop.client
    client.get("/?rdt_cid=r1&ScCid=s1&epik=p1")
    client.set_cookie("_scid", "scid-value")
    client.post("/buy")
    stored = shop.stored_visitor(shop.tracked[0])
    assert stored["click_ids"] == {"reddit": "r1", "snap": "s1", "pinterest": "p1"}
    assert stored["user_agent"] == AGENT
    assert any(value == ["203.0.113.7"] for value in stored["sealed"].values())
    assert stored["browser_ids"]["snap"] == "scid-value"
    assert "ada@example.com" not in json.dumps(stored)


@pytest.mark.parametrize("base", ["http://localhost", "https://shop.example:8443", "http://[::1]:80"])
@pytest.mark.parametrize("root", ["", "/app", "/a b"])
@pytest.mark.parametrize(
    "path", ["/", "/a/b.html", "//x", "/\u00fc", "/a%20b", "/a;b", "/p~q-r_s", "/x?a=1", "/x?x=%20"]
)
def test_the_url_of_a_request_is_what_flask_says(base: str, root: str, path: str) -> None:
    """However it is put together, it is the very URL that the framework gives."""
    with Flask("shop").test_request_context(path, base_url=base + root):
        assert facts().url == request.url


def test_click_ids_are_not_kept_without_consent() -> None:
    """A landing before consent sets no cookie at all; one with consent sets ours, signed, HttpOnly and Lax."""
    denied = Shop(PIXELTWIN_CONSENT="denied").client.get("/?rdt_cid=r1")
    assert "Set-Cookie" not in denied.headers
    granted = Shop().client.get("/?rdt_cid=r1").headers["Set-Cookie"]
    assert granted.startswith("pixeltwin_clicks=") and "HttpOnly" in granted and "SameSite=Lax" in granted
    assert "r1;" not in granted


def test_a_page_without_head_still_remembers_a_landing() -> None:
    """Click ids are kept on any page an ad leads to, not only on those with pixels."""
    assert "pixeltwin_clicks=" in Shop().client.get("/plain?epik=p1").headers["Set-Cookie"]


def test_a_forged_or_foreign_cookie_is_nothing() -> None:
    """Cookies that this site did not sign are ignored."""
    shop = Shop()
    client = shop.client
    client.set_cookie("pixeltwin_pending", "forged")
    client.set_cookie("pixeltwin_clicks", "forged")
    assert client.get("/").status_code == 200


def test_denied_consent_leaves_a_page_without_any_vendor() -> None:
    """Without consent the page names no vendor, sets no cookie, stores no row."""
    shop = Shop(PIXELTWIN_CONSENT="denied")
    client = shop.client
    bought = client.post("/buy")
    page = client.get("/thanks")
    text = page.get_data(as_text=True)
    assert "<script" not in text
    assert "Set-Cookie" not in bought.headers and "Set-Cookie" not in page.headers
    assert all(not states for states in shop.twin_tracker.outbox.counts().values())


def test_pending_consent_waits_and_fires_when_it_comes() -> None:
    """A purchase before the decision is held; once the visitor agrees his next page fires it and it may be sent."""
    shop = Shop(PIXELTWIN_CONSENT="")
    answer = {"now": Consent.pending()}
    shop.twin.consent_loader(lambda: answer["now"])
    client = shop.client
    client.post("/buy")
    assert fired(client.get("/thanks")) == []
    tracker = shop.twin_tracker
    destination = tracker.platforms[0].destination
    assert tracker.outbox.claim(destination, now=tracker.clock(), limit=5) == []
    answer["now"] = Consent.granted()
    assert len(fired(client.get("/"))) == 3
    assert len(tracker.outbox.claim(destination, now=tracker.clock(), limit=5)) == 1


def test_a_withdrawn_consent_hands_out_no_browser_half() -> None:
    """Who refuses between the purchase and its page sees no pixel, and no pixel counts as having been shown."""
    shop = Shop(PIXELTWIN_CONSENT="")
    answer = {"now": Consent.granted()}
    shop.twin.consent_loader(lambda: answer["now"])
    client = shop.client
    client.post("/buy")
    answer["now"] = Consent.denied()
    assert "<script" not in client.get("/thanks").get_data(as_text=True)
    bought = shop.tracked[0]
    assert bought is not None
    assert {one.browser for one in shop.twin_tracker.outbox.deliveries(id=bought.id)} == {"suppressed"}
    assert client.get_cookie("pixeltwin_pending") is None


def test_no_consent_source_is_said_loudly_with_the_choices(caplog: pytest.LogCaptureFixture) -> None:
    """A site that never says what visitors allow is told so, once, with what it can do; everyone counts as denied."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.client.get("/")
    shop.client.get("/")
    assert caplog.text.count(NO_CONSENT_SOURCE.splitlines()[0]) == 1
    assert "consent_loader" in caplog.text and "PIXELTWIN_CONSENT" in caplog.text


def test_a_failing_consent_loader_counts_as_refusal_in_production(caplog: pytest.LogCaptureFixture) -> None:
    """If the application cannot say what the visitor allows, nothing is shown, the page is served, and the log says
    where it failed."""
    shop = Shop(PIXELTWIN_CONSENT="", PIXELTWIN_ON_ERROR="log")

    def broken() -> Consent:
        raise RuntimeError("the banner's cookie is damaged")

    shop.twin.consent_loader(broken)
    assert "<script" not in shop.client.get("/").get_data(as_text=True)
    assert "(RuntimeError at " in caplog.text and f"{__file__}:" in caplog.text
    assert "damaged" not in caplog.text


def test_what_is_wrong_with_a_visitor_is_in_the_log_and_he_is_not(caplog: pytest.LogCaptureFixture) -> None:
    """A loader's wrong value costs pages their pixels in production: the log names the argument, without its value."""
    shop = Shop(PIXELTWIN_ON_ERROR="log")
    shop.twin.visitor_loader(lambda: {"email": "ada@example.com", "external_id": {"id": "customer-7"}, "mail": "x"})
    for path in ("/", "/product"):
        assert shop.client.get(path).status_code == 200
    for where in ("head", "visitor"):
        assert f"tracking fault ({where}): InvalidInput: " in caplog.text
    assert "external_id: " in caplog.text and "mail: " in caplog.text
    assert "ada@" not in caplog.text and "customer-7" not in caplog.text


def test_an_ordinary_page_reports_its_view_by_beacon() -> None:
    """The page holds no id: the browser mints it, and the beacon makes the server half with the very same one."""
    shop = Shop()
    client = shop.client
    data = page_data(client.get("/"))
    assert data["beacon"] == "/_pixeltwin/page-view" and len(data["calls"]) == 3
    assert not re.search(r"[0-9a-f]{64}", json.dumps(data))
    view = "ab" * 32
    body = {"id": view, "url": "http://localhost/?rdt_cid=r9&token=secret", "screen": [1280, 800]}
    answer = client.post("/_pixeltwin/page-view", json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 204
    row = shop.twin_tracker.outbox.get([view])[0]
    assert decode(row.record)["event"] == {"type": "PageView"}
    assert decode(row.visitor)["url"] == "http://localhost/?rdt_cid=r9"
    assert decode(row.visitor)["screen"] == [1280, 800]
    assert decode(row.visitor)["click_ids"] == {"reddit": "r9"}
    client.post("/_pixeltwin/page-view", json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert len(shop.twin_tracker.outbox.get([view])) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"id": "ab" * 32, "url": "http://localhost/"}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"id": "ab" * 32, "url": "http://localhost/"}, {}, 403),
        ({"id": "ab" * 32, "url": "http://localhost/"}, {"Origin": "http://evil.example"}, 403),
        ({"id": "short", "url": "http://localhost/"}, {"Origin": "http://localhost"}, 204),
        ({"id": "AB" * 32, "url": "http://localhost/"}, {"Origin": "http://localhost"}, 204),
        ({"id": "ab" * 32, "url": "http://localhost.evil.example/"}, {"Origin": "http://localhost"}, 204),
        ({"id": "ab" * 32}, {"Origin": "http://localhost"}, 204),
        (["not", "an", "object"], {"Origin": "http://localhost"}, 400),
        ({"id": "ab" * 32, "url": "http://localhost/" + "x" * 9000}, {"Origin": "http://localhost"}, 413),
    ],
)
def test_a_report_that_cannot_be_a_view_of_this_site_makes_no_row(
    body: Any, headers: dict[str, str], status: int
) -> None:
    """Other sites, malformed ids, foreign URLs and large bodies are refused or ignored; none becomes a conversion."""
    shop = Shop()
    answer = shop.client.post("/_pixeltwin/page-view", json=body, headers=headers)
    assert answer.status_code == status
    assert all(not states for states in shop.twin_tracker.outbox.counts().values())


def test_bots_have_no_page_views_but_their_purchases_are_never_doubted() -> None:
    """A crawler that runs scripts makes no server half of a page view; a purchase by any agent is kept."""
    shop = Shop()
    client = shop.client
    client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (compatible; Googlebot/2.1)"
    headers = {"Sec-Fetch-Site": "same-origin"}
    client.post("/_pixeltwin/page-view", json={"id": "ab" * 32, "url": "http://localhost/"}, headers=headers)
    assert shop.twin_tracker.outbox.get(["ab" * 32]) == []
    client.post("/buy")
    assert shop.tracked[0] is not None and shop.tracked[0].stored


@pytest.mark.parametrize(("mode", "script", "calls"), [("browser", True, 0), ("server", False, 3), ("off", False, 0)])
def test_page_views_are_reported_as_the_setting_says(mode: str, script: bool, calls: int) -> None:
    """browser: the pixels alone; server: minted with the page; off: neither."""
    page = Shop(PIXELTWIN_PAGE_VIEWS=mode).client.get("/")
    assert ("view" in pages.Page(page.get_data(as_text=True)).data) is script
    assert len(fired(page)) == calls
    if script:
        assert page_data(page)["beacon"] is None


def test_an_off_page_view_lends_nothing_of_its_request() -> None:
    """A webhook's IP, agent and cookies are the payment provider's: none of them is in the stored visitor, and it gets
    none of a visitor's."""
    shop = Shop()
    assert "Set-Cookie" not in shop.client.post("/webhook?rdt_cid=provider").headers
    stored = shop.stored_visitor(shop.tracked[0])
    assert "user_agent" not in stored and "click_ids" not in stored
    assert not any("203.0.113.7" in str(value) for value in stored["sealed"].values())
    assert any(key.startswith("email/") for key in stored["sealed"])


@pytest.mark.parametrize(
    "marked", ["class", "base", "method", "HEAD", "View", "its method", "decorators", "blueprint", "nested"]
)
def test_views_of_classes_and_blueprints_are_marked_like_functions(marked: str) -> None:
    """Whatever of them is marked, nothing of its requests is in the stored visitor; others lend all."""
    shop, events = Shop(), iter(range(9))
    off_page = shop.twin.off_page

    def paid() -> str:
        event = Purchase(order_id=str(next(events)), value="10", currency="EUR")
        shop.tracked.append(shop.twin.track(event, email="bob@example.com", consent=Consent.granted()))
        return ""

    class Base(MethodView):
        decorators = [off_page] if marked == "decorators" else []

        def get(self) -> str:
            return paid()

    class Whole(View):
        def dispatch_request(self) -> str:
            return paid()

    class Hook(Base):
        def post(self) -> str:
            return paid()

    inner, outer = Blueprint("inner", __name__), Blueprint("outer", __name__)
    outer.register_blueprint(inner)
    inner.add_url_rule("/inner", "hook", paid, methods=["POST"])
    shop.app.register_blueprint(outer)
    shop.app.add_url_rule("/hook", view_func=Hook.as_view("hook"))
    shop.app.add_url_rule("/whole", view_func=Whole.as_view("whole"), methods=["POST"])
    shop.app.add_url_rule("/other", "other", paid)
    chosen: dict[str, tuple[Any, str, str]] = {
        "class": (Hook, "/hook", "POST"),
        "base": (Base, "/hook", "POST"),
        "method": (Hook.post, "/hook", "POST"),
        "HEAD": (Hook.get, "/hook", "HEAD"),
        "View": (Whole, "/whole", "POST"),
        "its method": (Whole.dispatch_request, "/whole", "POST"),
        "decorators": (lambda: None, "/hook", "POST"),
        "blueprint": (inner, "/inner", "POST"),
        "nested": (outer, "/inner", "POST"),
    }
    view, path, method = chosen[marked]
    assert off_page(view) is view
    answer = shop.client.open(path, method=method)
    assert "Set-Cookie" not in answer.headers
    shop.client.get("/other")
    assert ["user_agent" in shop.stored_visitor(one) for one in shop.tracked] == [False, True]


def test_what_cannot_be_marked_off_page_is_an_error() -> None:
    """A mark that nobody would look for is refused where it is put."""
    shop = Shop()
    for view in (shop.app, Shop, shop.client.get, "webhook", None):
        with pytest.raises(ConfigurationError, match="marks a function, a class of View"):
            shop.twin.off_page(view)  # type: ignore[type-var]


def test_webhook_and_thank_you_page_are_one_conversion() -> None:
    """Whoever reports the order first, the other adds nothing, and the page still fires the pixels once."""
    shop = Shop()

    @shop.app.get("/paid/<order>")
    def paid(order: str) -> str:
        shop.tracked.append(shop.twin.track(Purchase(order_id=order, value="10", currency="EUR")))
        return render_template_string(PAGE)

    client = shop.client
    client.post("/webhook")
    page = client.get("/paid/2002")
    first, second = shop.tracked
    assert first is not None and second is not None
    assert first.id == second.id and not second.created
    assert len(fired(page)) == 3
    assert fired(client.get("/paid/2002")) == []


def test_an_explicit_visitor_is_somebody_else() -> None:
    """With `visitor=` the current page shows no pixel for the conversion, unless asked to."""
    shop = Shop()

    @shop.app.get("/admin")
    def admin() -> str:
        shop.tracked.append(shop.twin.track(AddToCart(), visitor=Visitor(email="bob@example.com")))
        return render_template_string(PAGE)

    assert fired(shop.client.get("/admin")) == []
    assert shop.tracked[0] is not None and shop.tracked[0].stored


def test_what_the_site_knows_of_the_visitor_is_in_both_halves_hashed() -> None:
    """A visitor_loader's identity reaches the pixel's start as a digest and never in plain."""
    shop = Shop()
    shop.twin.visitor_loader(lambda: {"email": "ada@example.com"})
    page = shop.client.get("/")
    text = page.get_data(as_text=True)
    assert "ada@example.com" not in text
    assert "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72" in text
    assert page.cache_control.private


def test_a_visitor_is_himself_where_a_context_outlives_his_request() -> None:
    """On a server whose application context was pushed before, each visitor has his own consent and identity."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: request.cookies["advertising"])
    shop.twin.visitor_loader(lambda: {"email": request.cookies["mail"]})
    server = make_server("127.0.0.1", 0, shop.app, threaded=False)

    def serve() -> None:
        with shop.app.app_context():
            server.serve_forever()

    def page(cookie: str) -> str:
        asked = Request(f"http://127.0.0.1:{server.server_port}/", headers={"Cookie": cookie, "User-Agent": AGENT})
        with urlopen(asked, timeout=10) as answer:
            return str(answer.read().decode())

    thread = Thread(target=serve)
    thread.start()
    try:
        ada, ben = (page(f"advertising=granted; mail={name}@example.com") for name in ("ada", "ben"))
        bob = page("advertising=denied; mail=bob@example.com")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert sha256(b"ada@example.com").hexdigest() in ada
    assert sha256(b"ben@example.com").hexdigest() in ben
    assert "pixel" not in bob


def test_filters_decide_what_is_tracked_and_which_url_is_seen() -> None:
    """A conversion_filter leaves staff orders out of both halves; a source_url_filter changes what is stored."""
    shop = Shop()
    shop.twin.source_url_filter(lambda url: url.replace("/product", "/p"))
    client = shop.client
    client.get("/product")
    first = shop.tracked[0]
    assert first is not None and first.source_url == "http://localhost/p"
    shop.twin.conversion_filter(lambda event: not isinstance(event, Purchase))
    client.post("/buy")
    assert fired(client.get("/thanks")) == []
    assert shop.tracked[1] is not None and not shop.tracked[1].stored


def test_a_page_that_a_view_names_is_treated_like_its_own() -> None:
    """An explicit source_url may be a path of the site, loses what is private, and goes through the filter."""
    shop = Shop()
    shop.twin.source_url_filter(lambda url: url.replace("/product", "/p"))

    @shop.app.get("/named")
    def named() -> str:
        for url in ("/product?session_id=cs_1&rdt_cid=r1", "https://shop.example/product#top", None):
            shop.tracked.append(shop.twin.track(AddToCart(), source_url=url))
        return ""

    shop.client.get("/named")
    assert [one.source_url for one in shop.tracked if one] == [
        "http://localhost/p?rdt_cid=r1",
        "https://shop.example/p",
        None,
    ]


def test_a_staging_site_tells_nobody() -> None:
    """PIXELTWIN_DELIVERY=off: no pixel, no row, and the application runs as ever."""
    shop = Shop(PIXELTWIN_DELIVERY="off")
    client = shop.client
    client.post("/buy")
    assert "<script" not in client.get("/thanks").get_data(as_text=True)
    assert all(not states for states in shop.twin_tracker.outbox.counts().values())


def test_a_tracker_of_ones_own_goes_by_its_arguments_alone() -> None:
    """With live=False it tells nobody, as PIXELTWIN_DELIVERY=off does; a sandbox that it would not go to is an error at
    the start, not a site that is live."""
    own = Tracker(samples.platforms(), secret_keys=[samples.KEY], outbox="memory:", live=False)
    app = Flask("shop")
    app.debug, app.config["PIXELTWIN_CONSENT"], app.config["PIXELTWIN_SANDBOX"] = True, "granted", "1"
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_SANDBOX: .*tracker="):
        PixelTwin(app, tracker=own)
    del app.config["PIXELTWIN_SANDBOX"]
    twin = PixelTwin(app, tracker=own)
    with app.test_request_context("/"):
        twin.track(samples.purchase())
        assert "<script" not in render_template_string(PAGE)
    assert own.outbox.deliveries() == []


def test_delivery_starts_with_the_application_before_any_request() -> None:
    """Where the application is made there is no context yet: the thread of delivery starts by the application alone."""
    own = Tracker(samples.platforms(), secret_keys=[samples.KEY], outbox="memory:")
    app = Flask("shop")
    app.config["PIXELTWIN_CONSENT"] = "granted"
    before = set(threads())
    PixelTwin(app, tracker=own).start_delivery(app)
    started = set(threads()) - before
    assert started
    own.close()
    assert not started & set(threads())


@pytest.mark.parametrize("inline", [True, False])
def test_every_script_carries_the_nonce_of_the_policy(inline: bool) -> None:
    """The nonce is found in g and stands on each script that runs, however the page carries the code."""
    shop = Shop(PIXELTWIN_INLINE=inline)

    @shop.app.before_request
    def nonce() -> None:
        from flask import g

        g.csp_nonce = "n0nce"

    client = shop.client
    client.post("/buy")
    scripts = re.findall(r"<script(?![^>]*application/json)[^>]*>", client.get("/thanks").get_data(as_text=True))
    assert len(scripts) == (2 if inline else 1) and all('nonce="n0nce"' in script for script in scripts)


def test_what_is_tracked_for_its_own_page_costs_one_transaction() -> None:
    """A page that tracks and shows a conversion stores it as offered already: it is not claimed a second time."""
    shop = Shop()
    calls: list[str] = []
    outbox = shop.twin_tracker.outbox

    def counted(name: str, method: Any, *args: Any, **options: Any) -> Any:
        calls.append(name)
        return method(*args, **options)

    for name in ("put", "get", "offer", "retract", "find"):
        setattr(outbox, name, partial(counted, name, getattr(outbox, name)))
    assert len(fired(shop.client.get("/product"))) == 3
    assert calls == ["put"]


@pytest.mark.parametrize("broken", ["before head", "after head", "no head"])
def test_a_page_that_never_came_leaves_its_conversion_for_the_next(broken: str) -> None:
    """What was tracked for a page that then failed, or that has no pixels, is on the visitor's next page, once."""
    shop = Shop(TESTING=False, PIXELTWIN_ON_ERROR="raise")
    template = {"before head": "{{ 1 // 0 }}" + PAGE, "after head": PAGE + "{{ 1 // 0 }}", "no head": "thanks"}[broken]

    @shop.app.get("/broken")
    def page() -> str:
        shop.tracked.append(shop.twin.track(Purchase(order_id="7", value="1", currency="EUR")))
        return render_template_string(template)

    client = shop.client
    assert client.get("/broken").status_code == (200 if broken == "no head" else 500)
    bought = shop.tracked[0]
    assert bought is not None
    assert {id for _, id in fired(client.get("/"))} == {bought.id}
    assert fired(client.get("/")) == []


def test_a_page_opened_twice_shows_its_conversion_once() -> None:
    """A thank-you page that tracks its order by key, reloaded, has no second browser half."""
    shop = Shop()

    @shop.app.get("/done")
    def done() -> str:
        shop.twin.track(Purchase(order_id="8", value="1", currency="EUR"))
        return render_template_string(PAGE)

    client = shop.client
    assert len(fired(client.get("/done"))) == 3
    assert fired(client.get("/done")) == []
    assert fired(client.get("/")) == []


def test_the_first_party_script_may_be_cached_by_all() -> None:
    """It is the same for everyone, and says so, with an ETag."""
    client = Shop().client
    script = client.get("/_pixeltwin/pixeltwin.js")
    assert script.mimetype == "text/javascript" and script.cache_control.public
    assert client.get("/_pixeltwin/pixeltwin.js", headers={"If-None-Match": script.headers["ETag"]}).status_code == 304


def test_what_is_missing_is_said_with_what_to_set() -> None:
    """No platform, no secret key, half a platform, a second extension: each is refused in words that help."""
    with pytest.raises(ConfigurationError, match="PIXELTWIN_REDDIT_PIXEL_ID"):
        PixelTwin(Flask("bare"))
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        Shop(SECRET_KEY="")
    with pytest.raises(ConfigurationError, match="PIXELTWIN_PINTEREST_TAG_ID"):
        Shop(PIXELTWIN_PINTEREST_TAG_ID="")
    shop = Shop()
    with pytest.raises(ConfigurationError, match="already"):
        PixelTwin(shop.app)


def test_nothing_secret_is_logged_while_tracking(caplog: pytest.LogCaptureFixture) -> None:
    """No token, e-mail or secret key is in any log record, at any level."""
    caplog.set_level(logging.DEBUG)
    shop = Shop()
    client = shop.client
    client.post("/buy")
    client.get("/thanks")
    for secret in ("reddit-token", "snap-token", "pinterest-token", "ada@example.com", "a secret for tests"):
        assert secret not in caplog.text


# --- paid later ------------------------------------------------------------------------------------------------------


class LaterShop(Shop):
    """A shop whose payments settle by webhook."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        twin = self.twin

        @self.app.post("/order")
        def order() -> Any:
            self.tracked.append(twin.hold(Purchase(order_id="3003", value="20", currency="EUR"), email="a@example.com"))
            return redirect("/thanks")

        @self.app.get("/order-page")
        def order_page() -> str:
            self.tracked.append(twin.hold(Purchase(order_id="3003", value="20", currency="EUR")))
            return render_template_string(PAGE)

        @self.app.post("/remember")
        def remember() -> str:
            twin.remember("4004", email="a@example.com")
            return ""

        @self.app.post("/paid")
        @twin.off_page
        def paid() -> tuple[str, int]:
            try:
                self.tracked.append(twin.confirm(Purchase, "3003", value="18"))
            except UnknownConversion:
                return "", 202
            return "", 204

        @self.app.post("/cancelled")
        @twin.off_page
        def cancelled() -> dict[str, str]:
            return dict(twin.cancel(Purchase, "3003").counts)

        @self.app.post("/reported")
        @twin.off_page
        def reported() -> str:
            self.tracked.append(twin.track(Purchase(order_id="4004", value="20", currency="EUR"), phone="+4930901820"))
            return ""


@pytest.mark.parametrize("checkout", ["/order", "/order-page"])
def test_a_payment_that_settles_later_fires_on_the_visitors_next_page_once(checkout: str) -> None:
    """Checkout holds, any number of pages show nothing, the webhook confirms off-page, and the next page of that
    visitor alone fires the three pixels, once."""
    shop = LaterShop()
    client = shop.client
    client.open(checkout, method="POST" if checkout == "/order" else "GET")
    held = shop.tracked[0]
    assert held is not None
    for page in ("/thanks", "/", "/thanks"):
        assert fired(client.get(page)) == []
    assert shop.client.post("/paid").status_code == 204
    assert fired(shop.client.get("/")) == []
    assert set(fired(client.get("/"))) == {(name, held.id) for name in ("reddit", "snap", "pinterest")}
    assert fired(client.get("/")) == []
    stored = shop.stored_visitor(held)
    assert (stored["user_agent"], stored["url"]) == (AGENT, f"http://localhost{checkout}")
    confirmed = shop.tracked[1]
    assert confirmed is not None and isinstance(confirmed.event, Purchase) and str(confirmed.event.value) == "18"


def test_a_page_while_the_payment_is_open_stays_cacheable() -> None:
    """A held order changes no page before it is paid: the cookie stays as it is, and lives for seven days."""
    shop = LaterShop()
    client = shop.client
    cookie = client.post("/order").headers["Set-Cookie"]
    assert cookie.startswith("pixeltwin_pending=") and "Max-Age=604800" in cookie
    page = client.get("/thanks")
    assert "no-store" not in page.headers.get("Cache-Control", "")
    assert "Set-Cookie" not in page.headers


def test_consent_and_payment_must_both_come_before_a_pixel_fires() -> None:
    """A held order of somebody who has not decided fires once he has paid and agreed, and not before."""
    for steps in (("agree", "pay"), ("pay", "agree")):
        shop = LaterShop(PIXELTWIN_CONSENT="")
        answer = {"now": Consent.pending()}
        shop.twin.consent_loader(partial(answer.__getitem__, "now"))
        client = shop.client
        client.post("/order")
        for step in steps:
            assert fired(client.get("/")) == []
            if step == "agree":
                answer["now"] = Consent.granted()
            else:
                shop.client.post("/paid")
        assert len(fired(client.get("/"))) == 3
        assert fired(client.get("/")) == []


def test_a_hold_that_could_not_be_stored_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store is out of order, a page shows no pixel for what nobody has paid."""
    shop = LaterShop(PIXELTWIN_ON_ERROR="log")
    client = shop.client

    def down(*args: Any, **kwargs: Any) -> Any:
        raise OutboxUnavailable("the disk is full")

    for method in ("put", "offer", "get"):
        monkeypatch.setattr(shop.twin_tracker.outbox, method, down)
    assert fired(client.get("/order-page")) == []
    monkeypatch.undo()
    client.post("/order")
    for method in ("offer", "get"):
        monkeypatch.setattr(shop.twin_tracker.outbox, method, down)
    assert fired(client.get("/thanks")) == []
    monkeypatch.undo()
    shop.client.post("/paid")
    assert len(fired(client.get("/thanks"))) == 3


def test_an_early_or_unknown_payment_can_be_answered() -> None:
    """A webhook that is faster than the checkout answers that it was told, and the order then goes at once."""
    shop = LaterShop()
    assert shop.client.post("/paid").status_code == 202
    client = shop.client
    client.post("/order")
    assert len(fired(client.get("/thanks"))) == 3


def test_a_cancelled_order_is_never_shown() -> None:
    """The webhook's cancellation says that nobody has counted, and no page of the visitor fires anything."""
    shop = LaterShop()
    client = shop.client
    client.post("/order")
    assert set(shop.client.post("/cancelled").get_json().values()) == {"not counted"}
    shop.client.post("/paid")
    assert fired(client.get("/")) == []


def test_an_off_page_report_uses_what_checkout_remembered() -> None:
    """The webhook's report has the visitor's signals, page and consent of checkout, and the identity it adds itself."""
    shop = LaterShop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent.granted(platforms={"snap": "denied"}))
    shop.client.post("/remember?rdt_cid=r1")
    shop.client.post("/reported?rdt_cid=provider")
    reported = shop.tracked[0]
    assert reported is not None and reported.stored
    assert reported.consent == Consent.granted(platforms={"snap": "denied"})
    stored = shop.stored_visitor(reported)
    assert stored["click_ids"] == {"reddit": "r1"} and stored["url"].startswith("http://localhost/remember")
    assert {key.partition("/")[0] for key in stored["sealed"]} >= {"email", "phone", "ip_address"}


def test_an_off_page_report_of_somebody_unknown_counts_as_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Where checkout remembered nothing and the webhook names no consent, nobody is told, and the log says why."""
    shop = LaterShop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent.granted())
    shop.client.post("/reported")
    assert shop.tracked[0] is not None and not shop.tracked[0].stored
    assert "consent=" in caplog.text
