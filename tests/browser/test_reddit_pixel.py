"""The sandbox's Reddit pixel in a real browser: on the wire it does what the vendor's was seen to do."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.dedup import Half
from pixeltwin.emulation import Incoming
from pixeltwin.events import CustomEvent, Event, Item, Lead, PageView, Purchase, Refund
from pixeltwin.platforms.reddit import Reddit
from pixeltwin.snippet import render
from pixeltwin.visitor import Visitor

pytestmark = pytest.mark.browser

POLICY = "default-src 'none'; script-src 'nonce-n' 'self'; img-src 'self' data:"
ID = "ab" * 32
NAME = "</script><!--Käse & Co\u2028"
SHOPPER = Visitor(email="Al.ice+Apple@Example.Com", phone="+1 (555) 444-1234", external_id="customer12345")
ALICE = "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"


class Site:
    """One page with the snippet under a nonce policy, and Reddit's emulator, on one origin."""

    def __init__(self) -> None:
        self.halves: list[Half] = []
        self.html = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if not url.path.startswith("/reddit/"):
                    self.reply(site.html.encode(), "text/html; charset=utf-8")
                    return
                incoming = Incoming("GET", url.path.removeprefix("/reddit"), url.query, {}, b"")
                answer = Reddit.emulator().answer(incoming, datetime.now(timezone.utc))
                site.halves.extend(answer.halves)
                self.reply(answer.body, answer.content_type)

            def reply(self, body: bytes, content_type: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        settings: dict[str, Any] = {
            "pixel_id": "a2_abc123",
            "value_basis": "net",
            "refunds": "Refund",
            **Reddit.emulated(self.url),
        }
        self.reddit = Reddit(**settings)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, *events: Event, script: str = "", consent: Consent | None = None, id: str = ID) -> None:
        """Make the page: the snippet with these events, each under an ID of its own, and a script of the page's own."""
        consent = consent or Consent.granted()
        first = Conversion(event=PageView(), id=id, occurred_at=datetime.now(timezone.utc), visitor=SHOPPER)
        told = [replace(first, event=one, id=f"{index}{id[1:]}" if index else id) for index, one in enumerate(events)]
        snippet = render([self.reddit], lambda _: told, visitor=SHOPPER, consent=consent, nonce="n")
        icon = '<link rel="icon" href="data:,">'
        self.html = f'<!doctype html><html><head>{icon}{snippet}</head><body><script nonce="n">{script}</script></body>'

    def hits(self, count: int) -> list[Half]:
        """What arrived, by ID, once that many did."""
        until = time.monotonic() + 10
        while len(self.halves) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.halves) == count
        return sorted(self.halves, key=lambda half: half.id or "")


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_the_snippet_reaches_the_wire_as_it_was_said(site: Site, visit: Any) -> None:
    """Through loader, queue and script a conversion arrives whole, identity hashed and without the page's query."""
    bought = Purchase(
        order_id="1001", value="59.90", currency="EUR", items=[Item(id="1", name=NAME, price="29.95", quantity=2)]
    )
    site.show(bought, consent=Consent.limited(country="US", state="CA"))
    visit.page().goto(f"{site.url}?rdt_cid=3184742045291813272&session=secret")
    (half,) = site.hits(1)
    said = half.payload

    assert (half.event, half.id, str(half.value), half.account) == ("PURCHASE", ID, "59.9", "a2_abc123")
    assert (said["m.currency"], said["m.itemCount"], said["em"]) == ("EUR", "2", ALICE)
    assert json.loads(said["m.products"]) == [{"id": "1", "name": NAME.strip(), "quantity": 2, "itemPrice": 29.95}]
    assert (said["dpm"], said["dpcc"], said["dprc"]) == ("LDU", "US", "US-CA")
    assert (said["click_id"], said["esurl"]) == ("3184742045291813272", site.url)
    assert "secret" not in json.dumps(said)
    assert visit.complaints == []


