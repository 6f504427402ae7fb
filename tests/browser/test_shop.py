"""The whole flow in real Chromium: the demo shop, its pixels, its server, the sandbox's verdicts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser.conftest import launched
from tests.browser.shop import A_LEASE, PATIENCE, RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("shop")]
LANDING = "/?rdt_cid=r1&ScCid=s1&epik=p1"
CLICK_IDS = {"reddit": "r1", "snap": "s1", "pinterest": "p1"}


@pytest.fixture(autouse=True)
def empty_sandbox(shop: RunningShop) -> None:
    shop.post("/api/reset")


class Shopper:
    """Somebody with a browser of his own. Every request to another host is blocked and noted."""

    def __init__(self, browser: Browser, shop: RunningShop, **context: Any) -> None:
        self.shop = shop
        self.context: BrowserContext = browser.new_context(**context)
        self.vendor_requests: list[str] = []
        self.foreign_requests: list[str] = []
        self.complaints: list[str] = []
        self.refuse_vendors = False
        self.context.route("**/*", self._route)
        self.page = self.new_page()
        shop.pause = lambda: self.page.wait_for_timeout(100)  # requests are answered only while Playwright runs

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, kind: str, text: str) -> None:
        if "Content Security Policy" in text or (kind == "error" and "ERR_FAILED" not in text):
            self.complaints.append(text)

    def _route(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        if f"{url.scheme}://{url.netloc}" != self.shop.url:
            self.foreign_requests.append(route.request.url)
            route.abort()
        elif re.match(r"/sandbox/(reddit|snap|pinterest)/", url.path):
            self.vendor_requests.append(route.request.url)
            if self.refuse_vendors:
                route.abort()
            else:
                route.continue_()
        else:
            route.continue_()

    def go(self, path: str) -> Response:
        response = self.page.goto(self.shop.url + path)
        assert response is not None
        self.stay()
        return response

    def choose(self, label: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=label).click()
        self.stay()

    def stay(self) -> None:
        """Until the page's pixels have told what they were called for: who leaves earlier has told only the server."""
        self.page.wait_for_load_state()
        self.page.wait_for_timeout(250)

    def land(self, path: str = LANDING, consent: str = "Accept") -> None:
        self.go(path)
        self.choose(consent)

    def add_to_cart(self) -> None:
        self.go("/")
        with self.page.expect_navigation():
            self.page.locator("main a[href*='/p/']").first.click()
        self.stay()
        self.choose("Add to cart")

    def buy(self, first_name: str = "Ada") -> float:
        """Fill the checkout and press the button; seconds until the thank-you page was there."""
        self.add_to_cart()
        self.go("/checkout")
        entered = {
            "email": "Ada.Lovelace@example.com",
            "phone": "+49 30 901820",
            "first_name": first_name,
            "last_name": "Lovelace",
            "street": "Park 1",
            "postal_code": "10115",
            "city": "Berlin",
        }
        for name, value in entered.items():
            self.page.locator(f"main [name={name}]").fill(value)
        began = time.monotonic()
        self.page.get_by_role("button", name="Buy now").click()
        self.page.wait_for_url("**/thanks/**")
        took = time.monotonic() - began
        self.stay()
        return took


@pytest.fixture
def shopper(request: pytest.FixtureRequest, chromium: Browser, shop: RunningShop) -> Iterator[Shopper]:
    """Its parameter "whole browser" gives him that, where the others have its headless shell."""
    own = launched(chromium) if getattr(request, "param", "") == "whole browser" else None
    person = Shopper(own or chromium, shop)
    yield person
    person.context.close()
    if own:
        own.close()
    assert not person.foreign_requests, "a page asked for something outside this machine"


def one_id(records: list[dict[str, Any]]) -> str:
    """The id that all records share: 64 lower-case hex characters."""
    ids = {record["id"] for record in records}
    assert len(ids) == 1, ids
    (found,) = ids
    assert re.fullmatch(r"[0-9a-f]{64}", found)
    return str(found)


@pytest.mark.parametrize("shopper", ["shell", "whole browser"], indirect=True)
def test_each_platform_counts_a_purchase_and_what_led_to_it_once(shop: RunningShop, shopper: Shopper) -> None:
    """Land, look, add, buy: three merged verdicts for each event, one id on all wires, click ids in the bodies."""
    shopper.land()
    shopper.buy()
    purchases = shop.wait_for_merged("Purchase")
    one_id(purchases)
    assert all(record["counted"] == 1 for record in purchases)
    one_id(shop.wait_for_merged("AddToCart"))
    one_id(shop.wait_for_merged("ViewContent"))
    shop.wait_for(lambda: len(shop.of("PageView")) >= 9, "page views on every page")
    shop.wait_for(lambda: {r["verdict"] for r in shop.of("PageView")} == {"merged"}, "merged page views")
    for record in purchases:
        assert CLICK_IDS[record["platform"]] in str(record["server"]["payload"])
        assert "lovelace" not in str(record["browser"]["payload"]).lower()
    assert not shopper.complaints


