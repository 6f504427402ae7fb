"""Snap's browser half: the snippet, and the sandbox's pixel script in a real browser."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.dedup import Half
from pixeltwin.emulation import DROPPED, Answer, Incoming
from pixeltwin.events import CustomEvent, Event, Item, PageView, Purchase
from pixeltwin.platforms.snap import Snap
from pixeltwin.snippet import render
from pixeltwin.strictjson import encode_for_html
from pixeltwin.visitor import Visitor, sha256

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
OTHER_PIXEL = "9a5b1c7e-0d2f-4b3a-8e6c-1f2d3c4b5a69"
ID = "ab" * 32
EM = sha256("person@example.com")
EMULATOR = Snap.emulator()


def snap(**more: Any) -> Snap:
    return Snap(**{"pixel_id": PIXEL, "access_token": "s3cret", **more})


def now() -> datetime:
    """The browser's clock is the real one."""
    return datetime.now(timezone.utc)


# --- the snippet -----------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script><!--\u2028'\"`${x}"


def conversion(event: Event, **more: Any) -> Conversion:
    return Conversion(**{"event": event, "id": ID, "occurred_at": now(), **more})


def page_of(platform: Snap, *conversions: Conversion, visitor: Visitor | None = None, nonce: str | None = None) -> str:
    somebody = visitor or Visitor(email="person@example.com", phone="+448444124653")
    return str(render([platform], lambda _: conversions, visitor=somebody, consent=Consent.granted(), nonce=nonce))


def test_the_snippet_is_safe_whatever_a_product_is_called() -> None:
    """Hostile names cannot end the script, and arrive as they are; nobody's address is in the page; the nonce is."""
    hat = Item(id=HOSTILE, name=HOSTILE, category=HOSTILE, brand=HOSTILE)
    html = page_of(snap(), conversion(Purchase(order_id=HOSTILE, value="1", currency="EUR", items=[hat])), nonce='n"0')

    assert html.count("<script") == html.count("</script>") == 1
    assert html.count('nonce="n&#34;0"') == 1
    assert "<!--" not in html
    assert "\u2028" not in html
    assert encode_for_html(HOSTILE) in html
    assert "person@" not in html
    assert "8444124653" not in html
    assert EM in html
    assert "__INSERT_USER_EMAIL__" not in html


def test_the_template_uses_nothing_undefined() -> None:
    """The template renders under strict rules with nothing but what it is promised."""
    environment = Environment(
        loader=PackageLoader("pixeltwin.pixel_templates", ""), undefined=StrictUndefined, autoescape=True
    )
    environment.filters["js"] = encode_for_html
    html = environment.get_template("snap.js.jinja").render(name="snap", script_url="https://x.example/s.js")

    assert 'pixeltwin.load("snap"' in html
    assert len(re.sub(r"\s+", " ", html)) < 700


# --- the script in a real browser ------------------------------------------------------------------------------------


class Site(BaseHTTPRequestHandler):
    """A page at / and the sandbox's Snap below /snap; what Snap was asked is kept in `asked`, what it took in
    `halves`."""

    html: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []
    halves: ClassVar[list[Half]] = []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/snap/"):
            self._snap(b"")
        elif parts.path == "/":
            self._send(Answer(200, f"<!doctype html><head>{Site.html}</head>".encode(), "text/html; charset=utf-8"))
        else:
            self._send(Answer(404))

    def do_POST(self) -> None:
        self._snap(self.rfile.read(int(self.headers["Content-Length"])))

    def _snap(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = parts.path.removeprefix("/snap")
        answer = EMULATOR.answer(Incoming(self.command, path, parts.query, headers, body), now())
        Site.asked.append(path)
        Site.halves.extend(answer.halves)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def site() -> Iterator[str]:
    Site.asked.clear()
    Site.halves.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def arrived(count: int) -> list[Half]:
    """The halves that came in, once there are `count`; any later one within half a second comes along."""
    until = time.monotonic() + 10
    while len(Site.halves) < count and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.5)
    return list(Site.halves)


