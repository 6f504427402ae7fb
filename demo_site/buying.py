"""Buying: the cart, the checkout, and the page that says thank you."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from pixeltwin import AddPaymentInfo, AddToCart, Purchase, StartCheckout

from . import cart as carts
from . import focus, forms, orders, pieces
from .cart import CURRENCY
from .catalogue import ON_THE_GROUND, ONE_LINE, Product, product_by_sku, products_in
from .database import connect, shop
from .page import money
from .return_path import here
from .tracking import account, item, items, twin

blueprint = Blueprint("buying", __name__)


@blueprint.get("/cart")
def cart() -> str:
    return render_template("cart.html", **_contents())


def _extras(cart: carts.Cart) -> list[Product]:
    """What could go with it."""
    inside = [line.product for line in cart.lines]
    return [product for product in products_in(ON_THE_GROUND) if product not in inside]


def _contents() -> dict[str, Any]:
    """What the cart's template shows."""
    found = carts.current()
    return {
        "cart": found,
        "most": carts.MOST,
        "suggestions": () if found.lines else products_in(ONE_LINE),
        "extras": _extras(found),
    }


def _changed(what: str, *, focused: str | None = None) -> ResponseReturnValue:
    """The cart as it is now: in pieces for a page that asked for them, which hear what has changed and where the
    keyboard goes on, if not where it was; else the page."""
    if not pieces.wanted():
        return redirect(url_for("buying.cart"), 303)
    contents = _contents()
    cart: carts.Cart = contents["cart"]
    rest = f"{cart.count} in the cart, {money(cart.total)}." if cart.lines else "The cart is empty."
    return pieces.answer("cart.html", said=f"{what} {rest}", focused=focused, **contents)


@blueprint.post("/cart/add")
def add() -> ResponseReturnValue:
    product = product_by_sku(request.form.get("sku", ""))
    if product is None:
        abort(404)
    quantity = max(carts.quantity_of(request.form.get("quantity")), 1)
    in_the_cart = here().partition("?")[0] == url_for("buying.cart")
    offered = [f"add-{extra.sku}" for extra in _extras(carts.current()) if in_the_cart]
    carts.add(product, quantity)
    twin.track(AddToCart(items=[item(product, quantity)], value=product.price * quantity, currency=CURRENCY))
    return _changed(f"{product.name} is in the cart.", focused=focus.neighbour(offered, f"add-{product.sku}"))


@blueprint.post("/cart/update")
def update() -> ResponseReturnValue:
    """Have as many of each product as the form says; of those that it does not name, as many as before."""
    named = [line.product for line in carts.current().lines if line.product.sku in request.form]
    removals = [f"remove-{line.product.sku}" for line in carts.current().lines]
    for product in named:
        carts.put(product, carts.quantity_of(request.form.get(product.sku)))
    left = {line.product: line.quantity for line in carts.current().lines}
    gone = [product for product in named if product not in left]
    said = [f"{product.name}: {left.get(product, 'removed')}." for product in named]
    return _changed(" ".join(said), focused=focus.neighbour(removals, f"remove-{gone[0].sku}") if gone else None)


@blueprint.get("/checkout")
def checkout() -> ResponseReturnValue:
    cart = carts.current()
    if not cart.lines:
        return redirect(url_for("buying.cart"), 303)
    # One checkout a cart, however often its form is opened.
    twin.track(StartCheckout(items=items(cart.lines), value=cart.total, currency=CURRENCY), key=cart.id)
    known = account()
    entered = {"email": known.email, "first_name": known.first_name} if known else {}
    return _form(cart, entered, {})


@blueprint.post("/checkout")
def place_order() -> ResponseReturnValue:
    cart = carts.current()
    if not cart.lines:
        return redirect(url_for("buying.cart"), 303)
    entered = forms.entries(request.form, forms.CHECKOUT)
    wrong = forms.problems(entered, forms.CHECKOUT)
    country = request.form.get("country", "")
    payment = request.form.get("payment", "")
    if wrong or country not in forms.COUNTRIES or payment not in forms.PAYMENTS:
        return _form(cart, {**entered, "country": country, "payment": payment}, wrong), 422
    with connect(shop()) as db:
        order = orders.placed(db, cart)
        if order is None:
            order = orders.place(db, cart, forms.customer(entered, country), payment)
            report(order, db)
    carts.clear()
    session["order"] = order.number
    return redirect(url_for("buying.thanks", number=order.number), 303)


def report(order: orders.Order, db: sqlite3.Connection) -> None:
    """One order, one payment, one purchase, in the order's own transaction: all of it is kept, or nothing."""
    bought = items(order.lines)
    customer = order.customer
    payment = AddPaymentInfo(items=bought, value=order.total, currency=CURRENCY)
    purchase = Purchase(order_id=order.number, value=order.total, currency=CURRENCY, items=bought)
    twin.track(payment, key=order.number, email=customer.email, connection=db)
    twin.track(
        purchase,
        email=customer.email,
        phone=customer.phone,
        phone_region=customer.country,
        first_name=customer.first_name,
        last_name=customer.last_name,
        city=customer.city,
        postal_code=customer.postal_code,
        country=customer.country,
        connection=db,
    )


@blueprint.get("/thanks/<number>")
def thanks(number: str) -> str:
    with connect(shop()) as db:
        order = orders.find(db, number)
    if order is None:
        abort(404)
    return render_template("thanks.html", order=order)


def _form(cart: carts.Cart, entered: dict[str, str], wrong: dict[str, str]) -> str:
    return render_template(
        "checkout.html",
        cart=cart,
        entered=entered,
        wrong=wrong,
        fields={field.name: field for field in forms.CHECKOUT},
        countries=forms.COUNTRIES,
        payments=forms.PAYMENTS,
    )
