"""Facts of the request in, changes of the response out."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from urllib.parse import quote

import flask
from flask import Response, request
from werkzeug.http import generate_etag

from ..pages.carried import waits
from ..pages.visit import Visit
from ..web import Cookie, EnvironHeaders, Request, ResponseChanges
from .current import the_request

log = logging.getLogger("pixeltwin")
_VARIES = ("Cookie", "Sec-GPC")
_VARY = ", ".join(_VARIES)
# What caches heed before Cache-Control (RFC 9213 and names like it, W3C Edge Architecture, nginx), and a time in it.
_OVERRIDING = ("cdn-cache-control", "surrogate-control", "x-accel-expires")
_LASTS = re.compile(r"(?:^|=) *@?[1-9]")
_PLAIN_PATH = re.compile(r"[\w/.~-]*", re.ASCII)


def facts() -> Request:
    """The current request, free of Flask."""
    current = the_request()
    return Request(
        method=current.method,
        url=lambda: _url(current),
        headers=EnvironHeaders(current.environ),
        cookies=(lambda: current.cookies) if "HTTP_COOKIE" in current.environ else {},
        remote_addr=current.remote_addr,
        landing=bool(current.query_string),
        root=root(current) if current.root_path else "",
    )


def root(current: flask.Request) -> str:
    """The path that the application is below, as URLs write it; of this very host whatever a proxy said, for two
    slashes name another."""
    path = current.root_path.strip("/")
    return quote(f"/{path}") if path else ""


def _url(current: flask.Request) -> str:
    """The request's full URL. Most paths hold nothing to quote, which saves most of what `Request.url` takes."""
    path = f"{current.root_path}{current.path}"
    if current.query_string or not _PLAIN_PATH.fullmatch(path):
        return current.url
    return f"{current.scheme}://{current.host}{path}"


def apply(changes: ResponseChanges, response: Response) -> None:
    """Set the cookies; what carries one visitor's conversions is for nobody else to keep."""
    if may_show_yet(response):
        changes.cache = "no-store"
    for cookie in changes.cookies:
        _set(response, cookie)
    given = [name.lower() for name, _ in response.headers]
    if changes.varies:
        if "vary" in given:
            response.vary.update(_VARIES)
        else:
            response.headers.add("Vary", _VARY)
    cache, overriding = changes.cache, [name for name in given if name.endswith(_OVERRIDING)]
    if not overriding and "cache-control" not in given and "expires" not in given:  # as on most pages
        if cache:
            response.headers.add("Cache-Control", _kept(cache))
        return
    if (cache or changes.differs or changes.cookies) and _shared(response, overriding):
        cache = cache or "private"
        log.warning(
            "%r may not be cached for others: it is one visitor's; see pixeltwin.head(cached=True)", request.path
        )
    if not cache:
        return
    for name in overriding:
        response.headers.pop(name, None)
    if _expires_later(response):
        del response.headers["Expires"]
    if not response.cache_control.no_store:
        response.headers["Cache-Control"] = _kept(cache)


def _kept(cache: str) -> str:
    return "private" if cache == "private" else "private, no-store"


def _shared(response: Response, overriding: Iterable[str]) -> bool:
    """Whether a cache may keep the response for everybody: it says so, or it says for how long without keeping it to
    one (RFC 9111, 3 and 4.2.1)."""
    control = response.cache_control
    lasts = any(_LASTS.search(response.headers[name]) for name in overriding)
    if control.public or control.s_maxage is not None or lasts:
        return True
    fresh = _expires_later(response) if control.max_age is None else control.max_age > 0
    return fresh and not (control.private or control.no_store)


def _expires_later(response: Response) -> bool:
    return response.expires is not None and response.expires > datetime.now(timezone.utc)


def unseen(visit: Visit, response: Response) -> bool:
    """Whether nobody gets to see what was rendered. "Not modified" would show the browser's copy, of another moment of
    this visitor: the page goes whole instead, where it is there and the copy is not known to be the same."""
    if response.status_code == 304 and visit.rendered:
        body = None if response.is_streamed else response.get_data()
        if body == b"":
            return True
        if body is None or generate_etag(body) != response.get_etag()[0]:
            response.status_code = 200
    return response.status_code >= 500


def may_have_landed() -> bool:
    """Whether this request could be a landing from an ad: a page, with a query."""
    return request.method == "GET" and bool(request.query_string) and request.endpoint != "static"


def may_show_yet(response: Response) -> bool:
    """Whether this is a page that is rendered while it is sent, for somebody whose conversions wait for one."""
    return renders_yet(response) and any(map(waits, request.cookies))


def renders_yet(response: Response) -> bool:
    """Whether this is a page that is rendered while it is sent."""
    return response.is_streamed and response.mimetype == "text/html"


def _set(response: Response, cookie: Cookie) -> None:
    if cookie.value:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
            domain=cookie.domain,
        )
    else:
        response.delete_cookie(
            cookie.name, secure=request.is_secure, httponly=True, samesite="Lax", domain=cookie.domain
        )
