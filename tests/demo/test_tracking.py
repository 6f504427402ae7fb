"""What the demonstration shop tells the platforms, and whom it asks first."""

from __future__ import annotations

import re
import sqlite3
import urllib.parse
import urllib.request
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from demo_site.return_path import return_path
from tests.demo.storefront import LANDING, Page, browser, buy, events, put_into_cart


@pytest.mark.parametrize("choice", ["granted", "denied", "pending"])
def test_answering_about_cookies_keeps_the_landing_url(visitor: FlaskClient, choice: str) -> None:
    """The banner's answer is kept in a cookie, and leads back to the same URL with its click ids."""
    page = Page(visitor.get(LANDING).get_data(as_text=True))
    hidden = [own for own in page.of("input") if own.get("name") == "next"]
    assert hidden
    assert all(own["value"] == LANDING for own in hidden)
    answer = visitor.post("/consent", data={"choice": choice, "next": hidden[0]["value"]})
    assert (answer.status_code, answer.headers["Location"]) == (303, LANDING)
    cookie = visitor.get_cookie("shop_consent")
    assert cookie
    assert (cookie.value, cookie.http_only, cookie.same_site) == (choice, True, "Lax")
    assert (cookie.max_age is None) == (choice == "pending")
    assert 'class="consent answered"' in visitor.get("/").get_data(as_text=True)


def test_an_answer_that_is_none_is_refused(visitor: FlaskClient) -> None:
    """The consent cookie holds one of three words or is not set, and a made-up one counts as not answered."""
    assert visitor.post("/consent", data={"choice": "everything"}).status_code == 400
    assert visitor.get_cookie("shop_consent") is None
    visitor.set_cookie("shop_consent", "everything")
    assert 'class="consent"' in visitor.get("/").get_data(as_text=True)


@given(st.text() | st.text(alphabet="/\\\t\n\r .:?#@abc").map("/".__add__))
def test_forms_lead_back_into_the_shop_only(path: str) -> None:
    """No hidden field can send a visitor to another site."""
    there = return_path(path)
    as_browsers_read = re.sub(r"[\t\r\n]", "", there).replace("\\", "/")
    assert urllib.parse.urljoin("http://shop.example/cart", as_browsers_read).startswith("http://shop.example/")


@pytest.mark.parametrize(("consent", "told"), [(None, False), ("pending", False), ("denied", False), ("granted", True)])
def test_pixels_are_in_the_page_only_after_a_yes(shop: Flask, consent: str | None, told: bool) -> None:
    """Before the visitor said yes no page has a pixel, and no cookie has his click ids."""
    client = browser(shop, consent)
    for path in (LANDING, "/p/rokkaku"):
        text = client.get(path).get_data(as_text=True)
        for platform in shop.extensions["pixeltwin"].tracker.platforms:
            assert (f'["{platform.name}",[[' in text) == told
    assert (client.get_cookie("pixeltwin_clicks") is not None) == told


def test_every_step_tracks_its_conversion(shop: Flask) -> None:
    """Each page lists in its drawer the conversions that were made on the way to it."""
    client = browser(shop, "granted")

    def seen(path: str) -> list[str]:
        return sorted(events(client.get(path).get_data(as_text=True)))

    assert seen("/") == []
    assert seen("/c/two-lines") == ["ViewCategory"]
    assert seen("/search?q=carbon") == ["Search"]
    assert seen("/p/rokkaku") == ["ViewContent"]
    put_into_cart(client)
    assert seen("/cart") == ["AddToCart"]
    assert seen("/checkout") == ["StartCheckout"]
    assert seen(buy(client)) == ["AddPaymentInfo", "Purchase"]
    client.post("/account/new", data={"first_name": "Jo", "email": "jo@example.com"})
    assert seen("/account") == ["SignUp"]
    client.post("/newsletter", data={"email": "jo@example.com", "next": "/"})
    assert seen("/") == ["Lead"]


