"""What every response says to the browser: a content security policy with a nonce, and nothing inline without it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request

OWN: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "style-src": ("'self'",),
    "img-src": ("'self'",),
    "connect-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}

Sources = Mapping[str, Iterable[str]]


def policy(nonce: str | None, sources: Sources) -> str:
    """The policy: ours, and the hosts that the pixels need. A page that a cache keeps has no nonce: there the hosts
    alone say which scripts may run."""
    directives = {name: list(own) for name, own in OWN.items()}
    directives["script-src"] = [f"'nonce-{nonce}'", "'strict-dynamic'"] if nonce else ["'self'"]
    for name, hosts in sources.items():
        directives.setdefault(name, []).extend(hosts)
    return "; ".join(f"{name} {' '.join(dict.fromkeys(values))}" for name, values in directives.items())


def protect(app: Flask, sources: Callable[[], Sources]) -> None:
    """Give each request a nonce and each response the policy; refuse forms that other sites send."""

    @app.before_request
    def begin() -> None:
        g.csp_nonce = secrets.token_urlsafe(16)
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
            abort(403)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy(g.csp_nonce, sources())
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
