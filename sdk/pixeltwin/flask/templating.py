"""What templates see as `pixeltwin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, g
from markupsafe import Markup

from ..conversion import Conversion
from ..visit import Visit


class TemplateSide:
    """What templates see as `pixeltwin`."""

    def __init__(self, visit: Callable[[], Visit | None]) -> None:
        self._visit = visit

    def head(self, nonce: str | None = None) -> Markup:
        """The pixels and this visitor's conversions, for the page's <head>. The nonce is found by itself: the
        `csp_nonce` of Flask-Talisman or of `g`; pass it otherwise."""
        visit = self._visit()
        return visit.head(nonce or _nonce()) if visit is not None else Markup()

    def conversions(self) -> list[Conversion]:
        """The conversions of this page: tracked in this request or rendered on it."""
        visit = self._visit()
        return visit.conversions if visit is not None else []


def _nonce() -> str | None:
    """The page's CSP nonce where it is usually kept."""
    template_globals: dict[str, Any] = current_app.jinja_env.globals
    found: Any = g.get("csp_nonce") or template_globals.get("csp_nonce")
    if callable(found):
        found = found()
    return str(found) if found else None
