"""What every page shows: the header's cart, the way back for forms, and its own conversions in the drawer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import Flask

from pixeltwin import Conversion
from pixeltwin.contract import Platform

from . import cart, catalogue, consent
from .drawer import Drawer
from .return_path import here
from .tracking import account


def money(amount: Decimal) -> str:
    return f"€{amount:,.2f}"


def drawer_of(conversions: Sequence[Conversion], platforms: Sequence[Platform]) -> Drawer:
    return Drawer(conversions, platforms, consent.current())


def prepare(app: Flask) -> None:
    """Give the templates what they share."""
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
