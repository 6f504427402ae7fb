"""`GET /_pixeltwin/health`: the health document, for whoever has the token."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request

from ..errors import ConfigurationError
from ..strictjson import encode

if TYPE_CHECKING:
    from ..tracker import Tracker

SHORTEST_TOKEN = 16  # characters; a shorter one is guessed


def serve_health(blueprint: Blueprint, token: str | None, tracker: Callable[[], Tracker]) -> None:
    """Add the path where a token is set; without it, and for whoever has another, there is nothing there (404). The
    status is 503 when anything is unhealthy, for monitors that read no further."""
    if token is None:
        return
    if len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"PIXELTWIN_HEALTH_TOKEN needs {SHORTEST_TOKEN} characters at least. "
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    expected = f"Bearer {token}".encode()

    @blueprint.get("/health")
    def health() -> Response:
        if not compare_digest(request.headers.get("Authorization", "").encode(), expected):
            abort(404)
        found = tracker().health()
        status = 503 if found.status == "unhealthy" else 200
        response = Response(encode(found.to_dict()), status, mimetype="application/json")
        response.cache_control.no_store = True
        return response
