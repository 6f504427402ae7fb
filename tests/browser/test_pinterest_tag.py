"""The Pinterest tag in the sandbox: its hits as the collector reads them, and its script in a real browser."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.dedup import Half
from pixeltwin.emulation import Answer, Incoming
from pixeltwin.events import Item, PageView, Purchase, SignUp
from pixeltwin.platforms.pinterest import Pinterest
from pixeltwin.snippet import render
from pixeltwin.visitor import Visitor, sha256

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
EM = sha256("user@example.com")
EMULATOR = Pinterest.emulator()


def hit(query: str = "", *, method: str = "GET", body: bytes = b"", content_type: str = "") -> Answer:
    return EMULATOR.answer(Incoming(method, "/v3/", query, {"content-type": content_type}, body), NOON)


def emulated(url: str, **more: Any) -> Pinterest:
    settings: dict[str, Any] = {"tag_id": "2612345678901", **Pinterest.emulated(url), **more}
    return Pinterest(**settings)


def half_of(answer: Answer) -> Half:
    assert answer.status == 200
    (found,) = answer.halves
    return found


def api_half(name: str) -> Half:
    """The server half with the same ID."""
    user = {"em": [EM]}
    event = {
        "event_name": name,
        "action_source": "web",
        "event_time": int(NOON.timestamp()),
        "event_id": ID,
        "user_data": user,
    }
    headers = {"authorization": "Bearer pina_any", "content-type": "application/json"}
    body = json.dumps({"data": [event]}).encode()
    return half_of(EMULATOR.answer(Incoming("POST", "/v5/ad_accounts/1/events", "", headers, body), NOON))


def track(event: str, data: Any, tid: str = "2612345678901") -> str:
    return urlencode({"event": event, "ed": json.dumps(data), "tid": tid, "pd": "{}", "cb": "1"})


@pytest.mark.parametrize("key", ["event_id", "eventID", "eid"])
def test_the_id_is_read_from_the_three_keys_the_tag_knows(key: str) -> None:
    """Each documented spelling carries the ID."""
    assert half_of(hit(track("checkout", {key: ID}))).id == ID


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"eventId": ID},
        {"EVENT_ID": ID},
        {"client_dedup_id": ID},
        {"conversionId": ID},
        {"order_id": ID},
        {"event_id": True},
        {"event_id": ""},
        {"event_id": None},
    ],
)
def test_an_id_in_a_wrong_field_does_not_dedup(data: dict[str, Any]) -> None:
    """An ID under another name, or that is no text, is none, and the developer is told."""
    answer = hit(track("checkout", data))

    assert half_of(answer).id is None
    assert "event_id" in answer.warnings[0]
    assert Pinterest.dedup(half_of(answer), api_half("checkout")).counted == 2


def test_a_number_may_be_the_id_that_the_api_has_as_text() -> None:
    """An ID that the page gave as a number is that number's text, and nobody says whether Pinterest takes it for it."""
    answer = hit(track("checkout", {"event_id": 1001}))
    tag = half_of(answer)
    verdict = Pinterest.dedup(tag, replace(api_half("checkout"), id="1001"))

    assert (tag.id, len(answer.warnings)) == ("1001", 1)
    assert (verdict.counted, verdict.certain) == (2, False)
    assert "number" in verdict.reason
    assert "number" in answer.warnings[0]
    assert Pinterest.dedup(tag, tag).counted == 1


@pytest.mark.parametrize(
    ("tag", "api", "own"),
    [
        ("checkout", "checkout", ""),
        ("Checkout", "checkout", ""),
        ("AddToCart", "add_to_cart", ""),
        ("ADDTOWISHLIST", "add_to_wishlist", ""),
        ("Page Visit", "page_visit", ""),
        ("Quiz Finished", "quizfinished", "quizfinished"),
        ("add_to_cart", "add_to_cart", "add_to_cart"),
    ],
)
def test_tag_names_are_the_apis_names(tag: str, api: str, own: str) -> None:
    """The tag's names count in any case and without blanks; an API name in the tag is somebody's own event."""
    found = half_of(hit(track(tag, {"event_id": ID})))

    assert (found.event, found.custom_name) == (api, own)


def test_the_apis_spelling_in_the_tag_is_another_event() -> None:
    """add_to_cart is a name of the API: sent by the tag it does not merge with the API's, and the reason says so."""
    tag = half_of(hit(track("add_to_cart", {"event_id": ID})))
    verdict = Pinterest.dedup(tag, api_half("add_to_cart"))

    assert verdict.counted == 2
    assert "the tag takes add_to_cart for a name of your own" in verdict.reason


@pytest.mark.parametrize("name", ["Checkout", "AddToCart"])
def test_the_apis_names_count_in_one_case(name: str) -> None:
    """The tag's spelling of a name, sent to the API, is another event, and is named as it came."""
    tag = half_of(hit(track(name, {"event_id": ID})))
    verdict = Pinterest.dedup(tag, api_half(name))

    assert verdict.counted == 2
    assert f"differ: {tag.event} and {name}." in verdict.reason


