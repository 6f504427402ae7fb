"""Pages that the browser has a copy of, in real Chromium with its cache: what it shows is what holds now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Response, redirect, render_template_string, request

from pixeltwin import Consent
from tests.browser.site import ICON, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3


def test_a_copy_hides_no_conversion_and_brings_no_pixel_back(tmp_path: Any, chromium: Browser) -> None:
    """Back on an article of the same version the visitor's purchase is told, once, and after his refusal no vendor
    hears of him."""
    site = Site(tmp_path, PIXELTWIN_CONSENT="")
    site.twin.consent_loader(lambda: Consent.denied() if "no" in request.cookies else Consent.granted())

    @site.app.get("/article")
    def article() -> Response:
        response = Response(render_template_string(ICON + "{{ pixeltwin.head() }}An article"))
        response.set_etag("v1")
        response.make_conditional(request)
        return response

    @site.app.get("/buy")
    def buy() -> Any:
        site.buy("1")()
        return redirect("/article")

    context = chromium.new_context()  # a context whose requests are watched has no cache
    try:
        page = context.new_page()
        page.goto(f"{site.url}/article")
        page.goto(f"{site.url}/buy")
        site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
        context.add_cookies([{"name": "no", "value": "1", "url": site.url}])
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.goto(f"{site.url}/article")
        page.wait_for_timeout(500)
        assert not [url for url in asked if "/sandbox/" in url]
        assert all(one["repeats"] == 0 for one in site.of("Purchase"))
    finally:
        context.close()
        site.stop()
