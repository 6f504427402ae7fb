"""One purchase is told once, whatever the browser does with the page that shows it: real Chromium, to the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from flask import (
    Response,
    abort,
    redirect,
    render_template_string,
    stream_template_string,
    stream_with_context,
)
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import FLAGS, launched, whole
from tests.browser.site import ICON, Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
LINKS = "<a href=/thanks>thanks</a>"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """/ has a link; /buy sells something and leads to /thanks, which shows it."""
    found = Site(tmp_path)
    found.page("/", LINKS)
    found.page("/thanks", "<a href=/>home</a>")

    @found.app.get("/buy")
    def buy() -> Any:
        found.buy("1001")()
        return redirect("/thanks")

    yield found
    found.stop()


@pytest.fixture
def quiet(site: Site) -> str:
    """The URL of an order that shows no page: its purchase waits for the next one."""
    site.app.add_url_rule("/quiet", "quiet", lambda: (site.buy("1001")(), "bought")[1])
    return f"{site.url}/quiet"


def seen(site: Site, page: Page, times: int) -> None:
    """So many page views have been told by both halves: who leaves earlier may have told only the server."""
    site.wait_for("PageView", MERGED * times, lambda: page.wait_for_timeout(50))


def settled(site: Site, page: Page, views: int | None = None) -> None:
    """The purchase is merged on all platforms and came once; and so many page views were told, where that is asked."""
    if views is not None:
        seen(site, page, views)
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    page.wait_for_timeout(300)  # whatever else a page might tell
    records = site.of("Purchase")
    assert len({one["id"] for one in records}) == 1
    assert [(one["counted"], one["repeats"]) for one in records] == [(1, 0)] * 3


COUNT_FETCHES = """{
  const fetch = window.fetch;
  window.unanswered = 0;
  window.fetch = (...request) => {
    window.unanswered += 1;
    return fetch(...request).finally(() => { window.unanswered -= 1; });
  };
}"""
REMEMBER = "addEventListener('pageshow', event => { window.cameBack = event.persisted; })"


def test_reload_back_and_forward_and_a_second_tab(site: Site, visit: Any) -> None:
    """Reloaded, left and returned to both ways without the back/forward cache, and opened again: one purchase."""
    page, other = visit.page(), visit.page()
    steps: list[Callable[[], object]] = [
        lambda: page.goto(f"{site.url}/buy"),
        page.reload,
        lambda: page.goto(site.url),
        page.go_back,
        page.go_forward,
        page.go_back,
        lambda: other.goto(f"{site.url}/thanks"),
        lambda: other.goto(f"{site.url}/buy"),  # the same order once more
    ]
    for number, step in enumerate(steps, 1):
        step()
        seen(site, page, number)
    settled(site, page, views=8)
    assert visit.complaints == []


def test_a_page_out_of_the_back_forward_cache_tells_nothing_again(site: Site, chromium: Browser, quiet: str) -> None:
    """A page that comes back as it was, scripts and all, fires neither its purchase nor its view a second time."""
    # Chromium keeps no page that is `no-store`, as one with a purchase in it is: this one has asked for its purchase.
    site.page("/kept", LINKS, "{{ pixeltwin.head(cached=True) }}")
    browser = launched(chromium, ignore_default_args=["--disable-back-forward-cache"])
    try:
        page = browser.new_page()
        page.add_init_script(REMEMBER)
        page.goto(quiet)
        page.goto(f"{site.url}/kept")
        settled(site, page, views=1)
        page.goto(site.url)
        seen(site, page, 2)
        page.evaluate("history.back()")  # a page that is kept has no second load event for `go_back` to wait for
        page.wait_for_url("**/kept", wait_until="commit")
        assert page.evaluate("window.cameBack"), "this Chromium kept no page: the test tests nothing"
        settled(site, page, views=2)
    finally:
        browser.close()


def test_a_page_that_was_kept_against_its_headers(site: Site, visit: Any) -> None:
    """A cache that hands out the very page again, purchase and all: the browser tells of its view alone."""
    site.page("/sold", before=site.buy("1001"))
    page = visit.page()
    answer = page.goto(f"{site.url}/sold")
    kept = answer.text()
    assert '"Purchase"' in kept
    settled(site, page, views=1)
    page.route("**/sold", lambda route: route.fulfill(body=kept, content_type="text/html"))
    page.reload()
    settled(site, page, views=2)


def test_a_duplicated_tab(site: Site, visit: Any) -> None:
    """A tab that the page opens with its session storage, as a duplicate has it, fires no second purchase."""
    page = visit.page()
    page.goto(f"{site.url}/buy")
    settled(site, page, views=1)
    with visit.context.expect_page() as opened:
        page.evaluate("window.open(location.href, '_blank')")
    opened.value.wait_for_load_state()
    settled(site, page, views=2)


def test_a_restored_session(site: Site, chromium: Browser, tmp_path: Path) -> None:
    """The browser ended on the thank-you page and started again with its tabs: no second purchase."""

    def profile(*switches: str) -> BrowserContext:
        return chromium.browser_type.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=whole(), args=[*FLAGS, *switches]
        )

    before = profile()
    page = before.pages[0]
    page.goto(f"{site.url}/buy")
    settled(site, page, views=1)
    before.close()
    after = profile("--restore-last-session")
    try:
        page = next(one for one in after.pages if one.url.endswith("/thanks"))
        settled(site, page, views=2)
    finally:
        after.close()


# --- before anybody looks --------------------------------------------------------------------------------------------


def test_a_head_request_uses_up_nothing(site: Site, visit: Any, quiet: str) -> None:
    """Who only asks for a page's headers, as link checkers do, leaves the purchase for the page."""
    page = visit.page()
    page.goto(quiet)
    page.evaluate("fetch('/thanks', {method: 'HEAD'})")
    page.goto(f"{site.url}/thanks")
    settled(site, page, views=1)


