"""A page of XHTML, which a browser reads as XML, in real Chromium: both halves, as on any page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, render_template_string

from tests.browser.site import CART, Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
PAGE = """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Thanks</title>{{ pixeltwin.head() }}</head>
<body><button {{ pixeltwin.on("click", CART) }}>Buy & Co</button></body></html>""".replace("&", "&amp;")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.stop()


def test_pixels_and_clicks_work_in_xhtml(site: Site, visit: Any) -> None:
    """A purchase, the view and a click are told once, and images for browsers without scripts stay where they are."""

    @site.app.get("/")
    def thanks() -> Response:
        site.buy("1001")()
        return Response(render_template_string(PAGE, CART=CART), mimetype="application/xhtml+xml")

    page, asked = visit.page(), []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(site.url)
    page.get_by_role("button", name="Buy & Co").click()
    for event in ("Purchase", "PageView", "AddToCart"):
        records = site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
        assert {one["repeats"] for one in records} == {0}
    assert not [url for url in asked if "noscript" in url]
    assert visit.complaints == []
