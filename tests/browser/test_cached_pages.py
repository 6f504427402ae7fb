"""Pages that a cache keeps for everybody, in real Chromium: one page for all, to each visitor what is his."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, redirect, request

from pixeltwin import Consent
from pixeltwin.consent import State
from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3


class Cache:
    """What a CDN does that is told to keep pages: the first answer is everybody's. It knows no cookies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.kept: dict[str, tuple[str, list[tuple[str, str]], bytes]] = {}

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        path = environ["PATH_INFO"]
        if path not in self.kept:
            said: list[Any] = []
            body = b"".join(self._app(environ, lambda status, headers, exc_info=None: said.extend((status, headers))))
            if "public" not in dict(said[1]).get("Cache-Control", "") or path.startswith("/_pixeltwin"):
                start_response(said[0], said[1])
                return [body]
            self.kept[path] = (said[0], said[1], body)
        status, headers, body = self.kept[path]
        start_response(status, headers)
        return [body]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """/ and /thanks are kept by the cache; /buy sells and leads to /thanks. The cookie `consent` is the consent."""
    found = Site(tmp_path, PIXELTWIN_CONSENT="")
    states: dict[str, State] = {"yes": "granted", "no": "denied"}
    found.twin.consent_loader(lambda: Consent(states.get(request.cookies.get("consent", ""), "pending")))
    body = "<button {{ pixeltwin.on('click', CART) }}>Cart</button><a href=/buy>Buy</a>"
    for path in ("/", "/thanks"):
        found.page(path, body, "{{ pixeltwin.head(cached=True) }}")

    @found.app.get("/buy")
    def buy() -> Any:
        found.buy(f"order-{request.cookies.get('who', '?')}")()
        return redirect("/thanks")

    @found.app.after_request
    def public(response: Response) -> Response:
        if request.path in ("/", "/thanks"):
            response.headers["Cache-Control"] = "public, s-maxage=600"
        return response

    found.app.wsgi_app = Cache(found.app.wsgi_app)  # type: ignore[method-assign]
    yield found
    found.stop()


@pytest.fixture
def visitors(site: Site, page_factory: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a visitor with this answer about consent."""

    def make(who: str, consent: str = "yes") -> Any:
        visit = page_factory()
        cookies = [
            {"name": "who", "value": who, "url": site.url},
            {"name": "consent", "value": consent, "url": site.url},
        ]
        visit.context.add_cookies(cookies)
        return visit

    return make


def ids(site: Site, event: str) -> set[str]:
    return {one["id"] for one in site.of(event)}


def test_one_kept_page_gives_each_visitor_his_own_ids(site: Site, visitors: Any) -> None:
    """Two visitors get the same bytes, and each his own page view, click and purchase, on both sides; nobody sees
    another's, and a reload adds nothing but a view."""
    pages = [visitors(who).page() for who in ("ada", "bob")]

    def pause() -> None:
        pages[0].wait_for_timeout(50)

    bytes_ = {page.goto(site.url).text() for page in pages}
    assert len(bytes_) == 1 and len(site.app.wsgi_app.kept) == 1  # type: ignore[attr-defined]
    site.wait_for("PageView", MERGED * 2, pause)
    for page in pages:
        page.get_by_role("button").click()
    site.wait_for("AddToCart", MERGED * 2, pause)
    pages[0].get_by_role("link").click()
    site.wait_for("Purchase", MERGED, pause)
    pages[1].goto(f"{site.url}/thanks")
    pages[0].reload()
    site.wait_for("PageView", MERGED * 5, pause)
    assert len(ids(site, "PageView")) == 5 and len(ids(site, "AddToCart")) == 2
    assert len(ids(site, "Purchase")) == 1
    assert all(one["repeats"] == 0 for one in site.of("Purchase"))


def test_a_kept_page_holds_nothing_of_anybody(site: Site, visitors: Any) -> None:
    """The first visitor, who bought and came by an ad, leaves no cookie, id or digest in what the cache keeps."""
    ada = visitors("ada")
    page = ada.page()
    click = "click-of-the-first-visitor"  # so long that no signature holds it by chance
    with page.expect_response("**/_pixeltwin/visit"):  # which the cookie with his click comes with
        page.goto(f"{site.url}/?rdt_cid={click}")
    page.get_by_role("link").click()
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    for _, headers, body in site.app.wsgi_app.kept.values():  # type: ignore[attr-defined]
        assert "Set-Cookie" not in dict(headers)
        assert next(iter(ids(site, "Purchase"))).encode() not in body and click.encode() not in body
    assert click in str(next(one for one in site.of("Purchase") if one["platform"] == "reddit")["server"]["payload"])


def test_who_refused_is_not_told_of_by_a_kept_page(site: Site, visitors: Any) -> None:
    """A page that the cache has from somebody who agreed asks no vendor for somebody who did not."""
    visitors("ada").page().goto(site.url)
    bob = visitors("bob", "no")
    asked: list[str] = []
    page = bob.page()
    page.on("request", lambda one: asked.append(one.url))
    page.goto(site.url)
    page.get_by_role("button").click()
    page.wait_for_timeout(500)
    assert not [url for url in asked if "/sandbox/" in url]
    assert any(url.endswith("/_pixeltwin/visit") for url in asked)
    assert len(ids(site, "AddToCart")) == 0


@pytest.mark.parametrize("kept", [True, False], ids=["a page that a cache keeps", "a page of his own"])
def test_a_decision_in_the_page_shows_what_waited_without_a_reload(site: Site, visitors: Any, kept: bool) -> None:
    """Bought before the answer: nothing is asked of a vendor; after the yes `pixeltwin.claim()` shows the purchase."""
    site.page("/own")
    ada = visitors("ada", "later")
    asked: list[str] = []
    page = ada.page()
    page.on("request", lambda one: asked.append(one.url))
    page.goto(f"{site.url}/buy")
    page.goto(f"{site.url}/{'thanks' if kept else 'own'}")
    page.wait_for_timeout(400)
    assert not [url for url in asked if "/sandbox/" in url]
    page.evaluate("document.cookie = 'consent=yes'; pixeltwin.claim()")
    for event in ("Purchase", "PageView"):
        site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
    assert ada.complaints == []


@pytest.mark.parametrize("answer", ["yes", "no"])
@pytest.mark.parametrize("kept", [True, False], ids=["a page that a cache keeps", "a page of his own"])
def test_buttons_work_once_he_agrees_without_a_reload(site: Site, visitors: Any, kept: bool, answer: str) -> None:
    """A click before the answer and one after it are told of to all pixels and the server, the first under its own id,
    where he agrees; before that, and where he refuses, no vendor hears of either."""
    site.page("/own", "<button {{ pixeltwin.on('click', CART) }}>Cart</button>")
    ada = visitors("ada", "later")
    asked: list[str] = []
    page = ada.page()
    page.on("request", lambda one: asked.append(one.url))
    page.goto(site.url + ("/" if kept else "/own"))

    def click() -> None:
        with page.expect_response("**/_pixeltwin/event"):
            page.get_by_role("button").click()

    click()
    assert not [url for url in asked if "/sandbox/" in url] and site.of("AddToCart") == []
    with page.expect_response("**/_pixeltwin/visit"):
        page.evaluate(f"document.cookie = 'consent={answer}'; pixeltwin.claim()")
    click()
    if answer == "yes":
        site.wait_for("AddToCart", MERGED * 2, lambda: page.wait_for_timeout(50))
    else:
        page.wait_for_timeout(500)
        assert not [url for url in asked if "/sandbox/" in url] and site.of("AddToCart") == []
    assert ada.complaints == []
