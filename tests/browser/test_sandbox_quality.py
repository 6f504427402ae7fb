"""Match quality on the sandbox's page in real Chromium: live, by keyboard, at any width, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pixeltwin import AddToCart, Visitor
from pixeltwin.sandbox import create_sandbox
from tests.samples import AGENT, purchase
from tests.sandboxed import KINDS, Callers, conversion, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("sandbox-page")]
CONTRAST = Path(__file__).with_name("contrast.js")
GUEST = Visitor(ip_address="203.0.113.7", user_agent=AGENT)


@pytest.fixture
def sandbox() -> Iterator[Callers]:
    with serving(create_sandbox()) as callers:
        yield callers


def opened(visit: Visit, sandbox: Callers, view: str = "") -> Page:
    page = visit.page()
    page.set_default_timeout(10_000)
    page.goto(f"http://127.0.0.1:{sandbox.port}/{view}")
    page.locator("#line[data-state=live]").wait_for()
    return page


def cell(page: Page, card: str, signal: str, column: int) -> str:
    """What the table of a card says of a signal; column 0 is the server half's, 1 the browser half's."""
    return page.locator(f'[aria-label^="{card}"] tr', has_text=signal).locator("td").nth(column).inner_text().strip()


def test_match_quality_is_live_and_a_key_away(visit: Visit, sandbox: Callers) -> None:
    """One key turns to match quality, which follows what arrives without a reload; keys go through it and back."""
    page = opened(visit, sandbox)
    page.evaluate("window.unchanged = true")
    sandbox.both("reddit", conversion(purchase("1"), datetime.now(timezone.utc), visitor=GUEST))
    page.locator(".panel").wait_for()
    page.keyboard.press("q")
    page.locator('.match[aria-label="Reddit Purchase: 50 percent, fair"]').wait_for()
    assert not page.locator("#conversions").is_visible() and not page.locator("#filter").is_visible()
    assert page.get_by_role("link", name="Match quality").get_attribute("aria-current") == "page"
    assert cell(page, "Reddit Purchase", "email", 0) == "0 %"
    assert "Reddit reads it from user.email" in page.locator(".advice").inner_text()
    sandbox.server("reddit", conversion(purchase("2"), datetime.now(timezone.utc)))  # of somebody known by e-mail
    page.locator('[aria-label^="Reddit Purchase"] td', has_text="50 %").wait_for()
    assert (cell(page, "Reddit Purchase", "email", 0), cell(page, "Reddit Purchase", "email", 1)) == ("50 %", "0 %")
    sandbox.browser("pinterest", conversion(AddToCart(), datetime.now(timezone.utc)))
    page.locator('[aria-label^="Pinterest AddToCart"]').wait_for()
    assert (cell(page, "Pinterest AddToCart", "user agent", 0), cell(page, "Pinterest AddToCart", "user agent", 1)) == (
        "–",
        "100 %",
    )
    for expected in ("Pinterest", "Reddit"):
        page.keyboard.press("j")
        assert str(page.locator(".match:focus").get_attribute("aria-label")).startswith(expected)
    sandbox.server("pinterest", conversion(AddToCart(), datetime.now(timezone.utc)))
    page.locator('[aria-label^="Pinterest AddToCart"] thead', has_text="Server 1").wait_for()
    assert str(page.locator(".match:focus").get_attribute("aria-label")).startswith(
        "Reddit"
    )  # which stayed where it was
    page.get_by_label("Platform", exact=True).select_option("pinterest")
    page.wait_for_function("document.querySelectorAll('.match').length === 1")
    page.get_by_label("Platform", exact=True).select_option("")
    page.locator("h1").click()
    page.keyboard.press("q")
    page.locator(".panel").first.wait_for()
    page.go_back()
    page.locator(".match").first.wait_for()
    sandbox.post("/api/reset")
    page.locator("#empty").wait_for()
    page.locator(".match").first.wait_for(state="detached")
    assert page.evaluate("window.unchanged") and visit.complaints == [] and visit.foreign == []


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1280, "dark")])
def test_match_quality_fits_any_width(
    page_factory: Callable[..., Visit], sandbox: Callers, width: int, scheme: Any
) -> None:
    """At no width does match quality scroll sideways, and it can be read in light and in dark."""
    visit = page_factory(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for kind in KINDS:
        sandbox.both(kind, conversion(purchase(), datetime.now(timezone.utc)))
        sandbox.browser(kind, conversion(AddToCart(), datetime.now(timezone.utc), visitor=GUEST))
    page = opened(visit, sandbox, "#quality")
    page.locator(".match").nth(2 * len(KINDS) - 1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST.read_text(encoding="utf-8")) >= 4.5
    assert visit.complaints == []
