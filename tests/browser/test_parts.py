"""Parts of pages, in real Chromium: Turbo frames and htmx's selections, for which a whole page is fetched and its head
dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, redirect, render_template_string

from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
TURBO = "{{ pixeltwin.head() }}<script src=/vendor/turbo.js></script>"
HTMX = "{{ pixeltwin.head() }}<script src=/vendor/htmx.min.js></script>"
FORM = "<form method=post action=/buy><button>buy</button></form>"
SELECTING = "<form hx-post=/buy hx-target=#part hx-select=#part hx-swap=outerHTML {}><button>buy</button></form>"
PARTS = {
    "a Turbo frame": (TURBO, "<turbo-frame id=part>{}</turbo-frame>", FORM, 1),
    "a selection": (HTMX, "<main id=part>{}</main>", SELECTING.format(""), 1),
    "a selection with an address": (HTMX, "<main id=part>{}</main>", SELECTING.format("hx-push-url=true"), 2),
}


@pytest.fixture
def told(site: Site, visit: Any) -> Callable[..., None]:
    """Opens the first page, buys, and waits for the purchase, told once, and so many page views."""

    def buy(views: int) -> None:
        page = visit.page()
        page.goto(site.url)
        site.wait_for("PageView", MERGED, lambda: page.wait_for_timeout(50))
        page.get_by_role("button").click()
        site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
        site.wait_for("PageView", MERGED * views, lambda: page.wait_for_timeout(50))
        page.wait_for_timeout(300)
        assert [(one["counted"], one["repeats"]) for one in site.of("Purchase")] == [(1, 0)] * 3
        assert len(site.of("PageView")) == 3 * views
        assert visit.complaints == []

    return buy


def sells(site: Site, answer: Callable[[], Any]) -> None:
    site.app.add_url_rule("/buy", "buy", lambda: (site.buy("1001")(), answer())[1], methods=["POST"])


@pytest.mark.parametrize("way", PARTS)
def test_a_part_of_a_page_shows_the_purchase_of_the_page(site: Site, told: Callable[..., None], way: str) -> None:
    """A form in the part leads to a whole page of which the part alone is taken: its purchase is told, once; it is a
    page view only where it has an address of its own."""
    head, part, form, views = PARTS[way]
    site.page("/", part.format(form), head)
    site.page("/done", part.format("done"), head)
    sells(site, lambda: redirect("/done", 303))
    told(views)


def test_a_stream_that_a_frame_asked_for_shows_its_purchase(site: Site, told: Callable[..., None]) -> None:
    """A form in a Turbo frame whose answer is a stream with `head()` tells of its purchase, and of no page view."""
    site.page("/", f"<turbo-frame id=part>{FORM}</turbo-frame><div id=out></div>", TURBO)
    stream = "<turbo-stream action=append target=out><template>{{ pixeltwin.head() }}</template></turbo-stream>"
    sells(site, lambda: Response(render_template_string(stream), mimetype="text/vnd.turbo-stream.html"))
    told(1)
