"""The cart, the checkout and the people of the demonstration shop."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from demo_site.cart import FREE_FROM, MOST, SHIPPING, Cart, Line, quantity_of
from demo_site.catalogue import PRODUCTS
from demo_site.orders import new_number
from tests.demo.storefront import CUSTOMER, browser, buy, events, put_into_cart

LINES = st.lists(
    st.builds(Line, st.sampled_from(PRODUCTS), st.integers(1, MOST)),
    max_size=10,
    unique_by=lambda line: line.product.sku,
)


@given(LINES)
def test_cart_sums_are_exact(lines: list[Line]) -> None:
    """The sums of a cart are those of whole cents, and shipping is free from the given amount on."""
    cart = Cart("c1", tuple(lines))
    cents = sum(int(line.product.price * 100) * line.quantity for line in lines)
    assert cart.subtotal * 100 == cents
    expected = 0 if not lines or cart.subtotal >= FREE_FROM else SHIPPING
    assert cart.total == cart.subtotal + expected
    assert cart.total.as_tuple().exponent == -2
    assert cart.subtotal + cart.missing_for_free_shipping >= FREE_FROM
    assert cart.count == sum(line.quantity for line in lines)


@given(st.text(max_size=12) | st.integers().map(str) | st.none())
def test_quantities_from_forms_are_bounded(text: str | None) -> None:
    """Whatever a form sends as a quantity, a sensible number comes of it."""
    assert 0 <= quantity_of(text) <= MOST


def test_cart_can_be_changed(visitor: FlaskClient) -> None:
    """What is put into the cart adds up, quantities can be set, and things taken out again."""
    put_into_cart(visitor, "F4-TAIL-4", 3)
    put_into_cart(visitor, "F4-TAIL-4", 1)
    put_into_cart(visitor, "F4-REEL-50", 1)
    text = visitor.get("/cart").get_data(as_text=True)
    assert "€39.00" in text  # 4 x 9.75
    assert "€65.40" in text  # 39.00 + 21.50 + 4.90
    visitor.post("/cart/update", data={"F4-TAIL-4": "2", "F4-REEL-50": "1"})
    assert "€45.90" in visitor.get("/cart").get_data(as_text=True)  # 19.50 + 21.50 + 4.90
    visitor.post("/cart/update", data={"F4-TAIL-4": "0"})
    text = visitor.get("/cart").get_data(as_text=True)
    assert "€26.40" in text
    assert "F4-TAIL-4" not in text.partition('class="extras"')[0]


def test_an_empty_cart_cannot_be_checked_out(visitor: FlaskClient) -> None:
    """Without anything in the cart, the checkout leads back to it."""
    for answer in (visitor.get("/checkout"), visitor.post("/checkout", data=CUSTOMER)):
        assert (answer.status_code, answer.headers["Location"]) == (303, "/cart")


@pytest.mark.parametrize("missing", ["email", "last_name", "street", "postal_code", "city", "country", "payment"])
def test_checkout_asks_again_for_what_is_missing(visitor: FlaskClient, missing: str) -> None:
    """A checkout form with a gap comes back with what was typed, and orders nothing."""
    put_into_cart(visitor)
    answer = visitor.post("/checkout", data={**CUSTOMER, missing: " "})
    assert answer.status_code == 422
    assert 'value="Deichweg 4"' in answer.get_data(as_text=True) or missing == "street"
    assert "Rokkaku" in visitor.get("/cart").get_data(as_text=True)


def test_an_order_is_placed_by_redirect(visitor: FlaskClient) -> None:
    """Buying answers with a redirect to the thank-you page, which can be opened again, and empties the cart."""
    put_into_cart(visitor)
    path = buy(visitor)
    assert re.fullmatch(r"/thanks/F4-[2-9A-Z]{4}-[2-9A-Z]{4}", path)
    for _ in range(2):
        text = visitor.get(path).get_data(as_text=True)
        assert path.removeprefix("/thanks/") in text
        assert "€158.00" in text
    assert "nothing in it" in visitor.get("/cart").get_data(as_text=True)


def test_a_cart_becomes_one_order(shop: Flask) -> None:
    """A form that is sent twice at once, as by a double click, leads to the same order."""
    first, second = browser(shop), browser(shop)
    put_into_cart(first)
    session = first.get_cookie("shop_session")
    assert session
    second.set_cookie("shop_session", session.value)
    assert buy(first) == buy(second)


def test_thank_you_page_shows_nobody(visitor: FlaskClient) -> None:
    """Whoever has the address of a thank-you page learns nothing about the person."""
    put_into_cart(visitor)
    text = visitor.get(buy(visitor)).get_data(as_text=True)
    assert not [value for value in ("jo@example.com", "901820", "Öz", "Deichweg", "Husum") if value in text]


def test_orders_and_carts_outlive_a_restart(make_shop: Callable[[], Flask]) -> None:
    """After a restart the orders are there, the visitor's cart too, and the next order has another number."""
    before = browser(make_shop())
    put_into_cart(before)
    path = buy(before)
    put_into_cart(before, "F4-PLO-60", 1)
    session = before.get_cookie("shop_session")
    assert session
    after = browser(make_shop())
    after.set_cookie("shop_session", session.value)
    assert after.get(path).status_code == 200
    assert "Plover" in after.get("/cart").get_data(as_text=True)
    assert buy(after) != path


def test_order_numbers_do_not_repeat() -> None:
    """Numbers of orders are long enough for none to come twice."""
    assert len({new_number() for _ in range(2000)}) == 2000


def test_an_account_fills_in_the_checkout(visitor: FlaskClient) -> None:
    """Who signs up is greeted, need not type his address again, and can leave."""
    answer = visitor.post("/account/new", data={"first_name": "Jo", "email": "jo@example.com"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert "Hello, Jo." in visitor.get("/account").get_data(as_text=True)
    put_into_cart(visitor)
    assert 'value="jo@example.com"' in visitor.get("/checkout").get_data(as_text=True)
    visitor.post("/account/leave")
    assert visitor.get("/account").headers["Location"] == "/account/new"


def test_an_address_signs_up_once(shop: Flask) -> None:
    """Whoever comes back with his address, in whatever case it is written, is signed in to the account that he has."""
    client = browser(shop, "granted")
    for first_name, email, shown in (("Jo", "jo@example.com", ["SignUp"]), ("Joe", "JO@example.com", [])):
        answer = client.post("/account/new", data={"first_name": first_name, "email": email})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
        page = client.get("/account").get_data(as_text=True)
        assert "Hello, Jo." in page and events(page) == shown
        client.post("/account/leave")


def test_newsletter_goes_back_to_where_it_was_asked_for(visitor: FlaskClient) -> None:
    """Subscribing leads back to the same page, which says how it went; a second time changes nothing."""
    for email, words in (("jo@", "no e-mail"), ("jo@example.com", "are on the list"), ("jo@example.com", "already")):
        answer = visitor.post("/newsletter", data={"email": email, "next": "/search?q=tail"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/search?q=tail#newsletter")
        assert words in visitor.get("/search?q=tail").get_data(as_text=True)
