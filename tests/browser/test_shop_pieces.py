"""The shop's cached page, a click and "ask me later", in real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.shop import RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("shop")]
LANDING = "/first-kite?rdt_cid=r1&ScCid=s1&epik=p1"
CLICK_IDS = {"reddit": "r1", "snap": "s1", "pinterest": "p1"}
TWO = ["Plover", "Skylark"]


@pytest.fixture
def visitor(shop: RunningShop, page_factory: Callable[..., Any]) -> Callable[[], tuple[Page, list[str]]]:
    """Makes somebody on the landing page: his page, and the requests it makes to vendors."""
    shop.post("/api/reset")

    def make() -> tuple[Page, list[str]]:
        visit = page_factory()
        page: Page = visit.page()
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url) if vendors(one.url) else None)
        page.on("pageerror", lambda error: asked.append(f"an error: {error}"))
        shop.pause = lambda: page.wait_for_timeout(50)
        page.goto(shop.url + LANDING)
        page.get_by_role("button", name="Accept").wait_for()
        return page, asked

    return make


def vendors(url: str) -> bool:
    return any(f"/sandbox/{name}/" in url for name in CLICK_IDS)


def answer(page: Page, choice: str) -> None:
    """What the banner is told; it goes away, and the page stays."""
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name=choice).click()
    page.locator("#cookies.answered").wait_for(state="attached")
    assert page.evaluate("window.stayed")


def test_two_visitors_of_the_cached_page_have_their_own_ids(shop: RunningShop, visitor: Any) -> None:
    """The page is one; each view and each wish is that visitor's own conversion, merged, with his click id."""
    for product in TWO:
        page, _ = visitor()
        answer(page, "Accept")
        page.locator("li", has_text=product).get_by_role("button", name="Keep for a windy day").click()
        assert page.get_by_text("Kept on this device").count() == 1
    for event in ("PageView", "AddToWishlist"):
        records = shop.wait_for_merged(event, times=2)
        assert len({one["id"] for one in records}) == 2
        for one in records:
            assert CLICK_IDS[one["platform"]] in str(one["server"]["payload"])


@pytest.mark.parametrize("choice", ["Only necessary", "Ask me later"])
def test_who_has_not_agreed_is_told_of_to_nobody(shop: RunningShop, visitor: Any, choice: str) -> None:
    """Refused or put off: a click and a thing in the cart reach no vendor; who agrees later is told of then."""
    page, asked = visitor()
    answer(page, choice)
    page.get_by_role("button", name="Keep for a windy day").first.click()
    with page.expect_navigation():
        page.get_by_role("button", name="Add for").first.click()
    page.get_by_role("button", name="Add Bow tail").click()
    page.get_by_text("Nine bows").wait_for()
    page.wait_for_timeout(300)
    assert asked == [] and shop.conversions() == []
    if choice == "Ask me later":
        page.goto(shop.url + "/first-kite")
        page.get_by_text("You wanted to be asked later").wait_for(state="attached")
        page.get_by_role("link", name="Cookie choice").click()
        answer(page, "Accept")
        assert len({one["id"] for one in shop.wait_for_merged("AddToCart", times=2)}) == 2
