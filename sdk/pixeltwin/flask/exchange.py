"""Facts of the request in, changes of the response out."""

from __future__ import annotations

import logging

from flask import Response, request

from ..web import Cookie, Request, ResponseChanges

log = logging.getLogger("pixeltwin")


def facts() -> Request:
    """The current request, free of Flask."""
    return Request(
        method=request.method,
        url=request.url,
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=request.cookies,
        remote_addr=request.remote_addr,
    )


def apply(changes: ResponseChanges, response: Response) -> None:
    """Set the cookies; what carries one visitor's conversions is for nobody else to keep."""
    for cookie in changes.cookies:
        _set(response, cookie)
    if changes.varies:
        response.vary.update(("Cookie", "Sec-GPC"))
    if changes.cache:
        if response.cache_control.public or response.cache_control.s_maxage is not None:
            log.warning("%s may not be cached for others: it carries one visitor's conversions", request.path)
        response.cache_control.clear()
        response.cache_control.private = True
        if changes.cache == "no-store":
            response.cache_control.no_store = True


def may_have_landed() -> bool:
    """Whether this request could be a landing from an ad: a page, with a query."""
    return request.method == "GET" and bool(request.query_string) and request.endpoint != "static"


def _set(response: Response, cookie: Cookie) -> None:
    if cookie.value:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(cookie.name, secure=request.is_secure, httponly=True, samesite="Lax")