def test_a_reload_fires_no_second_time_and_another_conversion_does(site: Site, visit: Any) -> None:
    """The browser remembers what it told: a reload adds nothing, a new ID does."""
    page = visit.page()
    site.show(PageView())
    page.goto(site.url)
    site.hits(1)
    page.reload()
    site.show(PageView(), id="cd" * 32)
    page.goto(site.url)

    assert [half.id for half in site.hits(2)] == [ID, "cd" * 32]


def test_the_cookies_are_the_vendors(site: Site, visit: Any) -> None:
    """Browser id and click id are kept 90 days, same-site and readable by scripts, and are sent on later pages."""
    page = visit.page()
    site.show(PageView())
    page.goto(f"{site.url}?rdt_cid=r1")
    site.hits(1)
    cookies = {one["name"]: one for one in visit.context.cookies()}
    site.show(Lead(), id="cd" * 32)
    page.goto(site.url)
    last = site.hits(2)[-1]

    assert set(cookies) == {"_rdt_uuid", "_rdt_cid"}
    for one in cookies.values():
        assert (one["sameSite"], one["httpOnly"], one["path"]) == ("Strict", False, "/")
        assert abs(one["expires"] - time.time() - 90 * 86_400) < 60
    assert last.payload["uuid"] == cookies["_rdt_uuid"]["value"]
    assert last.payload["click_id"] == "r1"
    assert site.reddit.read_signals({}, {"_rdt_uuid": cookies["_rdt_uuid"]["value"]}).browser_id is not None


def test_ids_are_hashed_as_the_vendors_script_hashes_them(site: Site, visit: Any) -> None:
    """A plain ID goes out as its SHA-256, 64 hex digits in lower case, a number not at all; repeats are repeated."""
    calls = ["'Order-7'", f"'{ID.upper()}'", f"'{ID}'", "1001"]
    tracked = [f"rdt('track', 'Lead', {{conversionId: {one}, value: {n}}})" for n, one in enumerate(calls)]
    site.show(script=";".join(tracked))
    visit.page().goto(site.url)

    assert [half.id for half in site.hits(4)] == [None, hashlib.sha256(b"Order-7").hexdigest(), ID, ID]


def test_a_page_that_says_its_own_is_understood(site: Site, visit: Any) -> None:
    """Match keys of a call win over those of init, one product is a list, and money without a currency is dollars."""
    call = "{conversionId: 'x', email: 'J.Doe+a@Example.com', value: 5, products: {id: '1'}}"
    site.show(CustomEvent(name="Quiz ✓"), script=f"rdt('disableFirstPartyCookies'); rdt('track', 'Lead', {call})")
    visit.page().goto(site.url)
    lead, quiz = sorted(site.hits(2), key=lambda half: half.event, reverse=True)

    assert lead.payload["em"] == hashlib.sha256(b"jdoe@example.com").hexdigest()
    assert (lead.payload["m.currency"], lead.payload["m.products"]) == ("USD", '[{"id":"1"}]')
    assert "uuid" not in lead.payload
    assert (quiz.event, quiz.custom_name) == ("CUSTOM", "Quiz ✓")


def test_a_sale_is_told_by_the_page_and_its_refund_is_not(site: Site, visit: Any) -> None:
    """The page tells the net value that the server tells, nothing of a refund, and reads no form by itself."""
    sale = Purchase(order_id="1001", value="119.00", currency="EUR", tax="19.00", shipping="4.90")
    form = "document.body.innerHTML = '<form><input type=email value=jane@example.com></form>'"
    site.show(Refund(value="5", currency="EUR"), sale, script=form)
    visit.page().goto(site.url)
    (half,) = site.hits(1)

    assert (half.event, str(half.value)) == ("PURCHASE", "95.1")
    assert not {"auto_em", "auto_pn"} & half.payload.keys()
    assert '"aam":{"email":false,"phone_number":false}' in site.html
    assert "Refund" not in site.html
    assert visit.complaints == []
