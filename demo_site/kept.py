"""Pages that are the same for everybody, as a landing page behind a CDN: rendered once, handed out for ten minutes.

What is one visitor's (his cart, his answer about cookies, his conversions) is in none of them: the page asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps

from flask import Response, current_app, g

from .tracking import twin

LIFE = 600  # seconds


def for_everybody(view: Callable[[], str]) -> Callable[[], Response]:
    """Mark a view whose page a cache may keep: here, and wherever `s-maxage` is read. It has no nonce, for one that is
    kept is none; its policy names the hosts instead."""

    @wraps(view)
    def kept() -> Response:
        g.for_everybody, g.csp_nonce = True, None
        pages: dict[str, tuple[float, str]] = current_app.extensions.setdefault("kept_pages", {})
        made, html = pages.get(view.__name__, (0.0, ""))
        if not html or time.monotonic() - made > LIFE:
            html = view()
            pages[view.__name__] = (time.monotonic(), html)
        elif visit := twin.visit():
            visit.head(shared=True)  # the page has it already; pixeltwin learns that this answer is one for everybody
        response = Response(html)
        response.headers["Cache-Control"] = f"public, s-maxage={LIFE}"
        return response

    return kept
