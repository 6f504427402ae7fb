"""The sandbox's page in real Chromium: what arrives is seen, live, and stays text whatever it holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from pixeltwin import AddToCart, Consent, Item, Lead, Purchase, SignUp
from pixeltwin.sandbox import create_sandbox
from pixeltwin.snippet import render
from tests.browser.shop import free_port
from tests.samples import purchase
from tests.sandboxed import KINDS, Callers, conversion, platform, serving
from tests.test_sandbox_mounted import MOUNT, shop

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("sandbox-page")]
CONTRAST = Path(__file__).with_name("contrast.js")
HOSTILE = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>\"'`${window.stolen=1}"


@pytest.fixture
def sandbox() -> Iterator[Callers]:
    with serving(create_sandbox()) as callers:
        yield callers


def open_page(visit: Visit, sandbox: Callers) -> Page:
    page = visit.page()
    page.set_default_timeout(10_000)
    page.goto(f"http://127.0.0.1:{sandbox.port}/")
    page.locator("#line[data-state=live]").wait_for()
    return page


@pytest.fixture
def page(visit: Visit, sandbox: Callers) -> Iterator[Page]:
    opened = open_page(visit, sandbox)
    yield opened
    assert visit.foreign == []
    assert visit.complaints == []


def now() -> datetime:
    return datetime.now(timezone.utc)


def test_conversions_arrive_without_a_reload(page: Page, sandbox: Callers) -> None:
    """Each half shows up in the open page as it arrives, and the verdict changes where it stands."""
    page.evaluate("window.unchanged = true")
    assert page.locator("#empty").is_visible()
    said = conversion(purchase(), now())
    sandbox.browser("reddit", said)
    page.locator('.panel[data-verdict="browser only"]').wait_for()
    assert not page.locator("#empty").is_visible()
    sandbox.server("reddit", said)
    page.locator('.panel[data-verdict="merged"]').wait_for()
    assert page.locator(".panel").count() == 1
    assert "Purchase" in page.locator(".card h3").inner_text()
    assert page.evaluate("window.unchanged")


def test_platforms_stand_side_by_side(page: Page, sandbox: Callers) -> None:
    """One conversion is one card with a panel for each platform, and each says its verdict and its reason."""
    said = conversion(purchase(), now())
    for kind in KINDS:
        sandbox.both(kind, said)
    page.locator(".panel[data-verdict=merged]").nth(len(KINDS) - 1).wait_for()
    assert page.locator(".card").count() == 1
    tops = page.evaluate("[...document.querySelectorAll('.panel')].map((panel) => panel.getBoundingClientRect().top)")
    assert len(set(tops)) == 1
    for index in range(len(KINDS)):
        assert page.locator(".panel .reason").nth(index).inner_text().endswith(".")
    page.locator("#news", has_text=": merged").wait_for(state="attached")  # said to those who cannot see it


def test_hostile_names_stay_text(page: Page, sandbox: Callers) -> None:
    """Markup in names, IDs, events and payloads is shown as the text it is; nothing of it runs."""
    items = [Item(id=HOSTILE, name=HOSTILE, category=HOSTILE, brand=HOSTILE, price="1", quantity=1)]
    event = Purchase(order_id=HOSTILE, value="1", currency="EUR", items=items)
    for kind in KINDS:
        sandbox.both(kind, conversion(event, now(), id=HOSTILE))
    sandbox.send("GET", f"/reddit/rp.gif?id=a2_x&event={HOSTILE.replace('&', '')}&m.conversionId=1".replace(" ", "%20"))
    sandbox.send("POST", "/snap/<img%20src=x%20onerror=window.stolen=1>", b"{}")
    page.locator(".panel").nth(len(KINDS)).wait_for()
    for button in page.locator(".opener").all():
        button.click()
    page.locator("#notices summary").click()
    assert page.locator("pre", has_text="onerror=window.stolen").count() >= 2
    assert page.locator("#conversions img, #notices img, #conversions script").count() == 0
    page.wait_for_timeout(100)
    assert page.evaluate("window.stolen") is None


def test_payloads_are_one_click_away(page: Page, sandbox: Callers) -> None:
    """A click opens both payloads beside each other, and they stay open when the record changes."""
    said = conversion(purchase(), now())
    sandbox.browser("snap", said)
    opener = page.get_by_role("button", name="Fields and payloads")
    opener.click()
    assert page.locator(".drawer pre").count() == 1
    sandbox.server("snap", said)
    page.locator(".drawer pre").nth(1).wait_for()
    left, right = (page.locator(".drawer pre").nth(index) for index in (0, 1))
    assert '"cdid"' in left.inner_text()
    assert '"event_id"' in right.inner_text()
    assert page.locator(".drawer [data-compared=different]").count() == 0
    assert opener.get_attribute("aria-expanded") == "true"
    assert opener.evaluate("button => button === document.activeElement")
    opener.click()
    assert page.locator(".drawer").count() == 0


def test_filter_by_keyboard_and_by_verdict(page: Page, sandbox: Callers) -> None:
    """The slash key leads to the filter, which finds by order; the buttons show one verdict alone."""
    sandbox.both("reddit", conversion(purchase("1001"), now()))
    sandbox.browser("pinterest", conversion(purchase("2002"), now()))
    page.locator(".card").nth(1).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("2002 pinterest")
    assert page.locator(".card").count() == 1
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("nothing like it")
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".card").count() == 2
    page.get_by_role("button", name="Merged 1").click()
    assert page.locator(".card .panel").get_attribute("data-verdict") == "merged"


def test_clock_faults_and_reset_are_at_hand(page: Page, sandbox: Callers) -> None:
    """Clock, faults and reset work from the page, and the page shows what others set."""
    page.get_by_role("button", name="+25 h").click()
    page.get_by_text("25 h ahead").wait_for()
    tile = page.locator(".tile", has_text="Snap")
    tile.get_by_label("Answers").select_option("503")
    page.locator(".tile.faulty").wait_for()
    tile.get_by_label("to its").select_option("both")
    both = [{"platform": "snap", "half": half, "fault": "503", "retry_after": None} for half in ("browser", "server")]
    wait_until(page, lambda: sandbox.send("GET", "/api/faults").json["faults"] == both)
    sandbox.both("reddit", conversion(purchase(), now()))
    assert sandbox.server("snap", conversion(purchase(), now())).status == 503
    page.get_by_text("lost: 503").wait_for(state="attached")
    page.get_by_role("button", name="Reset").click()
    page.locator("#empty").wait_for()
    page.get_by_text("Real time").wait_for()
    assert page.locator(".tile.faulty").count() == 0
    sandbox.fault("reddit", "418")
    page.locator(".tile.faulty", has_text="Reddit").wait_for()
    assert tile.get_by_label("Answers").input_value() == ""
    assert page.locator(".tile", has_text="Reddit").get_by_label("Answers").input_value() == "418"


def test_the_keyboard_goes_everywhere(page: Page, sandbox: Callers) -> None:
    """By keyboard alone one goes from conversion to conversion, opens and closes them, searches and finds help."""
    for order in ("1", "2", "3"):
        sandbox.both("reddit", conversion(purchase(order), now()))
    page.locator(".card").nth(2).wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    assert "order" in page.locator(".card:focus header").inner_text()
    assert page.locator(".card").nth(1).evaluate("card => card === document.activeElement")
    page.keyboard.press("Enter")
    page.locator(".card:focus .drawer .fields").wait_for()
    page.keyboard.press("Enter")
    assert page.locator(".drawer").count() == 0
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("j")  # nothing moves behind the help
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="hidden")
    page.keyboard.press("/")
    page.keyboard.type("j")
    assert page.locator("#filter").input_value() == "j"
    page.keyboard.press("Escape")
    assert page.locator("#filter").evaluate("input => input !== document.activeElement")


def test_filters_by_platform_and_by_event(page: Page, sandbox: Callers) -> None:
    """One platform's panels, or one event's conversions, can be looked at alone."""
    said = conversion(purchase(), now())
    for kind in KINDS:
        sandbox.both(kind, said)
    sandbox.both("snap", conversion(AddToCart(), now()))
    page.locator(".card").nth(1).wait_for()
    page.get_by_label("Platform", exact=True).select_option("pinterest")
    assert page.locator(".panel").count() == 1
    page.get_by_label("Platform", exact=True).select_option("")
    page.get_by_label("Event", exact=True).select_option("AddToCart")
    assert page.locator(".card h3").all_inner_texts() == ["AddToCart"]
    page.get_by_label("Platform", exact=True).select_option("reddit")
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".card").count() == 2


def test_what_differs_is_marked_and_the_twin_is_shown(page: Page, sandbox: Callers) -> None:
    """Beside a lone half stands the one that was meant as its twin: equal, different and missing fields are marked."""
    sandbox.browser("pinterest", conversion(SignUp(value="1", currency="EUR", order_id="7"), now(), id="c-1001"))
    sandbox.server("pinterest", conversion(Lead(value="2", currency="EUR"), now(), id="c-1001"))
    page.locator(".panel").nth(1).wait_for()
    page.locator(".opener").first.click()
    page.locator(".drawer .fields").wait_for()
    states = page.locator(".fields tr[data-compared]").evaluate_all("rows => rows.map((row) => row.dataset.compared)")
    assert {"equal", "different", "missing in server"} <= set(states)
    assert page.locator(".fields .decides th").all_inner_texts() == ["event decides"]
    assert page.locator(".drawer pre .mark-different").count() == 4  # event and value, in both payloads
    assert page.locator("figcaption", has_text="Perhaps its twin").count() == 1
    page.get_by_role("button", name="The other half").first.click()
    page.locator(".panel.pointed").wait_for()


def test_a_life_is_told_in_order(page: Page, sandbox: Callers) -> None:
    """The drawer tells what happened to a conversion, with what was lost to a fault on the way."""
    said = conversion(purchase(), now())
    sandbox.browser("snap", said)
    sandbox.fault("snap", "503")
    sandbox.server("snap", said)
    sandbox.fault("snap", None)
    page.get_by_role("button", name="Fields and payloads").click()
    page.locator(".timeline [data-what=lost]", has_text="503").wait_for()
    sandbox.server("snap", said)
    page.locator(".timeline [data-what=merged]").wait_for()
    assert page.locator(".timeline li strong").all_inner_texts() == ["fired", "lost", "sent", "merged"]


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_fits_any_width(page_factory: Callable[..., Visit], sandbox: Callers, width: int, scheme: Any) -> None:
    """At no width does the page scroll sideways, and its text stands out from its ground in light and in dark."""
    visit = page_factory(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = open_page(visit, sandbox)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    said = conversion(purchase("o" * 200), now(), id="x" * 256)
    for kind in KINDS:
        sandbox.both(kind, said)
    page.locator(".panel").nth(len(KINDS) - 1).wait_for()
    page.locator(".opener").first.click()
    page.locator(".drawer .fields").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST.read_text(encoding="utf-8")) >= 4.5
    assert visit.complaints == []


@contextmanager
def process(port: int) -> Iterator[Callers]:
    """A sandbox in a process of its own, killed at the end as a developer's Ctrl+C or a crash would."""
    code = f"from pixeltwin.sandbox import serve; serve({port})"
    running = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert running.stdout
        assert b"http://" in running.stdout.readline()
        yield Callers(None, port=port)
    finally:
        running.kill()
        running.communicate()


