"""The shop's cart, which htmx changes in place, in real Chromium: told once, kept to the policy, usable by keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Visit
from tests.browser.shop import RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("shop")]
PLOVER, TAIL, REEL = "F4-PLO-60", "F4-TAIL-4", "F4-REEL-50"


@pytest.fixture
def page(shop: RunningShop, visit: Visit) -> Page:
    """Somebody who has said yes, and looks at a kite. `stayed` is set in the page, and gone with it."""
    shop.post("/api/reset")
    page = visit.page()
    shop.pause = lambda: page.wait_for_timeout(50)
    page.goto(shop.url + "/p/plover")
    with page.expect_navigation():
        page.get_by_role("button", name="Accept").click()
    shop.wait_for_merged("PageView")
    shop.wait_for_merged("ViewContent", times=2)  # before the answer and after it
    page.evaluate("window.stayed = true")
    return page


def add(page: Page) -> None:
    """Put the kite into the cart; the cart takes the place of its page."""
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_url("**/cart")
    page.locator("#cart-heading:focus").wait_for()


def in_cart(page: Page) -> str:
    return page.locator(".bag-count").inner_text()


def once(shop: RunningShop, name: str, times: int = 1) -> set[str]:
    """Each platform counts so many of this event, each of them once, and was told of none twice; their ids."""
    records = shop.wait_for_merged(name, times)
    assert all(one["counted"] == 1 and one["repeats"] == 0 for one in records)
    return {one["id"] for one in records}


def views_of_cart(shop: RunningShop) -> list[dict[str, Any]]:
    told = [one for one in shop.of("PageView") if one["server"]]
    return [one for one in told if '/cart"' in json.dumps(one["server"]["payload"])]


def tab_to(page: Page, id: str) -> None:
    """Press Tab until this element has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == id:
            return
    raise AssertionError(f"no Tab leads to {id}")


def focused(page: Page, id: str) -> None:
    """Wait until this element has the focus."""
    page.locator(f"[id='{id}']:focus").wait_for()


def said(page: Page, words: str) -> None:
    """Wait until the live region says this."""
    page.locator("#said", has_text=words).wait_for(state="attached")


@pytest.mark.parametrize("landing", ["/p/plover", "/first-kite"], ids=["by nonce", "cached"])
def test_a_thing_added_by_htmx_is_told_once_and_back_tells_nothing(
    shop: RunningShop, page: Page, visit: Visit, landing: str
) -> None:
    """The cart comes without a page load under its own URL, one conversion and one view; the way back and forward
    restores both pages and tells nothing, and no policy is violated."""
    if landing != "/p/plover":
        page.goto(shop.url + landing)
        shop.wait_for_merged("PageView", times=2)
        page.evaluate("window.stayed = true")
    page.locator("main form button", has_text="Add").first.click()
    page.wait_for_url("**/cart")
    assert page.title() == "Cart – Force Four"
    once(shop, "AddToCart")
    shop.wait_for(lambda: [one["verdict"] for one in views_of_cart(shop)] == ["merged"] * 3, "a view of the cart")
    told = len(shop.conversions())
    page.go_back()
    page.get_by_role("button", name="Add").first.wait_for()
    assert page.url.endswith(landing) and page.title() != "Cart – Force Four"
    page.go_forward()
    page.locator("#cart-heading").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("window.stayed") and in_cart(page) == "1"
    assert len(shop.conversions()) == told and len(views_of_cart(shop)) == 3
    assert all(one["repeats"] == 0 for one in shop.conversions())
    assert visit.complaints == [] and visit.foreign == []


def test_the_cart_changes_without_a_page_load(shop: RunningShop, page: Page, visit: Visit) -> None:
    """One merged conversion for each thing added, none for a quantity or a removal, and none again by a reload."""
    add(page)
    for number, thing in enumerate(("Bow tail", "Beech reel"), 2):
        page.get_by_role("button", name=f"Add {thing}").click()
        once(shop, "AddToCart", times=number)
        assert in_cart(page) == str(number)
    page.get_by_label("Quantity of Plover").fill("3")
    page.keyboard.press("Enter")
    page.get_by_text("€102.00").wait_for()
    page.get_by_role("button", name="Remove Bow tail").click()
    page.get_by_role("button", name="Add Bow tail").wait_for()
    assert in_cart(page) == "4" and page.get_by_label("Quantity of Plover").input_value() == "3"
    page.locator("#conversions summary").click()
    assert page.locator(".drawer-list > li b", has_text="AddToCart").count() == 3
    assert page.locator(".drawer-count").inner_text() == str(page.locator(".drawer-list > li").count())
    assert page.evaluate("window.stayed")
    page.reload()
    page.wait_for_timeout(300)
    once(shop, "AddToCart", times=3)
    assert visit.complaints == []


