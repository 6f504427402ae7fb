"""A site below a path of its host, in real Chromium: nothing is asked for above it, and everything arrives."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
NOWHERE = Response(status=404)


@pytest.mark.parametrize("cached", ["", "cached=True"], ids=["a page of his own", "a page that a cache keeps"])
def test_a_site_below_a_path_works_as_any(site: Site, visit: Any, cached: str) -> None:
    """A purchase, the page's view and a click reach all platforms on both sides, and no address is missing."""
    site.page(
        "/",
        "<button {{ pixeltwin.on('click', CART) }}>Buy</button>",
        f"{{{{ pixeltwin.head({cached}) }}}}",
        site.buy("1"),
    )
    site.app.wsgi_app = DispatcherMiddleware(NOWHERE, {"/shop": site.app.wsgi_app})  # type: ignore[method-assign]
    page = visit.page()
    page.goto(f"{site.url}/shop/")
    for event in ("Purchase", "PageView"):
        site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
    page.get_by_role("button").click()
    site.wait_for("AddToCart", MERGED, lambda: page.wait_for_timeout(50))
    assert visit.complaints == []
