"""The first-party paths, /_pixeltwin/…: the script, and where it reports to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Flask, Response, request

from ..script import Script
from ..visit import Visit

LARGEST_REPORT = 8192  # bytes of a beacon


def first_party(visit: Callable[[], Visit | None], script: Script, prefix: str) -> Blueprint:
    """The paths; `visit` gives the current request's visitor."""
    blueprint = Blueprint("pixeltwin", __name__, url_prefix=prefix)

    @blueprint.get("/pixeltwin.js")
    def first_party_script() -> Response:
        response = Response(script.code, mimetype="text/javascript")
        response.cache_control.public = True
        response.cache_control.max_age = 3600
        if request.args.get("v") == script.version:
            response.cache_control.max_age = 31536000
            response.cache_control.immutable = True
        response.set_etag(script.version)
        response.make_conditional(request)
        return response

    @blueprint.post("/page-view")
    def page_view() -> Response:
        here = visit()
        if here is None or not here.request.same_origin:
            return _refused("only pages of this site may report their views", 403)
        if request.content_length is None or request.content_length > LARGEST_REPORT:
            return _refused("too large", 413)
        body: Any = request.get_json(force=True, silent=True)
        if not isinstance(body, dict) or here.site.page_views != "beacon":
            return _refused("not a page view", 400)
        here.page_view(cast("dict[str, Any]", body))
        response = Response(status=204)
        response.cache_control.no_store = True
        return response

    return blueprint


def _refused(why: str, status: int) -> Response:
    return Response(why + "\n", status, mimetype="text/plain")


def exempt_from_csrf(app: Flask, blueprint: Blueprint) -> None:
    """A beacon cannot carry a token; it changes nothing of the user's and is checked by its origin instead."""
    protection = app.extensions.get("csrf")
    if protection is not None and hasattr(protection, "exempt"):
        protection.exempt(blueprint)
