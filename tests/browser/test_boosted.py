"""Links that htmx boosts, in real Chromium: the page stays, its body is changed, its head is dropped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
HEAD = "{{ pixeltwin.head() }}<script src=/vendor/htmx.min.js></script>"


def test_a_boosted_page_is_one_view_and_shows_its_purchase(site: Site, visit: Any) -> None:
    """A boosted link is one page view with the purchase of its page; the way back, kept or fetched anew, is neither."""
    site.page("/", "<main hx-boost=true><a href=/thanks>buy</a></main>", HEAD)
    site.page("/thanks", "<main hx-boost=true><a href=/>home</a></main>", HEAD, before=site.buy("1001"))
    page = visit.page()

    def pause() -> None:
        page.wait_for_timeout(50)

    page.goto(site.url)
    site.wait_for("PageView", MERGED, pause)
    page.get_by_role("link").click()
    page.wait_for_url("**/thanks")
    site.wait_for("Purchase", MERGED, pause)
    site.wait_for("PageView", MERGED * 2, pause)
    page.get_by_role("link", name="home").click()
    page.get_by_role("link", name="buy").wait_for()
    site.wait_for("PageView", MERGED * 3, pause)
    page.evaluate("localStorage.removeItem('htmx-history-cache'); sessionStorage.removeItem('htmx-history-cache')")
    page.go_back()
    page.get_by_role("link", name="home").wait_for()
    page.wait_for_timeout(400)
    assert len(site.of("PageView")) == 9
    assert [(one["counted"], one["repeats"]) for one in site.of("Purchase")] == [(1, 0)] * 3
    assert visit.complaints == []
