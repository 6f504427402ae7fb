"""Pages that change without being loaded, by htmx: the answer to a form takes the place of what the page shows.

Such an answer (`in_pieces`) holds a page's content and, by `hx-swap-oob`, what stands elsewhere and has changed. What
was tracked goes with it, by `pixeltwin.head()`, and fires in the page that shows it. Whoever runs no scripts gets whole
pages from the same views.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

blueprint = Blueprint("pieces", __name__)


def wanted() -> bool:
    """Whether htmx asks, for pieces, instead of the browser for a page."""
    return request.headers.get("HX-Request") == "true"


def answer(template: str = "pieces.html", **values: object) -> Response:
    """What the template shows in pieces; for this visitor alone."""
    response = make_response(render_template(template, **values))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/pieces")
def of_this_visitor() -> Response:
    """What a page that is the same for everybody does not know."""
    return answer()