def test_the_keyboard_never_loses_its_place(page: Page, visit: Visit) -> None:
    """Whatever a swap takes away, the focus is on the same control or on its neighbour, and what changed is said."""
    tab_to(page, "quantity")
    page.keyboard.press("Enter")
    focused(page, "cart-heading")
    said(page, "Plover is in the cart. 1 in the cart, €38.90.")
    tab_to(page, f"add-{REEL}")
    page.keyboard.press("Enter")
    focused(page, f"add-{TAIL}")
    said(page, "Beech reel is in the cart. 2 in the cart")
    page.keyboard.press("Shift+Tab")
    focused(page, f"about-{TAIL}")
    tab_to(page, f"quantity-{PLOVER}")
    for number in (2, 3):
        page.keyboard.press("ArrowUp")
        said(page, f"Plover: {number}.")
        focused(page, f"quantity-{PLOVER}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said(page, "Plover: removed. 1 in the cart")
    focused(page, f"remove-{REEL}")
    page.keyboard.press("Enter")
    said(page, "The cart is empty.")
    focused(page, "cart-heading")
    assert page.evaluate("window.stayed")
    assert visit.complaints == []


def test_haste_puts_nothing_in_twice_and_the_newest_wish_counts(shop: RunningShop, page: Page) -> None:
    """A double click adds one thing, and of two quantities the later one stays, however slow the first answer is."""
    add(page)
    held: list[Route] = []
    page.route("**/cart/*", lambda route: held.append(route))
    page.get_by_role("button", name="Add Bow tail").dblclick()
    page.wait_for_timeout(100)
    [adding] = held
    adding.continue_()
    page.get_by_label("Quantity of Bow tail").wait_for()
    for waiting, number in ((2, "5"), (3, "4")):
        page.get_by_label("Quantity of Plover").fill(number)
        page.get_by_label("Quantity of Plover").dispatch_event("change")
        shop.wait_for(lambda waiting=waiting: len(held) == waiting, "a request")  # type: ignore[misc]
    held[-1].continue_()
    page.get_by_text("€136.00").first.wait_for()
    assert in_cart(page) == "5"
    once(shop, "AddToCart", times=2)


def test_a_request_that_fails_is_said_and_sent_no_second_time(shop: RunningShop, page: Page) -> None:
    """When the shop cannot be reached the page says so, keeps what it shows, and works when it can be reached again."""
    add(page)
    page.route("**/cart/add", lambda route: route.abort())
    page.get_by_role("button", name="Add Bow tail").click()
    page.get_by_role("alert").get_by_text("That did not work").wait_for()
    assert in_cart(page) == "1"
    page.unroute("**/cart/add")
    page.get_by_role("button", name="Add Bow tail").click()
    page.get_by_label("Quantity of Bow tail").wait_for()
    assert in_cart(page) == "2" and page.get_by_role("alert").count() == 0
    once(shop, "AddToCart", times=2)


def test_without_javascript_the_cart_is_a_page(shop: RunningShop, page_factory: Callable[..., Any]) -> None:
    """Added, changed and removed by plain forms that lead to the cart."""
    page = page_factory(java_script_enabled=False).page()
    page.goto(shop.url + "/p/plover")
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_url("**/cart")
    page.get_by_role("button", name="Add Bow tail").click()
    page.get_by_label("Quantity of Plover").fill("2")
    page.get_by_role("button", name="Update").first.click()
    page.get_by_text("€68.00").wait_for()
    assert in_cart(page) == "3"
    for name in ("Plover", "Bow tail"):
        page.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_text("There is nothing in it yet").wait_for()