def open_page(page: Any, url: str, html: Any) -> None:
    Site.html = str(html)
    page.goto(url)


@pytest.mark.browser
def test_the_rendered_snippet_reaches_the_sandbox_as_the_twin(site: str, page: Any) -> None:
    """The snippet, run by a browser, sends a half that Snap's rule counts once with the server event, and only once
    however often the page is opened."""
    platform = snap(**Snap.emulated(site))
    items = [Item(id="sku-1", brand="Acme", quantity=2), Item(id=HOSTILE, quantity=1)]
    purchase = conversion(
        Purchase(order_id="1001", value="59.90", currency="EUR", items=items),
        visitor=Visitor(email="person@example.com"),
        source_url=f"{site}/",
    )
    html = page_of(platform, purchase, conversion(PageView(), id="pv"))
    open_page(page, f"{site}/?ScCid=AbC-9", html)
    page.reload()
    request = platform.server_request([platform.server_event(purchase)])
    assert request.url.startswith(f"{site}/snap/v3/{PIXEL}/events?")
    parts = urlsplit(request.url.removeprefix(f"{site}/snap"))
    (server,) = EMULATOR.answer(Incoming("POST", parts.path, parts.query, {}, request.body), now()).halves
    bought, seen = sorted(arrived(2), key=lambda half: half.event, reverse=True)

    verdict = Snap.dedup(bought, server)
    assert (verdict.counted, verdict.certain) == (1, True), verdict.reason
    assert (bought.id, bought.order_id, bought.value) == (server.id, server.order_id, server.value)
    assert (bought.event, bought.account, seen.event, seen.id) == (server.event, server.account, "PAGE_VIEW", "pv")
    assert bought.payload["e_iids"] == f"sku-1,{HOSTILE}"
    assert (bought.payload["e_ni"], bought.payload["e_bds"], bought.payload["u_hem"]) == (3, "Acme", EM)
    assert (bought.payload["sr"], bought.payload["url"]) == ("AbC-9", f"{site}/?ScCid=AbC-9")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    scid = cookies["_scid"]
    assert scid["value"] == bought.payload["c1"]
    assert (scid["sameSite"], scid["secure"], scid["httpOnly"]) == ("Lax", False, False)
    assert 390 < (scid["expires"] - time.time()) / 86400 < 397
    assert cookies["_scsrid"]["value"] == "2|AbC-9"


@pytest.mark.browser
def test_every_field_of_the_pixel_reaches_the_wire(site: str, page: Any) -> None:
    """What a custom event tells of itself, its customer and its delivery arrives under the pixel's wire names, equal to
    the server's where the server has it, and the script drops none of it."""
    platform = snap(custom_events={"Quiz finished": "CUSTOM_EVENT_1"}, **Snap.emulated(site))
    quiz = CustomEvent(
        name="Quiz finished",
        description=HOSTILE,
        customer_status="new",
        delivery_category="curbside",
        category="quiz",
        items=[Item(id="sku-1", brand_id="b-1")],
    )
    one = conversion(quiz, visitor=Visitor(email="person@example.com"), source_url=f"{site}/")
    open_page(page, f"{site}/", page_of(platform, one))
    custom = platform.server_event(one)["custom_data"]
    (half,) = arrived(1)

    wire = {key: half.payload[key] for key in ("et", "e_desc", "e_cs", "e_dm", "e_ic", "br_id")}
    assert wire == {
        "et": "Quiz finished",
        "e_desc": HOSTILE,
        "e_cs": "new",
        "e_dm": "curbside",
        "e_ic": "quiz",
        "br_id": "b-1",
    }
    assert DROPPED not in half.payload
    shared = {"event_tag": wire["et"], "delivery_category": wire["e_dm"], "content_category": wire["e_ic"]}
    assert shared.items() <= custom.items()


LOADER = """<script>
var snaptr = function () { snaptr.queue.push(arguments); };
snaptr.queue = [];
%s
</script><script src="/snap/scevent.min.js" async></script>"""


