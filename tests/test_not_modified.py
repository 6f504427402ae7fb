"""Pages that answer a browser's condition (`If-None-Match`): no copy stands for what is new of this visitor."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response, render_template_string, request

from pixeltwin import Consent
from tests.pages import Page
from tests.test_flask import PAGE, Shop, fired

ETAG = {"If-None-Match": '"v1"'}
CACHED = "<html><head>{{ pixeltwin.head(cached=True) }}</head></html>"


def conditional(page: str) -> Response:
    """What a view answers that knows the version of its page."""
    response = Response(render_template_string(page))
    response.set_etag("v1")
    response.make_conditional(request)
    return response


def shop_with(page: str = PAGE, **settings: Any) -> Shop:
    """A shop with the page /article, whose version never changes."""
    shop = Shop(**settings)
    shop.app.add_url_rule("/article", "article", lambda: conditional(page))
    return shop


def test_a_conversion_is_on_a_page_that_the_browser_has_a_copy_of() -> None:
    """The visitor who bought meanwhile gets the whole page, and the conversion in it, once."""
    shop = shop_with()
    client = shop.client
    client.get("/article")
    client.post("/buy")
    page = client.get("/article", headers=ETAG)
    assert page.status_code == 200 and len(fired(page)) == 3
    assert page.headers["Content-Length"] == str(len(page.data))
    assert fired(client.get("/article", headers=ETAG)) == []


@pytest.mark.parametrize("ahead", [{}, {"Sec-Purpose": "prefetch"}])
def test_no_copy_with_pixels_is_shown_to_who_refused_since(ahead: dict[str, str]) -> None:
    """After a withdrawal the browser is given the page anew, also where it fetches it ahead of a click."""
    shop = shop_with(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent.granted() if "yes" in request.cookies else Consent.denied())
    client = shop.client
    client.set_cookie("yes", "1")
    assert Page(client.get("/article").get_data(as_text=True)).data["pixels"]
    client.delete_cookie("yes")
    page = client.get("/article", headers={**ETAG, **ahead})
    assert page.status_code == 200 and Page(page.get_data(as_text=True)).data == {}


def test_a_copy_of_the_very_same_bytes_serves() -> None:
    """Where the ETag is the page's own digest nothing is sent twice, and what is new of the visitor is another page."""
    shop = Shop()

    @shop.app.after_request
    def tagged(response: Response) -> Response:
        response.add_etag()
        response.make_conditional(request)
        return response

    client = shop.client
    condition = {"If-None-Match": client.get("/").headers["ETag"]}
    assert client.get("/", headers=condition).status_code == 304
    client.post("/buy")
    page = client.get("/", headers=condition)
    assert page.status_code == 200 and len(fired(page)) == 3


@pytest.mark.parametrize("page", [CACHED, "<html></html>"], ids=["a page for everybody", "a page without pixels"])
def test_pages_that_hold_nothing_of_a_visitor_answer_as_before(page: str) -> None:
    """A condition on them is answered by the application alone."""
    answer = shop_with(page).client.get("/article", headers=ETAG)
    assert answer.status_code == 304 and answer.data == b""


def test_what_was_rendered_for_an_answer_without_a_body_goes_on_to_the_next_page() -> None:
    """A view that renders its page, finds it unchanged by its own measure and drops it loses no conversion."""
    shop = Shop()

    @shop.app.get("/dropped")
    def dropped() -> Any:
        render_template_string(PAGE)
        return "", 304

    client = shop.client
    client.post("/buy")
    assert client.get("/dropped").status_code == 304
    assert len(fired(client.get("/"))) == 3
    assert fired(client.get("/")) == []
