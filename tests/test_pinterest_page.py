"""The Pinterest tag on the page: what the snippet renders, as script and as images."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html import unescape
from typing import Any

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.emulation import Incoming
from pixeltwin.events import AddToCart, Item, PageView, Purchase
from pixeltwin.platforms.pinterest import Pinterest
from pixeltwin.platforms.pinterest.hits import half, read
from pixeltwin.snippet import render
from pixeltwin.strictjson import decode, encode
from pixeltwin.visitor import Visitor, sha256
from tests.pages import fired

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
SOMEBODY = Visitor(email="User@Example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11)")
HOSTILE = "</script><script>alert('1')</script><!-- \"&\u2028 🥾"


def pinterest(**settings: Any) -> Pinterest:
    return Pinterest(tag_id="2612345678901", **settings)


def conversion(event: Any) -> Conversion:
    return Conversion(event=event, id=ID, occurred_at=NOON, visitor=SOMEBODY)


def page(event: Any, *, nonce: str | None = None, platform: Pinterest | None = None) -> str:
    told = conversion(event)
    return str(render([platform or pinterest()], lambda _: [told], visitor=SOMEBODY, consent=told.consent, nonce=nonce))


def test_hostile_text_stays_text() -> None:
    """A product name cannot leave the script, and arrives in the call as it was."""
    html = page(AddToCart(items=[Item(id="sku-1", name=HOSTILE)]))
    script = html.partition("<noscript>")[0]
    [call] = fired(html)
    command, name, data = call.args

    assert script.lower().count("<script") == script.lower().count("</script") == 1
    assert "<!--" not in html
    assert (call.event, call.id, call.function, command, name) == ("AddToCart", ID, "pintrk", "track", "addtocart")
    assert data["line_items"][0]["product_name"] == HOSTILE


def test_the_nonce_is_on_the_script_and_nothing_is_inline_elsewhere() -> None:
    """With a nonce the snippet has no other inline code or style that a strict policy would block."""
    html = page(PageView(), nonce="n0nce")

    assert html.count("<script") == html.count('<script nonce="n0nce">') == 1
    assert "style=" not in html
    assert " on" not in html.partition("<noscript>")[2]
    assert 'nonce="' not in page(PageView())


def test_the_image_is_the_same_conversion() -> None:
    """Without JavaScript the image says what the call would have said, read back from the HTML by the collector."""
    event = Purchase(
        order_id="1001", value="59.90", currency="EUR", items=[Item(id="a&b", name=HOSTILE, price="29.95", quantity=2)]
    )
    _, _, noscript = page(event).partition("<noscript>")
    urls = [unescape(url) for url in re.findall(r'<img src="([^"]*)"', noscript)]
    hits = [read(Incoming("GET", "/v3/", url.partition("?")[2], {}, b"")) for url in urls]
    call = pinterest().browser_calls(conversion(event))[0].args
    spoken = decode(encode(call[2]))
    written = {key: value if isinstance(value, list) else str(value) for key, value in spoken.items()}
    written["line_items"] = [{key: str(value) for key, value in line.items()} for line in spoken["line_items"]]
    written["value"] = "59.90"

    assert [half(hit, NOON)[0] is None for hit in hits] == [True, False]
    assert (hits[1]["event"], hits[1]["ed"]) == ("checkout", written)
    assert hits[0]["pd"] == hits[1]["pd"] == {"em": sha256("user@example.com")}
    assert "&pd" not in noscript.replace("&amp;pd", "")


def test_a_long_image_address_does_without_its_items() -> None:
    """An address over 2,000 characters leaves the line items out and keeps what makes it count once."""
    lines = [Item(id=f"sku-{number}", name="n" * 100) for number in range(20)]
    url = pinterest().noscript_images([conversion(AddToCart(items=lines))], SOMEBODY, Consent.granted())[1]

    assert len(url) <= 2000
    assert f"ed[event_id]={ID}" in url
    assert "ed[order_quantity]=20" in url
    assert "line_items" not in url


def test_what_before_send_leaves_out_has_no_image() -> None:
    """A conversion kept back from Pinterest is not told by an image either."""
    platform = pinterest(before_send=lambda told: None)

    assert page(PageView(), platform=platform).count("<img") == 1
