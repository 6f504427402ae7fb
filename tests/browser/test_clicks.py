"""What happens in a page, in real Chromium: clicks, forms, scripts, htmx and Turbo; one id for both halves, once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Response, jsonify, redirect, render_template_string, request
from playwright.sync_api import Page

from pixeltwin import Consent
from tests.browser.site import CART, Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
BUTTON = "<button {{ pixeltwin.on('click', CART) }}>Buy</button>"


@pytest.fixture
def page(visit: Any) -> Page:
    opened: Page = visit.page()
    return opened


@pytest.fixture
def told(site: Site, page: Page) -> Callable[..., list[dict[str, Any]]]:
    """Waits for the records of an event, merged unless said otherwise."""
    return lambda name, verdicts=MERGED: site.wait_for(name, verdicts, lambda: page.wait_for_timeout(50))


def ids(records: list[dict[str, Any]]) -> set[str]:
    return {record["id"] for record in records}


def test_each_click_is_one_conversion_on_both_sides(site: Site, page: Page, visit: Any, told: Any) -> None:
    """A button clicked twice makes two conversions, each with one id on three platforms, with equal values."""
    site.page("/", BUTTON)
    page.goto(site.url)
    page.get_by_role("button").click()
    first = told("AddToCart")
    assert len(ids(first)) == 1
    assert all(one["browser"]["value"] == one["server"]["value"] == 59.9 for one in first)
    page.get_by_role("button").click()
    assert len(ids(told("AddToCart", MERGED * 2))) == 2
    assert page.evaluate("localStorage.pixeltwin") is None  # only what might come twice is remembered
    assert visit.complaints == []


def test_a_keyed_event_counts_once_however_often_it_is_clicked(site: Site, page: Page, told: Any) -> None:
    """A descriptor with a natural key carries its own id: clicks, a reload and another tab add nothing."""
    site.page("/", "<button {{ pixeltwin.on('click', CART, key='cart-7') }}>Send</button>")
    page.goto(site.url)
    for views in (1, 2):
        told("PageView", MERGED * views)  # the vendors' scripts are there, and have sent what they had
        page.get_by_role("button").dblclick()
        told("AddToCart")
        page.wait_for_timeout(300)  # a reload would cut off what they have only begun to send
        page.reload()
    told("PageView", MERGED * 3)
    records = site.of("AddToCart")
    assert len(records) == 3
    assert all(one["counted"] == 1 and one["repeats"] == 0 for one in records)


def test_a_form_that_navigates_away_at_once_is_told(site: Site, page: Page, told: Any) -> None:
    """A form whose answer is another page loses no server half, and nothing is counted twice."""
    site.page("/", "<form action=/next method=post {{ pixeltwin.on('submit', CART) }}><button>Go</button></form>")
    site.page("/thanks")
    site.app.add_url_rule("/next", "next", lambda: redirect("/thanks"), methods=["POST"])
    page.goto(site.url)
    told("PageView")
    page.get_by_role("button").click()
    page.wait_for_url("**/thanks")
    told("PageView", MERGED * 2)
    page.wait_for_timeout(300)
    records = site.of("AddToCart")
    assert len(records) == 3 and len(ids(records)) == 1
    assert all(one["server"] and one["counted"] == 1 for one in records)


def test_a_form_that_is_sent_by_a_double_click_is_one_conversion(site: Site, page: Page, told: Any) -> None:
    """The browser posts it once, and so it is told; one that the page's script sends is told as often as that does."""
    posts: list[str] = []
    form = "<form action=/sent method=post {{ pixeltwin.on('submit', CART) }}><button>Go</button></form>"
    site.page("/", form + "<script>if (location.search) onsubmit = event => event.preventDefault()</script>")

    @site.app.post("/sent")
    def sent() -> tuple[str, int]:
        time.sleep(0.3)
        posts.append("")
        return "", 204

    page.goto(site.url)
    told("PageView")
    page.get_by_role("button").dblclick()
    told("AddToCart")
    page.wait_for_timeout(400)
    assert len(posts) == 1 and len(site.of("AddToCart")) == 3
    page.goto(f"{site.url}/?script")
    told("PageView", MERGED * 2)
    page.get_by_role("button").dblclick()
    assert len(ids(told("AddToCart", MERGED * 3))) == 3


def test_a_single_page_application_tracks_what_the_server_signed(site: Site, page: Page, told: Any) -> None:
    """`pixeltwin.track` takes a descriptor that was fetched as JSON."""
    site.page("/")
    site.app.add_url_rule("/describe", "describe", lambda: jsonify(site.twin.descriptor(CART)))
    page.goto(site.url)
    page.evaluate("fetch('/describe').then(answer => answer.json()).then(pixeltwin.track)")
    assert len(ids(told("AddToCart"))) == 1