def test_page_finds_its_way_back(visit: Visit) -> None:
    """When the sandbox is started again, the open page connects by itself and shows what the new one has."""
    port = free_port()
    with process(port) as before:
        before.both("reddit", conversion(purchase("1"), now()))
        page = open_page(visit, before)
        page.locator(".card").wait_for()
    page.locator("#line[data-state=lost]").wait_for()
    with process(port) as after:
        after.both("snap", conversion(purchase("2"), now()))
        page.get_by_text("order 2").wait_for()
        assert page.locator(".card").count() == 1
    assert visit.foreign == []


def test_pixels_of_a_shop_on_another_origin_merge(visit: Visit, sandbox: Callers) -> None:
    """A shop on another port loads the sandbox's pixel scripts, and what they send merges with its server half."""
    base = f"http://127.0.0.1:{sandbox.port}"
    said = conversion(purchase(), now())
    pixels = [platform(kind, base) for kind in KINDS]
    shop = Flask("shop")
    snippet = render(pixels, lambda _: [said], visitor=said.visitor, consent=Consent.granted())
    shop.add_url_rule("/", view_func=lambda: f"<!doctype html><title>Thanks</title>{snippet}")
    for kind in KINDS:
        sandbox.server(kind, said)
    with serving(shop) as served:
        visit.page().goto(f"http://localhost:{served.port}/")
        page = open_page(visit, sandbox)
        page.locator(".panel[data-verdict=merged]").nth(len(KINDS) - 1).wait_for()
    assert [record["repeats"] for record in sandbox.records()] == [0] * len(KINDS)
    assert visit.foreign == []


