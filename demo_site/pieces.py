"""Pages that change without being loaded: pieces of HTML that take the places of the elements with the same ids.

`static/swap.js` asks for them by `fetch`, as htmx does. An answer that tracked something carries `pixeltwin.head()`: it
fires in the page that shows it. Whoever runs no scripts gets whole pages from the same views.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

blueprint = Blueprint("pieces", __name__)


def wanted() -> bool:
    """Whether the request asks for pieces instead of a page."""
    return request.headers.get("X-Pieces") == "1"


def answer(template: str = "pieces.html", **values: object) -> Response:
    """The pieces every page has, and the template's own; for this visitor alone."""
    response = make_response(render_template(template, **values))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/pieces")
def of_this_visitor() -> Response:
    """What a page that is the same for everybody does not know."""
    return answer()