def test_the_same_value_and_order_stand_on_both_halves(shop: RunningShop, shopper: Shopper) -> None:
    """What the pixel says of the purchase and what the server says of it are equal, platform by platform."""
    shopper.land()
    shopper.buy()
    for record in shop.wait_for_merged("Purchase"):
        assert record["browser"]["value"] == record["server"]["value"] is not None
        if record["platform"] != "reddit":  # its API has no field for the order id
            assert record["browser"]["order_id"] == record["server"]["order_id"] is not None


def test_reload_back_and_a_second_tab_count_nothing_again(shop: RunningShop, shopper: Shopper) -> None:
    """The thank-you page reloaded, returned to and opened again fires no second Purchase."""
    shopper.land()
    shopper.buy()
    shop.wait_for_merged("Purchase")
    thanks = shopper.page.url
    shopper.page.reload()
    shopper.go("/")
    shopper.page.go_back()
    other = shopper.new_page()
    other.goto(thanks)
    other.reload()
    shop.wait_for(lambda: len(shop.of("PageView")) >= 3 * 5, "the later page views")
    purchases = shop.of("Purchase")
    assert [record["verdict"] for record in purchases] == ["merged"] * 3
    assert all(record["counted"] == 1 and record["repeats"] == 0 for record in purchases)


def test_two_orders_are_two_conversions(shop: RunningShop, shopper: Shopper) -> None:
    """The same person buying twice counts twice, with two ids."""
    shopper.land()
    shopper.buy()
    shop.wait_for_merged("Purchase")
    shopper.buy()
    ids = {record["id"] for record in shop.wait_for_merged("Purchase", times=2)}
    assert len(ids) == 2


def test_a_refusal_reaches_no_vendor_and_leaves_no_row(shop: RunningShop, shopper: Shopper) -> None:
    """Consent denied: not one request to any vendor, not one record, not one cookie of theirs or of pixeltwin."""
    before = rows(shop)
    shopper.land(consent="Only necessary")
    shopper.buy()
    shopper.page.wait_for_timeout(500)
    assert shopper.vendor_requests == []
    assert shop.conversions() == []
    names = {cookie.get("name", "") for cookie in shopper.context.cookies()}
    assert not {name for name in names if name.startswith(("pixeltwin", "_rdt", "_sc", "_epik", "_pin"))}
    assert rows(shop) == before


def test_before_the_answer_everything_waits_and_goes_when_it_comes(shop: RunningShop, shopper: Shopper) -> None:
    """Consent pending: a held row, nothing sendable and no vendor request; after the yes, both halves, merged."""
    before = rows(shop)
    shopper.land(consent="Ask me later")
    shopper.buy()
    shopper.page.wait_for_timeout(500)
    assert shopper.vendor_requests == [] and shop.conversions() == []
    assert rows(shop) > before
    shopper.go("/#cookies")
    shopper.choose("Accept")
    one_id(shop.wait_for_merged("Purchase"))


def test_a_hostile_name_is_only_a_name(shop: RunningShop, shopper: Shopper) -> None:
    """Script in a customer's search or name runs nowhere, and reaches the platforms as text."""
    hostile = "</script><script>window.pwned=1</script><!--\u2028'\"&"
    shopper.land()
    shopper.go("/")
    shopper.page.locator("[name=q]").first.fill(hostile)
    with shopper.page.expect_navigation():
        shopper.page.locator("[name=q]").first.press("Enter")
    shopper.stay()
    records = shop.wait_for_merged("Search")
    pinterest = next(record for record in records if record["platform"] == "pinterest")
    assert "window.pwned=1" in str(pinterest["server"]["payload"])
    shopper.buy(first_name=hostile)
    shop.wait_for_merged("Purchase")
    assert shopper.page.evaluate("window.pwned") is None
    assert not shopper.complaints