# What a shop writes by hand, the ID under a name that the pixel does not know; and the sentence that tells it so.
WRONG_CALLS = {
    "snap": (
        "snaptr('init', '2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11'); snaptr('track', 'ADD_CART', {event_id: 'cart-77'});",
        "snaptr=function(){snaptr.handleRequest?snaptr.handleRequest.apply(snaptr,arguments):snaptr.queue.push(arguments)};"
        "snaptr.queue=[];",
        "Snap reads the ID from client_dedup_id; the browser call carried it as event_id, which the pixel drops.",
    ),
    "reddit": (
        "rdt('init', 'a2_shop'); rdt('track', 'AddToCart', {conversion_id: 'cart-77'});",
        "rdt=function(){rdt.sendEvent?rdt.sendEvent.apply(rdt,arguments):rdt.callQueue.push(arguments)};rdt.callQueue=[];",
        "Reddit reads the ID from conversionId; the browser call carried it as conversion_id, which the pixel drops.",
    ),
}


@pytest.mark.parametrize("kind", WRONG_CALLS)
def test_what_a_pixel_drops_is_told(page: Page, sandbox: Callers, visit: Visit, kind: str) -> None:
    """A hand-written call with its ID under a wrong name is explained by what the call said, not only by what came."""
    call, stub, said = WRONG_CALLS[kind]
    pixels = platform(kind, f"http://127.0.0.1:{sandbox.port}")
    shop = Flask("shop")
    loader = f"<script>{stub}{call}</script><script src='{pixels.script_url}'></script>"
    shop.add_url_rule("/", view_func=lambda: f"<!doctype html><title>Cart</title><body>{loader}")
    with serving(shop) as served:
        visit.page().goto(f"http://localhost:{served.port}/")
        page.locator('.panel[data-verdict="browser only"]').wait_for()
    settings = {"snap": {"pixel_id": "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"}, "reddit": {}}[kind]
    sandbox.server(kind, conversion(AddToCart(), now(), id="cart-77"), **settings)
    page.locator(".reason", has_text=said).wait_for()
    page.locator(".opener").first.click()
    page.locator(".drawer .mark-dropped", has_text="cart-77").wait_for()


def test_an_application_in_development_shows_its_own(visit: Visit) -> None:
    """With PIXELTWIN_SANDBOX=1 alone, a purchase in a real browser merges everywhere, seen below the shop's address."""
    app = shop(PIXELTWIN_WORKER="thread")
    with serving(app) as served, closing(app.extensions["pixeltwin"].tracker):
        base = f"http://127.0.0.1:{served.port}"
        visit.page().goto(f"{base}/buy")
        page = visit.page()
        page.goto(f"{base}{MOUNT}/")
        page.locator(".panel[data-verdict=merged]").nth(len(KINDS) - 1).wait_for()
        page.locator(".opener").first.click()
        page.locator(".timeline [data-what=tracked]").wait_for()
    assert visit.foreign == []
    assert visit.complaints == []