def test_own_names_merge_in_any_case() -> None:
    """A name of one's own is the same event on both sides whatever its case."""
    tag = half_of(hit(track("Quiz_Finished", {"event_id": ID})))

    assert Pinterest.dedup(tag, api_half("quiz_finished")).counted == 1


@pytest.mark.parametrize(
    "query", ["event=init&tid=2612345678901", "tid=2612345678901&noscript=1", track("checkout", {}, "")]
)
def test_a_page_load_is_no_conversion(query: str) -> None:
    """The start of the page, and a hit without a tag, are answered and count nothing."""
    answer = hit(query)

    assert (answer.status, answer.content_type, answer.halves) == (200, "image/gif", ())


DATA = {"event_id": ID, "value": 59.9, "currency": "EUR", "order_id": "1001", "line_items": [{"product_id": "a&b"}]}
FORM = {"event": "checkout", "tid": "2612345678901", "ed": DATA, "pd": {"em": EM}}
IMAGE = (
    f"tid=2612345678901&event=checkout&pd[em]={EM}&ed[event_id]={ID}&ed[value]=59.9&ed[currency]=EUR&ed[order_id]=1001"
    f"&ed[line_items][0][product_id]={quote('a&b')}&noscript=1"
)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: hit(urlencode({key: json.dumps(one) if isinstance(one, dict) else one for key, one in FORM.items()})),
        lambda: hit(IMAGE),
        lambda: hit(IMAGE.replace("[", "%5B").replace("]", "%5D")),
        lambda: hit(
            method="POST",
            body=urlencode(
                {key: json.dumps(one) if isinstance(one, dict) else one for key, one in FORM.items()}
            ).encode(),
            content_type="application/x-www-form-urlencoded;charset=UTF-8",
        ),
        lambda: hit(method="POST", body=json.dumps(FORM).encode(), content_type="application/json"),
    ],
    ids=["query", "image", "encoded image", "form", "JSON"],
)
def test_all_forms_of_a_hit_say_the_same(answer: Callable[[], Answer]) -> None:
    """A hit is the same conversion as a query, as an image, as a form and as JSON."""
    found = half_of(answer())

    assert (found.event, found.id, found.order_id, str(found.value)) == ("checkout", ID, "1001", "59.9")
    assert found.payload["ed"]["line_items"] == [{"product_id": "a&b"}]
    assert found.payload["pd"] == {"em": EM}
    json.dumps(found.payload)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "event=checkout&tid=1&ed={",
        "event=checkout&tid=1&ed=[1]",
        "event=checkout&tid=1&ed[0]=x&ed[a][b]=1&ed[a]=2&pd=7",
    ],
)
def test_a_garbled_hit_is_no_fault_of_the_page(query: str) -> None:
    """The collector answers whatever comes with its pixel."""
    assert hit(query).status == 200


def test_the_pages_origin_may_read_the_answer() -> None:
    """A hit from another origin is allowed by name, with its cookies."""
    request = Incoming("GET", "/v3/", track("checkout", {}), {"origin": "https://shop.example"}, b"")

    assert EMULATOR.answer(request, NOON).headers == {
        "Access-Control-Allow-Origin": "https://shop.example",
        "Access-Control-Allow-Credentials": "true",
    }


# --- the tag script in a real browser --------------------------------------------------------------------------------


