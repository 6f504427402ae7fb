"""Where a form goes back to."""

from __future__ import annotations

from flask import request


def return_path(given: str | None) -> str:
    """The path and query a form names, if it is one of this site; else the catalogue. Browsers read a backslash as a
    slash and skip control characters, so neither may be in it."""
    path = given or ""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"


def here() -> str:
    """The path and query of the page that is looked at, to come back to; htmx asks for its pieces and says its URL."""
    page = request.headers.get("HX-Current-URL")
    if page is None:
        return request.full_path.removesuffix("?")
    return "/" + page.removeprefix(request.host_url).partition("#")[0]