def test_a_phone_shows_every_word_of_whatever_length(shopper: Shopper) -> None:
    """Long words make no page wider than a phone, and what the drawer says of its conversions is not cut."""
    page, word = shopper.page, "Drachenschnur" * 5
    page.set_viewport_size({"width": 360, "height": 740})
    fits = "document.documentElement.scrollWidth <= innerWidth"
    shopper.go(f"/search?q={word}")
    cut = "one => one.scrollWidth > one.clientWidth"
    assert page.evaluate(fits) and not page.locator("#drawer-state").evaluate(cut)
    shopper.go("/account/new")
    page.locator("main [name=first_name]").fill(word)
    page.locator("main [name=email]").fill(f"{'a' * 60}@example.com")
    shopper.choose("Make an account")
    assert word in page.locator("h1").inner_text() and page.evaluate(fits)


def test_the_policy_of_every_page_is_kept(shop: RunningShop, shopper: Shopper) -> None:
    """Under a nonce policy without unsafe-inline no page has a violation, and the pixels load."""
    policies: list[str] = []
    shopper.page.on("response", lambda r: policies.append(r.headers.get("content-security-policy", "")))
    shopper.land()
    shopper.buy()
    shop.wait_for_merged("Purchase")
    assert any("nonce-" in policy for policy in policies)
    assert not any("unsafe-inline" in policy for policy in policies)
    assert not shopper.complaints


def test_blocked_vendors_cost_the_page_nothing_and_the_server_half_goes(shop: RunningShop, shopper: Shopper) -> None:
    """With an ad blocker the page is unhurt, and each platform gets the server half."""
    shopper.refuse_vendors = True
    shopper.land()
    shopper.buy()
    assert shopper.page.get_by_role("heading").first.is_visible()
    shop.wait_for(
        lambda: [record["verdict"] for record in shop.of("Purchase")] == ["server only"] * 3, "three server halves"
    )
    assert not shopper.complaints


def test_a_dead_platform_costs_the_page_nothing_and_is_told_later(shop: RunningShop, shopper: Shopper) -> None:
    """Reddit down: the page is as fast as before, the others merge, Reddit's half waits and goes when it is back."""
    shopper.land()
    usual = shopper.buy()
    shop.wait_for_merged("Purchase")
    shop.post("/api/faults", {"platform": "reddit", "fault": "timeout"})
    slow = shopper.buy()
    assert slow < usual + 8.0, "the page waited for a platform, which takes ten seconds to give up"

    def two_more() -> bool:
        merged = [one["platform"] for one in shop.of("Purchase") if one["verdict"] == "merged"]
        return sorted(merged) == ["pinterest", "pinterest", "reddit", "snap", "snap"]

    shop.wait_for(two_more, "Snap and Pinterest merged")
    shop.post("/api/faults", {"platform": "reddit", "fault": None})
    ids = {record["id"] for record in shop.wait_for_merged("Purchase", times=2)}
    assert len(ids) == 2


def test_a_server_killed_after_the_redirect_sends_its_halves_when_it_is_back(chromium: Browser, tmp_path: Path) -> None:
    """SIGKILL right after the order: after the restart the three server halves arrive, with the same id."""
    shop = RunningShop(tmp_path)
    try:
        shopper = Shopper(chromium, shop)
        shopper.land()
        for platform in CLICK_IDS:
            shop.post("/api/faults", {"platform": platform, "fault": "503"})
        shopper.buy()
        shop.kill()
        shop.restart()
        arrived = {"reddit", "snap", "pinterest"}
        shop.wait_for(
            lambda: {one["platform"] for one in shop.of("Purchase")} == arrived,
            "three server halves",
            PATIENCE + A_LEASE,
        )
        one_id(shop.of("Purchase"))
        shopper.context.close()
    finally:
        shop.stop()


def test_without_javascript_pinterest_has_its_image(chromium: Browser, shop: RunningShop) -> None:
    """A browser that runs no scripts asks for Pinterest's noscript image, and for nothing else of any vendor."""
    shopper = Shopper(chromium, shop, java_script_enabled=False)
    shopper.land()
    shopper.buy()
    shopper.page.wait_for_timeout(300)
    assert shopper.vendor_requests
    assert all("/pinterest/v3/" in url and "noscript=1" in url for url in shopper.vendor_requests)
    shopper.context.close()


def rows(shop: RunningShop) -> int:
    """How many conversions the shop's outbox holds."""
    import sqlite3

    with sqlite3.connect(f"file:{shop.data / 'shop.db'}?mode=ro", uri=True) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pixeltwin_conversion'").fetchone():
            return 0  # nobody has come yet
        (count,) = connection.execute("SELECT count(*) FROM pixeltwin_conversion WHERE record IS NOT NULL").fetchone()
    return int(count)
