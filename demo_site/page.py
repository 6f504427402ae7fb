"""What every page shows: the header's cart, the way back for forms, and its own conversions in the drawer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import Flask
from jinja2 import StrictUndefined

from pixeltwin import Conversion

from . import cart, catalogue, consent
from .drawer import Drawer
from .return_path import here
from .tracking import account, twin


def money(amount: Decimal) -> str:
    return f"€{amount:,.2f}"


def drawer_of(conversions: Sequence[Conversion]) -> Drawer:
    return Drawer(conversions, twin.tracker.platforms, consent.current())


def prepare(app: Flask) -> None:
    """Give the templates what they share."""
    app.jinja_env.undefined = StrictUndefined
    app.add_template_filter(money)

    sandbox = app.config.get("PIXELTWIN_SANDBOX")

    @app.context_processor
    def shared() -> dict[str, Any]:
        return {
            "account": account(),
            "beaufort": catalogue.BEAUFORT,
            "cart_count": cart.current().count,
            "categories": catalogue.CATEGORIES,
            "consent": consent.choice(),
            "drawer_of": drawer_of,
            "here": here(),
            "sandbox": f"{sandbox}/" if sandbox else None,
        }
