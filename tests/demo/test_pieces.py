"""The shop's page for everybody, and its pages that change without being loaded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.demo.storefront import Page, browser, events, put_into_cart

PIECES = {"X-Pieces": "1"}
LANDING = "/first-kite?rdt_cid=r1&ScCid=s1&epik=p1"


@pytest.mark.parametrize("consent", [None, "granted", "denied", "pending"])
def test_the_first_kite_is_the_same_page_for_everybody(shop: Flask, consent: str | None) -> None:
    """Whoever comes gets the same bytes, which a cache may keep: no cookie, no nonce, no name, no cart."""
    somebody = browser(shop, "granted")
    put_into_cart(somebody)
    somebody.post("/account/new", data={"first_name": "Zoë", "email": "jo@example.com"})
    first = somebody.get(LANDING)
    answer = browser(shop, consent).get("/first-kite")
    assert answer.get_data() == first.get_data()
    for one in (first, answer):
        assert one.headers["Cache-Control"] == "public, s-maxage=600"
        assert "Set-Cookie" not in one.headers
        assert "nonce" not in one.get_data(as_text=True) + one.headers["Content-Security-Policy"]
        assert "Zoë" not in one.get_data(as_text=True) and "r1" not in one.get_data(as_text=True)
    assert not Page(answer.get_data(as_text=True)).faults


def test_the_first_kite_runs_its_own_scripts_and_the_pixels_only(visitor: FlaskClient) -> None:
    """Its policy names this site and the pixels' hosts; nothing inline may run."""
    policy = visitor.get("/first-kite").headers["Content-Security-Policy"]
    found = re.search(r"script-src ([^;]*)", policy)
    assert found and "unsafe" not in policy
    assert {"'self'", "http://127.0.0.1:9"} <= set(found[1].split())


def test_what_is_one_visitors_comes_in_pieces(shop: Flask) -> None:
    """The pieces have his name, his cart and his answer about cookies, and no cache may keep them."""
    client = browser(shop, "granted")
    put_into_cart(client)
    client.post("/account/new", data={"first_name": "Jo", "email": "jo@example.com"})
    answer = client.get("/pieces")
    text = answer.get_data(as_text=True)
    assert ">Jo</a>" in text and '<b class="bag-count">2</b>' in text and "You have said yes." in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert not Page(text).faults


@pytest.mark.parametrize("consent", ["granted", "pending", "denied"])
def test_the_cart_changes_in_pieces_and_tells_of_it(shop: Flask, consent: str) -> None:
    """A thing put in by fetch comes back as the cart and, for who agreed, with its conversion; each on one page."""
    client = browser(shop, consent)
    data: dict[str, Any] = {"sku": "F4-TAIL-4"}
    text = client.post("/cart/add", data=data, headers=PIECES).get_data(as_text=True)
    assert "Bow tail" in text and '<b class="bag-count">1</b>' in text and "<html" not in text
    assert not Page(text).faults
    assert ("addtocart" in text) == (consent == "granted")
    assert ("AddToCart" in text) == (consent != "denied")
    assert "AddToCart" not in events(client.get("/cart").get_data(as_text=True)) or consent == "pending"
    emptied = client.post("/cart/update", data={"remove": "F4-TAIL-4"}, headers=PIECES).get_data(as_text=True)
    assert "nothing in it" in emptied and '<b class="bag-count none">0</b>' in emptied


def test_an_answer_about_cookies_in_pieces_counts_at_once(visitor: FlaskClient) -> None:
    """The answer is kept in its cookie, and the pieces that come back know it already."""
    answer = visitor.post("/consent", data={"choice": "granted", "next": "/first-kite"}, headers=PIECES)
    assert "You have said yes." in answer.get_data(as_text=True)
    cookie = visitor.get_cookie("shop_consent")
    assert cookie and cookie.value == "granted"


@pytest.mark.parametrize(
    ("consent", "there"), [("granted", True), ("pending", False), ("denied", False), (None, False)]
)
def test_a_wish_is_told_of_by_who_agreed(shop: Flask, consent: str | None, there: bool) -> None:
    """A product's heart carries its conversion only where it may be told; it is a button for everybody."""
    text = browser(shop, consent).get("/p/plover").get_data(as_text=True)
    assert ("data-pixeltwin-click" in text) == there
    assert 'data-wish="F4-PLO-60"' in text
