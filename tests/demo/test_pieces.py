"""The shop's page for everybody, and its pages that change without being loaded."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from demo_site.focus import HEADING, neighbour
from tests.demo.storefront import ROOT, Page, browser, events, put_into_cart

PIECES = {"HX-Request": "true"}
CLICK = "click-of-the-first-one"  # so long that no signature holds it by chance
LANDING = f"/first-kite?rdt_cid={CLICK}&ScCid=s1&epik=p1"


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
        assert "Zoë" not in one.get_data(as_text=True) and CLICK not in one.get_data(as_text=True)
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
    emptied = client.post("/cart/update", data={"F4-TAIL-4": "0"}, headers=PIECES).get_data(as_text=True)
    assert "nothing in it" in emptied and '<b class="bag-count none">0</b>' in emptied


def test_the_cart_keeps_and_moves_the_focus_by_ids(visitor: FlaskClient) -> None:
    """Whatever can have the focus in the cart has an id; an answer moves it when that control is gone, else not."""
    put_into_cart(visitor, "F4-PLO-60")
    at_cart = {**PIECES, "HX-Current-URL": "http://localhost/cart#cookies"}

    def moved_to(path: str, data: dict[str, str], headers: dict[str, str] = at_cart) -> list[str | None]:
        text = visitor.post(path, data=data, headers=headers).get_data(as_text=True).partition('id="bag"')[0]
        page = Page(re.sub("<noscript>.*?</noscript>", "", text))
        reachable = [own for tag in ("a", "button", "input") for own in page.of(tag) if own.get("tabindex") != "-1"]
        assert all("id" in own or own.get("type") == "hidden" for own in reachable if own.get("class") != "card")
        return [own["id"] for _, own in page.elements if "autofocus" in own]

    assert moved_to("/cart/add", {"sku": "F4-TAIL-4"}) == ["add-F4-REEL-50"]
    assert moved_to("/cart/add", {"sku": "F4-REEL-50"}, {**PIECES, "HX-Current-URL": "http://localhost/p/x"}) == [
        HEADING
    ]
    assert moved_to("/cart/update", {"F4-PLO-60": "7"}) == []
    assert moved_to("/cart/update", {"F4-PLO-60": "0"}) == ["remove-F4-REEL-50"]
    assert moved_to("/cart/update", {"F4-REEL-50": "0"}) == ["remove-F4-TAIL-4"]
    assert moved_to("/cart/update", {"F4-TAIL-4": "0"}) == [HEADING]


@given(st.lists(st.text(max_size=3), unique=True), st.text(max_size=3))
def test_a_neighbour_is_beside_what_is_gone(row: list[str], gone: str) -> None:
    """The focus goes on to what stood next to it, or to the heading where nothing did."""
    found = neighbour(row, gone)
    if found == HEADING:
        assert gone not in row or row == [gone]
    else:
        assert abs(row.index(found) - row.index(gone)) == 1


@pytest.mark.parametrize("folder", ["demo_site/static/vendor", "tests/browser/vendor"])
def test_libraries_of_others_are_as_their_makers_published_them(folder: str) -> None:
    """Each file has the digest that stands beside it with its version and licence, and none is without."""
    readme = (ROOT / folder / "README.md").read_text("utf-8")
    listed = dict(
        re.findall(r"^\| `([\w.]+)` \| \[\w+\].* \d+\.\d+\.\d+.* \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE)
    )
    files = [path for path in (ROOT / folder).iterdir() if path.name != "README.md"]
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_an_answer_about_cookies_in_pieces_counts_at_once(visitor: FlaskClient) -> None:
    """The answer is kept in its cookie, the pieces that come back know it already, and the page hears of it."""
    at_landing = {**PIECES, "HX-Current-URL": "http://localhost/first-kite?rdt_cid=r1"}
    answer = visitor.post("/consent", data={"choice": "granted"}, headers=at_landing)
    assert "You have said yes." in answer.get_data(as_text=True)
    assert 'name="next" value="/first-kite?rdt_cid=r1"' in answer.get_data(as_text=True)
    assert answer.headers["HX-Trigger"] == "shop:answered"
    cookie = visitor.get_cookie("shop_consent")
    assert cookie and cookie.value == "granted"


@pytest.mark.parametrize(("consent", "there"), [("granted", True), ("pending", True), ("denied", False), (None, True)])
def test_a_wish_is_told_of_by_who_has_not_refused(shop: Flask, consent: str | None, there: bool) -> None:
    """A product's heart carries its conversion where it may be told, or may be once he agrees; all have a button."""
    text = browser(shop, consent).get("/p/plover").get_data(as_text=True)
    assert ("data-pixeltwin-click" in text) == there
    assert 'data-wish="F4-PLO-60"' in text