def test_reloads_show_a_conversion_no_second_time(shop: Flask) -> None:
    """A reload of the checkout or of the thank-you page has nothing new to tell."""
    client = browser(shop, "granted")
    put_into_cart(client)
    client.get("/cart")
    assert events(client.get("/checkout").get_data(as_text=True)) == ["StartCheckout"]
    assert events(client.get("/checkout").get_data(as_text=True)) == []
    path = buy(client)
    assert "Purchase" in events(client.get(path).get_data(as_text=True))
    assert events(client.get(path).get_data(as_text=True)) == []


def test_drawer_shows_the_calls_with_the_one_id(shop: Flask) -> None:
    """The drawer of the thank-you page has a call for each platform, and all of them carry the id beside them."""
    client = browser(shop, "granted")
    put_into_cart(client)
    text = client.get(buy(client)).get_data(as_text=True).partition('class="drawer-list"')[2]
    purchase = text.partition("<b>Purchase</b>")[2].partition("</li>")[0]
    found = re.search(r'title="([0-9a-f]{64})"', purchase)
    assert found
    calls = re.findall(r"<dd><code>(.*?)</code></dd>", purchase)
    assert len(calls) == len(shop.extensions["pixeltwin"].tracker.platforms) == 3
    assert all(found[1] in call for call in calls)


@pytest.mark.parametrize(("consent", "words"), [("pending", "held until you answer"), (None, "held until you answer")])
def test_drawer_says_what_waits(shop: Flask, consent: str | None, words: str) -> None:
    """Who has not answered can see what is held until he does."""
    text = browser(shop, consent).get("/p/rokkaku").get_data(as_text=True)
    assert events(text) == ["ViewContent"]
    assert text.count(words) == len(shop.extensions["pixeltwin"].tracker.platforms)


def test_drawer_of_who_said_no_is_empty(shop: Flask) -> None:
    """Who said no sees that there is nothing, because he said so."""
    text = browser(shop, "denied").get("/p/rokkaku").get_data(as_text=True)
    assert events(text) == []
    assert "off, as you chose" in text


def test_what_waited_is_told_after_a_yes(shop: Flask) -> None:
    """What was done before the answer appears, with the same id, on the first page after a yes."""
    client = browser(shop)
    before = client.get("/p/rokkaku").get_data(as_text=True)
    client.post("/consent", data={"choice": "granted", "next": "/cart"})
    after = client.get("/cart").get_data(as_text=True)
    assert events(after) == events(before) == ["ViewContent"]
    (found,) = set(re.findall(r'<code title="([0-9a-f]{64})"', before))
    assert f'<code title="{found}"' in after


VETO = """
CREATE TABLE veto (number TEXT REFERENCES orders (number) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER no_deal AFTER INSERT ON orders BEGIN INSERT INTO veto VALUES ('none such'); END;
"""


def test_an_order_and_its_conversions_are_kept_together_or_not_at_all(shop: Flask, visitor: FlaskClient) -> None:
    """An order whose commit fails takes its conversions back with it, and the next try keeps both."""

    def kept() -> tuple[int, list[str]]:
        with closing(sqlite3.connect(shop.config["SHOP_DATABASE"])) as db:
            (orders,) = db.execute("SELECT count(*) FROM orders").fetchone()
            told = db.execute("SELECT event FROM pixeltwin_conversion ORDER BY seq").fetchall()
        return orders, [event for (event,) in told if event in ("AddPaymentInfo", "Purchase")]

    put_into_cart(visitor)
    with closing(sqlite3.connect(shop.config["SHOP_DATABASE"])) as db:
        db.executescript(VETO)
    with pytest.raises(sqlite3.IntegrityError):
        buy(visitor)
    assert kept() == (0, [])
    with closing(sqlite3.connect(shop.config["SHOP_DATABASE"])) as db:
        db.execute("DROP TRIGGER no_deal")
    visitor.get(buy(visitor))
    assert kept() == (1, ["AddPaymentInfo", "Purchase"])
