"""Which pixels fired, said by real pages in Chromium: loaded, blocked, late, never, gone; forged and repeated words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Response, request
from playwright.sync_api import Page

from tests.browser.shop import PATIENCE
from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
PLATFORMS: list[str] = ["pinterest", "reddit", "snap"]
FIRED = dict.fromkeys(PLATFORMS, "acknowledged")
BLOCKED = dict.fromkeys(PLATFORMS, "blocked")
SILENT = dict.fromkeys(PLATFORMS, "offered")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site that sells at /thanks."""
    made: list[Site] = []

    def start(**settings: Any) -> Site:
        site = Site(tmp_path, **settings)
        made.append(site)
        site.page("/")
        site.page("/thanks", before=site.buy("1001"))
        return site

    yield start
    for site in made:
        site.stop()


@pytest.fixture
def site(make: Callable[..., Site]) -> Site:
    return make()


@pytest.fixture
def page(visit: Any) -> Page:
    opened: Page = visit.page()
    return opened


def wait_for(site: Site, page: Page, wanted: dict[str, str], event: str = "Purchase") -> None:
    until = time.monotonic() + PATIENCE
    while site.heard(event) != wanted:
        assert time.monotonic() < until, site.heard(event)
        page.wait_for_timeout(50)


def asked(site: Site) -> list[str]:
    """The paths that the site is asked for, from its first request on."""
    paths: list[str] = []
    site.app.before_request(lambda: paths.append(request.path))
    return paths


def test_a_page_says_in_one_request_that_its_pixels_fired(site: Site, page: Page, visit: Any) -> None:
    """Three pixels that took their calls are three acknowledgements in one small request; a reload says nothing new,
    and a page without a purchase loads and says nothing of the kind."""
    paths = asked(site)
    page.goto(site.url)
    site.wait_for("PageView", MERGED, lambda: page.wait_for_timeout(50))
    assert "/_pixeltwin/acknowledge.js" not in paths
    page.goto(f"{site.url}/thanks")
    wait_for(site, page, FIRED)
    page.reload()
    page.wait_for_timeout(600)
    assert paths.count("/_pixeltwin/fired") == 1
    assert visit.complaints == []


def test_a_pixel_that_is_blocked_is_said_to_be_blocked(site: Site, page: Page) -> None:
    """Where an ad blocker aborts one vendor's script, that pixel is blocked and the others fired."""
    page.route(re.compile(r"/sandbox/snap/.*\.js"), lambda route: route.abort())
    page.goto(f"{site.url}/thanks")
    wait_for(site, page, {**FIRED, "snap": "blocked"})


def test_a_script_that_never_answers_is_blocked_and_one_that_comes_late_fired(site: Site, page: Page) -> None:
    """Vendors that hang for more than five seconds are said to be blocked; when they come after all, the page's end
    says that they fired."""
    site.vendors.clear()
    page.goto(f"{site.url}/thanks", wait_until="commit")
    page.wait_for_timeout(5000)
    wait_for(site, page, BLOCKED)
    site.vendors.set()
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    page.goto(site.url)
    wait_for(site, page, FIRED)


def test_a_page_that_is_left_says_what_it_knows(site: Site, page: Page) -> None:
    """Left before the vendors' scripts came, a page says at once that nobody took its purchase."""
    site.vendors.clear()
    page.goto(f"{site.url}/thanks", wait_until="commit")
    page.wait_for_function("!!(window.pixeltwin && pixeltwin.heed)")
    page.wait_for_function("performance.getEntriesByType('resource').some(one => one.name.includes('acknowledge.js'))")
    page.wait_for_timeout(100)
    page.goto("about:blank", wait_until="commit")
    wait_for(site, page, BLOCKED)


def test_a_browser_without_scripts_says_nothing(site: Site, page_factory: Callable[..., Any]) -> None:
    """Without scripts a pixel stays one that was shown, of which nothing was heard."""
    page = page_factory(java_script_enabled=False).page()
    page.goto(f"{site.url}/thanks")
    page.wait_for_timeout(300)
    assert site.heard("Purchase") == SILENT


def test_a_kept_page_says_it_too(site: Site, page: Page) -> None:
    """A page that is the same for everybody acknowledges the purchase that its script asked for."""
    site.page("/kept", head="{{ pixeltwin.head(cached=True) }}")
    site.app.add_url_rule("/buy", "buy", lambda: (site.buy("1002")(), Response(status=204))[1])
    page.goto(site.url)
    page.evaluate("fetch('/buy')")
    page.wait_for_timeout(200)
    page.goto(f"{site.url}/kept")
    wait_for(site, page, FIRED)


def test_inline_code_says_it_too(make: Callable[..., Site], page: Page) -> None:
    """A page that carries the loaders itself hears of what was told before the first-party script came."""
    site = make(PIXELTWIN_INLINE=True)
    page.goto(f"{site.url}/thanks")
    wait_for(site, page, FIRED)


def test_views_and_clicks_are_heard_of_where_the_site_wants_that(make: Callable[..., Site], page: Page) -> None:
    """`all` hears of page views and clicks too, whose ids the browser minted."""
    site = make(PIXELTWIN_ACKNOWLEDGE="all")
    site.page("/shop", "<button {{ pixeltwin.on('click', CART) }}>Buy</button>")
    page.goto(f"{site.url}/shop")
    wait_for(site, page, FIRED, "PageView")
    page.get_by_role("button").click()
    wait_for(site, page, FIRED, "AddToCart")


def test_a_busy_server_may_hear_what_fired_before_it_hears_of_the_conversion(
    make: Callable[..., Site], page: Page
) -> None:
    """Two requests overtake each other; what fired is said once more, so that it is known all the same."""
    site = make(PIXELTWIN_ACKNOWLEDGE="all")
    site.page("/shop", "<button {{ pixeltwin.on('click', CART) }}>Buy</button>")
    clicked, said = Event(), Event()

    def wait_until_said() -> None:
        if request.path == "/_pixeltwin/event":
            assert said.wait(PATIENCE)

    def note(response: Response) -> Response:
        if request.path == "/_pixeltwin/fired" and clicked.is_set():
            said.set()
        return response

    site.app.before_request(wait_until_said)
    site.app.after_request(note)
    page.goto(f"{site.url}/shop")
    wait_for(site, page, FIRED, "PageView")
    clicked.set()
    page.get_by_role("button").click()
    wait_for(site, page, FIRED, "AddToCart")


def test_switched_off_it_is_not_said(make: Callable[..., Site], page: Page) -> None:
    """With `off` no page says anything."""
    site = make(PIXELTWIN_ACKNOWLEDGE="off")
    paths = asked(site)
    page.goto(f"{site.url}/thanks")
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    page.wait_for_timeout(600)
    assert not {"/_pixeltwin/fired", "/_pixeltwin/acknowledge.js"} & set(paths) and site.heard("Purchase") == SILENT
