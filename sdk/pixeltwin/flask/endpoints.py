"""The first-party paths, /_pixeltwin/…: the script, where it reports to, and where it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from flask import Blueprint, Flask, Response, abort, request

from ..pages import reports
from ..pages.flood import Flood
from ..pages.script import Script
from ..pages.visit import Visit
from ..strictjson import decode, encode
from ..web import OWN
from .current import the_request
from .exchange import root

_PROXY = """\
pages of this site report from an address that the application does not know as its own, so their reports are refused:
page views and clicks have no server half. Where a proxy ends TLS and sets X-Forwarded-Proto and its like, say so:
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1), from werkzeug.middleware.proxy_fix"""
NAME = "pixeltwin"  # of the blueprint
LARGEST_REPORT = 8192  # bytes of a beacon
_HOST = "pixeltwin_host"
FOR_GOOD = 31_536_000  # seconds: a year, the longest that caches are asked to keep anything


def first_party(visit: Callable[..., Visit | None], script: Script) -> Blueprint:
    """The paths; `visit` gives the current request's visitor, with `page_url=` as he is on that page."""
    blueprint = Blueprint(NAME, __name__, url_prefix=OWN)
    flood = Flood()

    @blueprint.get("/pixeltwin.js")
    def first_party_script() -> Response:
        return _served(script.below(root(the_request())))

    @blueprint.get("/acknowledge.js")
    def acknowledging_script() -> Response:
        return _served(script.acknowledging)

    @blueprint.get("/swaps.js")
    def swapping_script() -> Response:
        return _served(script.swapping)

    @blueprint.get("/forms.js")
    def leading_script() -> Response:
        return _served(script.leading)

    def _served(code: bytes) -> Response:
        response = Response(code, mimetype="text/javascript")
        response.cache_control.public = True
        response.cache_control.max_age = 3600
        if request.args.get("v") == script.version:
            response.cache_control.max_age = FOR_GOOD
            response.cache_control.immutable = True
        response.set_etag(script.version)
        response.make_conditional(request)
        return response

    # Functions with names, for other extensions (Flask-Limiter, Flask-WTF) know views by them.
    @blueprint.post("/page-view")
    def page_view() -> Response:
        return _heard(visit, flood, reports.page_view)

    @blueprint.post("/event")
    def event() -> Response:
        return _heard(visit, flood, reports.happened)

    @blueprint.post("/fired")
    def fired() -> Response:
        return _heard(visit, flood, reports.fired)

    @blueprint.post("/visit")
    def claim() -> Response:
        page, _ = _reported(visit, flood)
        return _for_this_visitor(Response(encode(page.claim() if page else {}), mimetype="application/json"))

    return blueprint


def _heard(
    visit: Callable[..., Visit | None], flood: Flood, believe: Callable[[Visit, Mapping[str, Any]], object]
) -> Response:
    """A report is answered alike whatever becomes of it."""
    page, report = _reported(visit, flood)
    if page is not None:
        believe(page, report)
    return _for_this_visitor(Response(status=204))


def _reported(visit: Callable[..., Visit | None], flood: Flood) -> tuple[Visit | None, dict[str, Any]]:
    """The visitor on the page that reports, and the report. Refused: other sites, large bodies, floods, what is no
    report. No visitor: the page that it names is not of this site."""
    here = visit()
    if here is None or not here.request.same_origin:
        _notice_proxy(here)
        _refuse("only pages of this site may report here", 403)
    if request.content_length is None or request.content_length > LARGEST_REPORT:
        _refuse("too large", 413)
    if not flood.takes(here.request.remote_addr, here.tracker.clock()):
        here.tracker.losses.count("", "flood")
        _refuse("too many reports", 429)
    try:
        body = decode(request.get_data())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        _refuse("not a report", 400)
    report, origin = cast("dict[str, Any]", body), here.request.origin
    url = report.get("url")
    ours = isinstance(url, str) and (url == origin or url.startswith(f"{origin}/"))
    if not ours:
        _notice_proxy(here)
    return visit(page_url=url) if ours else None, report


def _notice_proxy(here: Visit | None) -> None:
    """Count a report that looks like another site's because of a proxy alone."""
    if here is not None and here.request.disguised:
        here.tracker.losses.count("", "hidden_by_proxy", said=_PROXY)


def _refuse(why: str, status: int) -> NoReturn:
    abort(Response(why + "\n", status, mimetype="text/plain"))


def _for_this_visitor(response: Response) -> Response:
    response.cache_control.no_store = True
    return response


def answer_on_all_hosts(app: Flask, blueprint: Blueprint) -> None:
    """Where an application tells hosts or subdomains apart, its pages are on any of them, and ask the one they are
    on."""
    if app.url_map.host_matching:
        everywhere: dict[str, Any] = {"host": f"<{_HOST}>"}
    elif app.subdomain_matching:
        everywhere = {"subdomain": f"<{_HOST}>"}
    else:
        return
    app.url_value_preprocessor(_without_host)
    for rule in list(app.url_map.iter_rules()):
        if rule.endpoint.startswith(f"{blueprint.name}."):
            methods = set(rule.methods or ()) - {"OPTIONS"}  # which Flask answers itself
            app.add_url_rule(rule.rule, rule.endpoint, app.view_functions[rule.endpoint], methods=methods, **everywhere)


def _without_host(_: str | None, values: dict[str, Any] | None) -> None:
    if values:
        values.pop(_HOST, None)


def exempt_from_csrf(app: Flask) -> None:
    """A beacon cannot carry a token; it changes nothing of the user's and is checked by its origin instead."""
    protection = app.extensions.get("csrf")
    if protection is not None and hasattr(protection, "exempt"):
        protection.exempt(app.blueprints[NAME])