class Site:
    """A page with the snippet, and the emulator under /pinterest of the same origin."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, Any]] = []  # how it came, and what it said
        self.halves: list[Half] = []
        self.page = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if not parts.path.startswith("/pinterest/"):
                    self.reply(200, site.page.encode(), "text/html; charset=utf-8")
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                incoming = Incoming(self.command, parts.path.removeprefix("/pinterest"), parts.query, headers, body)
                answer = EMULATOR.answer(incoming, NOON)
                if incoming.path == "/v3/":
                    site.hits.append((self.command, parse_qs(parts.query or body.decode())))
                    site.halves.extend(answer.halves)
                self.reply(answer.status, answer.body, answer.content_type)

            do_POST = do_GET

            def reply(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, conversions: list[Conversion], visitor: Visitor, after: str = "", **more: Any) -> None:
        platform = emulated(self.url, **more)
        snippet = render([platform], lambda _: conversions, visitor=visitor, consent=Consent.granted())
        self.page = f"<!doctype html><html><head>{snippet}</head><body><script>{after}</script></body></html>"

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 10
        while len(self.hits) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.hits) == count


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def browser_page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


SOMEBODY = Visitor(email="User@Example.com")


@pytest.mark.browser
def test_the_script_replays_the_queue(site: Site, browser_page: Any) -> None:
    """In Chromium the snippet loads the script, which sends start and conversion and keeps the click id."""
    bought = Purchase(
        order_id="1001", value="59.90", currency="EUR", items=[Item(id="sku-1", price="29.95", quantity=2)]
    )
    told = Conversion(event=bought, id=ID, occurred_at=NOON, visitor=SOMEBODY)
    site.show([told], SOMEBODY)
    browser_page.goto(f"{site.url}/thanks?epik=dj0click")
    site.wait_for(2)
    (_, start), (method, checkout) = site.hits
    (found,) = site.halves
    cookies = {one["name"]: one for one in browser_page.context.cookies()}

    assert start["event"] == ["init"]
    assert (method, checkout["event"], checkout["tid"]) == ("GET", ["checkout"], ["2612345678901"])
    assert (found.event, found.id, found.order_id, str(found.value)) == ("checkout", ID, "1001", "59.9")
    assert json.loads(checkout["ed"][0]) == {
        "event_id": ID,
        "value": 59.9,
        "currency": "EUR",
        "order_id": "1001",
        "order_quantity": 2,
        "line_items": [{"product_id": "sku-1", "product_price": 29.95, "product_quantity": 2}],
    }
    assert json.loads(checkout["pd"][0])["em"] == EM
    assert json.loads(checkout["pd"][0])["epik"] == "dj0click"
    assert json.loads(checkout["ad"][0])["loc"] == f"{site.url}/thanks?epik=dj0click"
    assert cookies["_epik"]["value"] == "dj0click"
    assert not cookies["_epik"]["httpOnly"]
    assert "_pin_unauth" in cookies


@pytest.mark.browser
def test_the_script_behaves_as_observed(site: Site, browser_page: Any) -> None:
    """In Chromium it sends a repeated call again, hashes a plain e-mail, posts what is long, stops without consent."""
    site.show(
        [],
        SOMEBODY,
        after="""
        pintrk('set', {em: ' Somebody@Example.com '});
        pintrk('track', 'AddToCart', {event_id: 'twice'}, function (ok) { window.told = ok; });
        pintrk('TRACK', 'Add To Cart', {event_id: 'twice'});
        pintrk('track', 'checkout', {event_id: 'long', property: 'x'.repeat(3000)});
        pintrk('setconsent', false);
        pintrk('track', 'lead', {event_id: 'never'});
        pintrk('setconsent', true);
        pintrk('track', 'signup', {event_id: 'last'});
        """,
    )
    browser_page.goto(f"{site.url}/")
    site.wait_for(5)
    methods = [method for method, _ in site.hits]

    assert [said["event"][0] for _, said in site.hits] == ["init", "AddToCart", "AddToCart", "checkout", "signup"]
    assert methods == ["GET", "GET", "GET", "POST", "GET"]
    assert [half.id for half in site.halves] == ["twice", "twice", "long", "last"]
    assert json.loads(site.hits[1][1]["pd"][0])["em"] == sha256("somebody@example.com")
    assert browser_page.evaluate("window.told") is True


@pytest.mark.browser
def test_a_reload_fires_no_conversion_again(site: Site, browser_page: Any) -> None:
    """In Chromium the same page seen twice starts the tag twice and tells the conversion once."""
    site.show([Conversion(event=PageView(), id=ID, occurred_at=NOON, visitor=SOMEBODY)], SOMEBODY)
    browser_page.goto(f"{site.url}/")
    site.wait_for(2)
    browser_page.reload()
    site.wait_for(3)

    assert [said["event"][0] for _, said in site.hits] == ["init", "pagevisit", "init"]


@pytest.mark.browser
def test_the_tag_sets_no_cookie_where_it_may_not(site: Site, browser_page: Any) -> None:
    """In Chromium, with first-party cookies switched off, the tag tells the conversion and leaves no cookie."""
    seen = Conversion(event=PageView(title="Boots"), id=ID, occurred_at=NOON, visitor=SOMEBODY)
    site.show([seen], SOMEBODY, first_party_cookies=False)
    browser_page.goto(f"{site.url}/?epik=dj0click")
    site.wait_for(2)

    assert json.loads(site.hits[1][1]["ed"][0]) == {"event_id": ID, "page_name": "Boots"}
    assert browser_page.context.cookies() == []


@pytest.mark.browser
def test_a_shops_event_is_not_on_the_page(site: Site, browser_page: Any) -> None:
    """In Chromium what happened in a shop fires nothing, and the page's own event is told as always."""
    told = Conversion(event=SignUp(), id=ID, occurred_at=NOON, visitor=SOMEBODY, action_source="offline")
    site.show([told, Conversion(event=PageView(), id="cd" * 32, occurred_at=NOON, visitor=SOMEBODY)], SOMEBODY)
    browser_page.goto(f"{site.url}/")
    site.wait_for(2)

    assert [half.id for half in site.halves] == ["cd" * 32]


@pytest.mark.browser
def test_without_javascript_the_images_tell(site: Site, browser_page: Any) -> None:
    """In Chromium without JavaScript the page's image and the conversion's are fetched, with its ID."""
    site.show([Conversion(event=PageView(), id=ID, occurred_at=NOON, visitor=SOMEBODY)], SOMEBODY)
    plain = browser_page.context.browser.new_context(java_script_enabled=False).new_page()
    plain.goto(f"{site.url}/")
    site.wait_for(2)

    assert [(half.event, half.id) for half in site.halves] == [("page_visit", ID)]