# --- when the answer is not one smooth page --------------------------------------------------------------------------


def test_pages_asked_for_at_the_same_time(site: Site, visit: Any, quiet: str) -> None:
    """Of five pages that are fetched at once with the same cookie, one has the purchase."""
    page = visit.page()
    page.goto(quiet)
    texts = page.evaluate("Promise.all([1, 2, 3, 4, 5].map(() => fetch('/thanks').then(answer => answer.text())))")
    assert sum('"Purchase"' in text for text in texts) == 1
    assert sorted("pixeltwin.js" in text for text in texts) == [True] * 5


@pytest.mark.parametrize("told", ["in the view", "before"])
def test_a_streamed_page(site: Site, visit: Any, quiet: str, told: str) -> None:
    """A page that is rendered while it is sent shows its purchase, and no later page does."""
    template = f"<!doctype html><html><head>{ICON}{{{{ pixeltwin.head() }}}}</head><body>streamed</body></html>"

    def streamed() -> Response:
        if told == "in the view":
            site.buy("1001")()
        response = Response(stream_template_string(template))
        response.cache_control.public = True
        return response

    site.app.add_url_rule("/streamed", "streamed", streamed)
    page = visit.page()
    if told == "before":
        page.goto(quiet)
    answer = page.goto(f"{site.url}/streamed")
    assert answer and "no-store" in answer.headers["cache-control"]
    settled(site, page, views=1)
    page.goto(site.url)
    seen(site, page, 2)
    page.reload()
    settled(site, page, views=3)


def test_a_page_load_that_breaks_off_before_the_pixels(site: Site, visit: Any, quiet: str) -> None:
    """The connection ends while the page's first bytes are under way: the next page shows the purchase."""
    ended = threading.Event()

    def broken() -> Response:
        def pieces() -> Iterator[str]:
            yield "<!doctype html><title>broken</title>" + "x" * 4096
            ended.wait(10)
            raise ConnectionAbortedError
            yield render_template_string("{{ pixeltwin.head() }}")

        return Response(stream_with_context(pieces()))

    site.app.add_url_rule("/broken", "broken", broken)
    page = visit.page()
    page.goto(quiet)
    page.goto(f"{site.url}/broken", wait_until="commit")
    page.evaluate("window.stop()")
    ended.set()
    page.goto(site.url)
    settled(site, page, views=1)


def test_a_page_load_that_breaks_off_behind_the_pixels(site: Site, visit: Any) -> None:
    """A visitor who stops a page in the middle, its pixels heard, and reloads it has told of its purchase once."""
    ended = threading.Event()

    def slow() -> Response:
        site.buy("1001")()

        def pieces() -> Iterator[str]:
            yield f"<!doctype html>{ICON}" + render_template_string("{{ pixeltwin.head() }}") + "x" * 4096
            ended.wait(10)
            yield "the rest"

        return Response(stream_with_context(pieces()))

    site.app.add_url_rule("/slow", "slow", slow)
    page = visit.page()
    page.add_init_script(COUNT_FETCHES)
    page.goto(f"{site.url}/slow", wait_until="commit")
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    page.wait_for_function("window.unanswered === 0")  # Pinterest's script says again what is stopped before its answer
    page.evaluate("window.stop()")
    ended.set()
    page.reload()
    settled(site, page, views=2)


def test_a_page_that_fails_leaves_its_purchase_for_the_next(site: Site, visit: Any) -> None:
    """What was tracked in a view that ends in an error is told on the visitor's next page."""

    def failing() -> str:
        site.buy("1001")()
        render_template_string("{{ pixeltwin.head() }}")
        abort(500)

    site.app.add_url_rule("/failing", "failing", failing)
    page = visit.page()
    page.goto(f"{site.url}/failing")
    page.goto(site.url)
    settled(site, page)


# --- when time has passed --------------------------------------------------------------------------------------------


def test_a_page_opened_when_a_day_has_passed(site: Site, visit: Any, quiet: str) -> None:
    """A day later the page tells of itself alone: the server halves went, and no platform counts a second time."""
    later = timedelta()
    with site.app.app_context():
        site.twin.tracker.clock = lambda: datetime.now(timezone.utc) + later
    page = visit.page()
    page.goto(quiet)
    site.wait_for("Purchase", ["server only"] * 3, lambda: page.wait_for_timeout(50))
    later = timedelta(hours=25)
    site.advance(later)
    page.goto(f"{site.url}/thanks")
    seen(site, page, 1)
    page.wait_for_timeout(300)
    verdicts = {one["platform"]: (one["verdict"], one["counted"]) for one in site.of("Purchase")}
    assert verdicts == {one.kind: ("server only", 1) for one in site.platforms}