@pytest.mark.browser
def test_the_script_drops_what_snaps_drops(site: str, page: Any) -> None:
    """Unknown keys go nowhere, a call without an id gets a made-up one, known keys match in any spelling."""
    calls = f"""
    snaptr('init', ' {PIXEL.upper()} ');
    snaptr('TRACK', ' purchase ', {{event_id: 'a', value: 1, order_id: '7', 'Client-DedupID': 'kept', price: 0,
        currency: null, level: function () {{}}, brands: ['x', 'y']}});
    snaptr('track', 'SAVE', {{event_id: 'lost'}});
    snaptr('track', 'not-a-pixel', 'ADD_CART', {{client_dedup_id: 'ignored'}});
    snaptr('track', '{OTHER_PIXEL}', 'ADD_CART', {{client_dedup_id: 'not started'}});
    """
    open_page(page, f"{site}/", LOADER % calls)
    saved, bought = sorted(arrived(2), key=lambda half: half.event, reverse=True)

    assert (bought.event, bought.id, bought.value, saved.event, saved.id) == (
        "PURCHASE",
        "kept",
        Decimal(0),
        "SAVE",
        None,
    )
    assert bought.payload["e_bds"] == "x,y"
    assert not {"event_id", "value", "order_id", "e_cur", "e_lv"} & bought.payload.keys()
    assert re.fullmatch("@-[0-9a-f-]{36}", saved.payload["cdid"])


@pytest.mark.browser
def test_the_script_hashes_repeats_and_leaks_as_snaps_does(site: str, page: Any) -> None:
    """Plain identity leaves hashed, a repeated call is sent again, and what `init` was told goes with every event."""
    calls = f"""
    snaptr('init', '{PIXEL}', {{user_email: ' Person@Example.com', client_dedup_id: 'leaked'}});
    snaptr('init', '{PIXEL}', {{user_phone_number: '44 844 412 4653'}});
    snaptr('track', 'SAVE');
    snaptr('track', 'SAVE', {{client_dedup_id: 'own'}});
    snaptr('track', 'SAVE', {{client_dedup_id: 'own', user_email: 'nobody'}});
    """
    open_page(page, f"{site}/", LOADER % calls)
    halves = arrived(3)

    assert sorted(str(half.id) for half in halves) == ["leaked", "own", "own"]
    assert {half.payload["u_hem"] for half in halves} == {EM, "FFF" + sha256("nobody")}
    assert {half.payload["u_hpn"] for half in halves} == {sha256("448444124653")}


@pytest.mark.browser
def test_calls_are_addressed_to_their_pixel(site: str, page: Any) -> None:
    """Of two Snap pixels on a page, each gets its own conversions and not the other's."""
    one = snap(**Snap.emulated(site), name="one")
    two = snap(**Snap.emulated(site), name="two", pixel_id=OTHER_PIXEL)
    views = [conversion(PageView(), id=name, platforms=(name,)) for name in ("one", "two")]
    html = render([one, two], lambda _: views, visitor=Visitor(), consent=Consent.granted())
    open_page(page, f"{site}/", html)

    assert sorted((half.account, half.id) for half in arrived(2)) == [(PIXEL, "one"), (OTHER_PIXEL, "two")]


@pytest.mark.browser
@pytest.mark.parametrize("wrong", ["init", "queue"])
def test_the_script_is_silent_where_snaps_is(site: str, page: Any, wrong: str) -> None:
    """With a pixel id that is no UUID, or a queue that is no array, nothing is sent and nothing is thrown."""
    pixel = "my-pixel" if wrong == "init" else PIXEL
    spoil = "snaptr.queue = {splice: 1};" if wrong == "queue" else ""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_page(page, f"{site}/", LOADER % f"snaptr('init', '{pixel}'); snaptr('track', 'SAVE'); {spoil}")
    page.wait_for_load_state("load")

    assert arrived(0) == []
    assert Site.asked == ["/scevent.min.js"]
    assert errors == []
