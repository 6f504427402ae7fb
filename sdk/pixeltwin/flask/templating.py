"""What templates see as `pixeltwin`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, after_this_request
from markupsafe import Markup

from ..conversion import Conversion
from ..errors import InvalidInput
from ..events import Event
from ..pages import handover
from ..pages.visit import Visit
from ..strictjson import encode_for_html
from .current import the_app, the_globals, the_request

log = logging.getLogger("pixeltwin")

HEARD = ("click", "submit", "change")  # by the page's script


class TemplateSide:
    """What templates see as `pixeltwin`."""

    def __init__(self, visit: Callable[[], Visit | None]) -> None:
        self._visit = visit
        self._warned = False

    def head(self, nonce: str | None = None, *, cached: bool | None = None) -> Markup:
        """The pixels and this visitor's conversions, for the page's <head>. The nonce is found by itself, where
        Flask-Talisman, `g` or the request has one; pass it otherwise. `cached=True` for a page that a cache keeps for
        everybody (`PIXELTWIN_PAGE_CACHE=shared`: for all pages)."""
        visit = self._visit()
        return visit.head(nonce or _nonce(), shared=cached) if visit is not None else Markup()

    def data_layer(self, nonce: str | None = None) -> Markup:
        """Instead of `head()`, where a tag manager fires the pixels: pushes this visitor's conversions to its
        `dataLayer`, each once, as the event `pixeltwin`. Put it before the tag manager's own script."""
        visit = self._visit()
        return handover.data_layer(visit.hand_over(), nonce or _nonce()) if visit is not None else Markup()

    def hand_over(self) -> Markup:
        """The same as JSON, for a data block or an attribute in single quotes."""
        visit = self._visit()
        return encode_for_html(visit.hand_over() if visit is not None else [])

    def on(self, kind: str, event: Event, *, key: str | int | None = None) -> Markup:
        """The attribute of an element that tells of an event when it is clicked, submitted or changed: the pixels and
        the server, under one new id, or under the natural key's own. Empty for who refused. The script of `head()` is
        what hears of it, on the same page."""
        if kind not in HEARD:
            raise InvalidInput("pixeltwin.on", [(kind, f"give one of {', '.join(HEARD)}")])
        visit = self._visit()
        described = None if visit is None else visit.descriptor(event, key=key)
        if visit is None or described is None:
            return Markup()
        if the_app().debug and not self._warned:
            after_this_request(partial(self._heard, visit))
        return Markup("data-pixeltwin-{}='{}'").format(kind, described.html)

    def _heard(self, visit: Visit, response: Response) -> Response:
        """Say once where nothing hears of `on()`: on a whole page, no part that a script fetches, without `head()`."""
        whole = the_request().headers.get("Sec-Fetch-Dest") == "document"
        if whole and not visit.page.headed and not self._warned:
            self._warned = True
            log.warning(
                "nothing hears of pixeltwin.on() on %r: its page has no pixeltwin.head(), whose script listens "
                "(said once, in debug)",
                the_request().path,
            )
        return response

    def conversions(self) -> list[Conversion]:
        """The conversions of this page: tracked in this request or rendered on it."""
        visit = self._visit()
        return visit.conversions if visit is not None else []


def _nonce() -> str | None:
    """The page's CSP nonce where it is usually kept: `g.csp_nonce` or `g.nonce`, `request.csp_nonce`, or the template
    global `csp_nonce()` of Flask-Talisman."""
    here = the_globals()
    found: Any = here.get("csp_nonce") or here.get("nonce") or getattr(the_request(), "csp_nonce", None)
    if not found:
        template_globals: dict[str, Any] = the_app().jinja_env.globals
        found = template_globals.get("csp_nonce")
    if callable(found):
        found = found()
    return str(found) if found else None
