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
    """This page's own path and query, to come back to."""
    return request.full_path.removesuffix("?")