def test_what_happens_before_the_vendors_come_is_told_when_they_do(site: Site, page: Page, told: Any) -> None:
    """Pixel scripts that load late tell of the click from before, with the id that the server has."""
    site.vendors.clear()
    site.page("/", BUTTON)
    page.goto(site.url, wait_until="domcontentloaded")
    page.wait_for_function("!!(window.pixeltwin && pixeltwin.track)")
    page.get_by_role("button").click()
    told("AddToCart", ["server only"] * 3)
    site.vendors.set()
    assert len(ids(told("AddToCart"))) == 1


def test_vendors_that_never_come_cost_nothing(site: Site, page: Page, visit: Any, told: Any) -> None:
    """With every pixel script blocked the page works, without an error of ours, and the server halves go."""
    page.route(re.compile(r"/sandbox/.*\.js"), lambda route: route.abort())
    site.page("/", BUTTON + "<script>addEventListener('click', () => document.title = 'clicked')</script>")
    page.goto(site.url)
    page.get_by_role("button").click()
    told("AddToCart", ["server only"] * 3)
    assert page.title() == "clicked"
    assert all("ERR_FAILED" in complaint for complaint in visit.complaints)


def test_a_forged_value_reaches_no_platform_from_the_server(site: Site, page: Page, told: Any) -> None:
    """Who edits the page's attribute changes his own pixel alone: the server half has what was signed."""
    site.page("/", BUTTON)
    page.goto(site.url)
    told("PageView")
    page.evaluate(
        "document.querySelector('button').dataset.pixeltwinClick ="
        " document.querySelector('button').dataset.pixeltwinClick.replaceAll('59.90', '9999.00')"
    )
    page.get_by_role("button").click()
    assert {one["server"]["value"] for one in told("AddToCart")} == {59.9}


@pytest.mark.parametrize("at", ["input", "span"])
def test_a_label_and_what_it_labels_are_one_click(site: Site, page: Page, told: Any, at: str) -> None:
    """The click that the browser makes of a click on a label is no second conversion; the next click is."""
    site.page("/", "<label {{ pixeltwin.on('click', CART) }}><input type=checkbox><span>add</span></label>")
    page.goto(site.url)
    told("PageView")
    for clicks in (1, 2):
        page.locator(at).click()
        told("AddToCart", MERGED * clicks)
        page.wait_for_timeout(200)
        assert len(ids(site.of("AddToCart"))) == clicks


def test_no_descriptor_is_no_error(site: Site, page: Page, visit: Any, told: Any) -> None:
    """`pixeltwin.track(null)`, as the server answers of who refused, does nothing."""
    site.page("/")
    page.goto(site.url)
    told("PageView")
    page.evaluate("pixeltwin.track(null)")
    assert visit.complaints == []


@pytest.mark.parametrize("name", ["toString", "reddit", "reddit:happened:r1:"])
def test_an_attribute_calls_no_function_but_the_pixels_own(site: Site, page: Page, told: Any, name: str) -> None:
    """HTML of users that was let through with its attributes runs nothing: a pixel's own function alone is called."""
    calls = [["reddit", "rdt", ["track", "Custom"]], [name, "danger", [], 1], [name, "setTimeout", ["danger()"], 2]]
    said = json.dumps({"event": "happened", "id": "r1", "fixed": True, "calls": calls})
    heard = "<script>var ran = 0; function danger() { ran += 1; }</script>"
    site.page("/", f"{heard}<b data-pixeltwin-click='{said}'>A comment</b>")
    page.goto(site.url)
    told("PageView")
    page.get_by_text("A comment").click()
    page.wait_for_timeout(50)
    assert page.evaluate("ran") == 0
    assert page.evaluate("Object.keys(JSON.parse(localStorage.pixeltwin))") == ["reddit:happened:r1:"]


# --- pages that change without loading -------------------------------------------------------------------------------


def test_buttons_that_htmx_brings_tell_and_its_fragments_show_conversions_once(
    site: Site, page: Page, visit: Any, told: Any
) -> None:
    """A swapped button works like one of the page; a fragment with `head()` fires its purchase once and is no view."""
    site.page(
        "/",
        "<button hx-get=/part hx-target=#t>Load</button><div id=t></div>",
        "{{ pixeltwin.head() }}<script src=/vendor/htmx.min.js></script>",
    )

    def part() -> str:
        site.buy("1001")()
        return render_template_string(
            "{{ pixeltwin.head() }}<a href=# {{ pixeltwin.on('click', CART) }}>Cart</a>", CART=CART
        )

    site.app.add_url_rule("/part", "part", part)
    page.goto(site.url)
    page.get_by_role("button").click()
    told("Purchase")
    page.get_by_role("link").click()
    told("AddToCart")
    page.get_by_role("button").click()
    page.wait_for_timeout(300)
    assert all(one["repeats"] == 0 for one in site.of("Purchase"))
    assert len(told("PageView")) == 3
    assert visit.complaints == []


