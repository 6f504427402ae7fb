"""Buying: the cart, the checkout, and the page that says thank you."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from pixeltwin import AddPaymentInfo, AddToCart, Purchase, StartCheckout

from . import cart as carts
from . import forms, orders, pieces
from .cart import CURRENCY
from .catalogue import ON_THE_GROUND, ONE_LINE, product_by_sku, products_in
from .database import connect, shop
from .tracking import account, item, items, twin

blueprint = Blueprint("buying", __name__)


@blueprint.get("/cart")
def cart() -> str:
    return render_template("cart.html", **_contents())


def _contents() -> dict[str, Any]:
    """What the cart's template shows."""
    found = carts.current()
    inside = [line.product for line in found.lines]
    extras = [product for product in products_in(ON_THE_GROUND) if product not in inside]
    return {
        "cart": found,
        "most": carts.MOST,
        "suggestions": () if inside else products_in(ONE_LINE),
        "extras": extras,
    }


def _changed() -> ResponseReturnValue:
    """The cart as it is now: its pieces for a page that asked for them, else the page."""
    if pieces.wanted():
        return pieces.answer("cart_pieces.html", **_contents())
    return redirect(url_for("buying.cart"), 303)


@blueprint.post("/cart/add")
def add() -> ResponseReturnValue:
    product = product_by_sku(request.form.get("sku", ""))
    if product is None:
        abort(404)
    quantity = max(carts.quantity_of(request.form.get("quantity")), 1)
    carts.add(product, quantity)
    twin.track(AddToCart(items=[item(product, quantity)], value=product.price * quantity, currency=CURRENCY))
    return _changed()


@blueprint.post("/cart/update")
def update() -> ResponseReturnValue:
    removed = request.form.get("remove")
    for line in carts.current().lines:
        sku = line.product.sku
        carts.put(line.product, 0 if sku == removed else carts.quantity_of(request.form.get(sku)))
    return _changed()


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
