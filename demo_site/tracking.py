"""pixeltwin in the shop: who the visitor is, what he allowed, and how a product is called in an event."""

from __future__ import annotations

from collections.abc import Iterable

from flask import g, session

from pixeltwin import Consent, Item, Visitor
from pixeltwin.flask import PixelTwin

from . import consent, people
from .cart import Line
from .catalogue import Product
from .database import connect, shop

twin = PixelTwin()


def account() -> people.Account | None:
    """Who is signed in, asked once a request."""
    if "account" not in g:
        account_id = session.get("account")
        g.account = None
        if account_id:
            with connect(shop()) as db:
                g.account = people.account(db, account_id)
    found: people.Account | None = g.account
    return found


@twin.consent_loader
def load_consent() -> Consent:
    return consent.current()


@twin.visitor_loader
def load_visitor() -> Visitor:
    known = account()
    if known is None:
        return Visitor()
    return Visitor(email=known.email, first_name=known.first_name, external_id=known.id)


def item(product: Product, quantity: int = 1) -> Item:
    return Item(
        id=product.sku,
        name=product.name,
        category=product.category.name,
        brand=product.brand,
        price=product.price,
        quantity=quantity,
    )


def items(lines: Iterable[Line]) -> list[Item]:
    return [item(line.product, line.quantity) for line in lines]