def test_turbo_tells_of_each_page_once_and_of_no_preview_or_restoration(
    site: Site, page: Page, visit: Any, told: Any
) -> None:
    """A Turbo visit is a page view and shows its purchase; a preview of a known page and the way back tell nothing."""
    head = "<script src=/vendor/turbo.js></script>{{ pixeltwin.head() }}"
    site.page("/", "<a href=/thanks>buy</a>", head)
    site.page("/thanks", "<a href=/>home</a>" + BUTTON, head, before=site.buy("1001"))
    page.goto(site.url)
    told("PageView")
    page.get_by_role("link").click()
    told("Purchase")
    told("PageView", MERGED * 2)
    page.get_by_role("button").click()
    told("AddToCart")
    page.get_by_role("link").click()  # a preview of the known page comes first, then the page
    told("PageView", MERGED * 3)
    page.go_back()
    page.wait_for_url("**/thanks")
    page.get_by_role("button").click()
    told("AddToCart", MERGED * 2)
    page.wait_for_timeout(300)
    assert len(site.of("PageView")) == 9
    assert all(one["repeats"] == 0 for one in told("Purchase"))
    assert visit.complaints == []


def test_a_router_may_say_that_a_page_was_seen(site: Site, page: Page, told: Any) -> None:
    """`pixeltwin.view()` is one more page view, with an id of its own, under the URL that the router shows."""
    site.page("/")
    page.goto(site.url)
    told("PageView")
    page.evaluate("history.pushState({}, '', '/second'); pixeltwin.view()")
    records = told("PageView", MERGED * 2)
    assert len(ids(records)) == 2
    assert any("/second" in str(one["server"]["payload"]) for one in records)


def test_a_page_is_one_view_however_often_it_asks(site: Site, page: Page, told: Any) -> None:
    """`pixeltwin.claim()`, which many banners call on every load, shows what waits and tells no view a second time."""
    site.page("/")
    site.app.add_url_rule("/quiet", "quiet", lambda: (site.buy("1001")(), "bought")[1])
    page.goto(site.url)
    told("PageView")
    page.evaluate("fetch('/quiet').then(pixeltwin.claim).then(pixeltwin.claim)")
    told("Purchase")
    page.wait_for_timeout(300)
    assert len(site.of("PageView")) == 3


def test_the_event_of_the_page_says_what_pixels_were_told(site: Site, page: Page, told: Any) -> None:
    """`pixeltwin:conversion` comes with a click once its visitor has agreed, and not while no pixel has started."""
    site.twin.consent_loader(lambda: Consent("granted" if "agreed" in request.cookies else "pending"))
    site.page("/", BUTTON)
    page.goto(site.url)
    page.wait_for_function("!!(window.pixeltwin && pixeltwin.view)")
    page.evaluate("all = []; document.addEventListener('pixeltwin:conversion', event => all.push(event.detail.event))")
    page.get_by_role("button").click()
    assert page.evaluate("all") == []
    page.wait_for_timeout(300)  # the report is a beacon, whose answer no page hears
    page.evaluate("document.cookie = 'agreed=1'; pixeltwin.claim()")
    told("AddToCart")
    page.get_by_role("button").click()
    told("AddToCart", MERGED * 2)
    assert page.evaluate("all") == ["PageView", "AddToCart"]


def test_the_streamed_half_of_a_data_block_is_waited_for(site: Site, page: Page, told: Any) -> None:
    """A block that arrives in two pieces behind the script is read when it is whole."""

    def streamed() -> Response:
        site.buy("1001")()
        html = str(render_template_string("{{ pixeltwin.head() }}"))
        block, _, script = html.partition("</script>")
        half = len(block) // 2

        def pieces() -> Iterator[str]:
            yield f"<!doctype html><link rel=icon href=data:,>{script}<p>{'x' * 4096}</p>{block[:half]}"
            time.sleep(0.7)
            yield f"{block[half:]}</script>"

        return Response(pieces(), mimetype="text/html")

    site.app.add_url_rule("/streamed", "streamed", streamed)
    page.goto(f"{site.url}/streamed")
    told("Purchase")
