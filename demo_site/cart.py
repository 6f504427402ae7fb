"""The cart: in the visitor's signed session, under an id of its own from the first thing in it to the order."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flask import session

from .catalogue import Product, product_by_sku

CURRENCY = "EUR"
SHIPPING = Decimal("4.90")
FREE_FROM = Decimal("80.00")
MOST = 20  # of one product


@dataclass(frozen=True, slots=True)
class Line:
    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    id: str
    lines: tuple[Line, ...]

    @property
    def count(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))

    @property
    def shipping(self) -> Decimal:
        return Decimal("0.00") if not self.lines or self.subtotal >= FREE_FROM else SHIPPING

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.shipping

    @property
    def missing_for_free_shipping(self) -> Decimal:
        return max(FREE_FROM - self.subtotal, Decimal("0.00"))


def current() -> Cart:
    """The visitor's cart; what is no longer sold is left out."""
    kept: Mapping[str, int] = session.get("cart", {})
    found = ((product_by_sku(sku), quantity) for sku, quantity in kept.items())
    return Cart(session.get("cart_id", ""), tuple(Line(product, quantity) for product, quantity in found if product))


def put(product: Product, quantity: int) -> None:
    """Have this many of a product in the cart; none takes it out."""
    kept: dict[str, int] = {**session.get("cart", {}), product.sku: min(max(quantity, 0), MOST)}
    session["cart"] = {sku: number for sku, number in kept.items() if number}
    session.setdefault("cart_id", secrets.token_urlsafe(12))


def add(product: Product, quantity: int) -> None:
    """Put this many more into the cart."""
    kept: Mapping[str, int] = session.get("cart", {})
    put(product, kept.get(product.sku, 0) + quantity)


def clear() -> None:
    """Empty it; the next one has another id."""
    session.pop("cart", None)
    session.pop("cart_id", None)


def quantity_of(text: str | None) -> int:
    """A quantity from a form: 1 to 20; what is no number is 1."""
    return min(max(int(text), 0), MOST) if text and text.isascii() and text.isdigit() and len(text) < 6 else 1
