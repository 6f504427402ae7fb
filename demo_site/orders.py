"""Orders: a cart becomes one order, once."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal

from .cart import Cart, Line
from .catalogue import product_by_sku

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that look alike


@dataclass(frozen=True, slots=True)
class Customer:
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    postal_code: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Order:
    """`cart` is the id of the cart it was made from."""

    number: str
    cart: str
    customer: Customer
    payment: str
    lines: tuple[Line, ...]
    shipping: Decimal

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.shipping


def new_number() -> str:
    """An order number nobody can guess and no restart repeats: 40 random bits, as people can read them out."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"F4-{letters[:4]}-{letters[4:]}"


def placed(db: sqlite3.Connection, cart: Cart) -> Order | None:
    """The order this cart has become already: its form was sent twice, or from two tabs. Until the transaction ends
    nobody else can place one."""
    db.execute("BEGIN IMMEDIATE")
    known = db.execute("SELECT number FROM orders WHERE cart = ?", (cart.id,)).fetchone()
    return find(db, known["number"]) if known else None


def place(db: sqlite3.Connection, cart: Cart, customer: Customer, payment: str) -> Order:
    """A new order of this cart, within the caller's transaction."""
    number = new_number()
    placed_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    db.execute(
        "INSERT INTO orders (number, cart, placed_at, customer, payment, shipping) VALUES (?, ?, ?, ?, ?, ?)",
        (number, cart.id, placed_at, json.dumps(asdict(customer)), payment, str(cart.shipping)),
    )
    db.executemany(
        "INSERT INTO order_lines (number, position, sku, price, quantity) VALUES (?, ?, ?, ?, ?)",
        [(number, at, line.product.sku, str(line.product.price), line.quantity) for at, line in enumerate(cart.lines)],
    )
    return Order(number, cart.id, customer, payment, cart.lines, cart.shipping)


def find(db: sqlite3.Connection, number: str) -> Order | None:
    """An order by its number, at the prices it was made at."""
    row = db.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
    if row is None:
        return None
    lines = db.execute("SELECT * FROM order_lines WHERE number = ? ORDER BY position", (number,)).fetchall()
    customer = Customer(**json.loads(row["customer"]))
    return Order(number, row["cart"], customer, row["payment"], _lines(lines), Decimal(row["shipping"]))


def _lines(rows: Sequence[sqlite3.Row]) -> tuple[Line, ...]:
    found: list[Line] = []
    for row in rows:
        product = product_by_sku(row["sku"])
        if product is None:
            raise LookupError(f"the catalogue no longer has {row['sku']}, which is in an order")
        found.append(Line(replace(product, price=Decimal(row["price"])), row["quantity"]))
    return tuple(found)
