"""What every page shows: the header's cart, the way back for forms, and its own conversions in the drawer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import Flask, g, request
from jinja2 import StrictUndefined

from pixeltwin import AddToWishlist, Consent, Conversion

from . import cart, catalogue, consent, pieces
from .drawer import Drawer
from .return_path import here
from .tracking import account, item, twin


def drawer_of_everybody(conversions: Sequence[Conversion]) -> Drawer:
    return Drawer((), twin.tracker.platforms, Consent.granted())


def money(amount: Decimal) -> str:
    return f"€{amount:,.2f}"


def drawer_of(conversions: Sequence[Conversion]) -> Drawer:
    return Drawer(conversions, twin.tracker.platforms, consent.current())


def wish(product: catalogue.Product) -> AddToWishlist:
    """What a click on "Keep for a windy day" tells of."""
    return AddToWishlist(items=[item(product)], value=product.price, currency=cart.CURRENCY)


def of_the_visitor() -> dict[str, Any]:
    """What is one visitor's; of nobody in a page that is the same for everybody."""
    if g.get("for_everybody"):
        return {"account": None, "cart_count": 0, "consent": None, "drawer_of": drawer_of_everybody}
    return {
        "account": account(),
        "cart_count": cart.current().count,
        "consent": consent.choice(),
        "drawer_of": drawer_of,
    }


def prepare(app: Flask) -> None:
    """Give the templates what they share."""
    app.jinja_env.undefined = StrictUndefined
    app.add_template_filter(money)

    sandbox = app.config.get("PIXELTWIN_SANDBOX")

    @app.context_processor
    def shared() -> dict[str, Any]:
        return {
            **of_the_visitor(),
            "beaufort": catalogue.BEAUFORT,
            "categories": catalogue.CATEGORIES,
            "for_everybody": g.get("for_everybody", False),
            "here": request.path if g.get("for_everybody") else here(),
            "in_pieces": pieces.wanted(),
            "sandbox": f"{sandbox}/" if sandbox else None,
            "wish": wish,
        }
