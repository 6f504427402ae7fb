"""A page's address and its `<base>`, in real Chromium: where forms post once it was cleaned, and where paths lead."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import render_template_string, request
from playwright.sync_api import Page

from tests.browser.site import ICON, Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
HTMX = "<script src=/vendor/htmx.min.js></script>"
FORMS = {
    "none": "<form method=post><button>ok</button></form>",
    "empty": "<form method=post action=''><button>ok</button></form>",
    "button": "<form method=post action=/elsewhere><button formaction=''>ok</button></form>",
    "script": "<form method=post id=f></form><button onclick='f.submit()'>ok</button>",
    "Turbo": "<script src=/vendor/turbo.js></script><form method=post><button>ok</button></form>",
    "hx-post": f"{HTMX}<form hx-post=''><button>ok</button></form>",
    "boosted": f"{HTMX}<main></main>",
}
CLEANED = """!location.search.includes('token')
&& performance.getEntriesByType('resource').some(one => one.name.includes('/forms.js'))"""
BOOSTED = """document.querySelector('main').innerHTML = '<form method=post hx-boost=true><button>ok</button></form>';
htmx.process(document.body)"""


@pytest.fixture
def page(visit: Any) -> Page:
    opened: Page = visit.page()
    return opened


def test_a_form_without_an_action_posts_to_the_address_before_it_was_cleaned(site: Site, page: Page) -> None:
    """The token that the address bar lost is in what the form posts to, however it is sent; an address that the page
    took on later is its own, and so is an action."""

    @site.app.route("/reset", methods=["GET", "POST"])
    def reset() -> str:
        return render_template_string(f"<head>{ICON}{{{{ pixeltwin.head() }}}}</head>{FORMS[request.args['kind']]}")

    def posted() -> str:
        with page.expect_request(
            lambda one: one.method == "POST" and urlsplit(one.url).path in ("/reset", "/own")
        ) as sent:
            page.get_by_role("button").click()
        return sent.value.url.removeprefix(site.url)

    def opened(kind: str) -> None:
        page.goto(f"{site.url}/reset?kind={kind}&token=t1")
        page.wait_for_function(CLEANED)

    for kind in FORMS:
        opened(kind)
        if kind == "boosted":
            page.evaluate(BOOSTED)
        assert posted() == f"/reset?kind={kind}&token=t1", kind
    opened("none")
    page.evaluate("history.pushState({}, '', '/reset?kind=next')")
    assert posted() == "/reset?kind=next"
    opened("none")
    page.evaluate("document.forms[0].action = '/own'")
    assert posted() == "/own"


@pytest.mark.parametrize("where", ["before it", "behind it"])
def test_a_page_whose_base_is_another_origin_reports_to_its_own(site: Site, page: Page, visit: Any, where: str) -> None:
    """Pixels, reports and the script's own parts are asked for on the page's origin, whatever `<base>` names; where the
    base stands behind `head()`, the script is, too."""
    other = f"http://localhost:{urlsplit(site.url).port}/"
    head = ["{{ pixeltwin.head(cached=True) }}", f"<base href={other}>"]
    button = "<button {{ pixeltwin.on('click', CART) }}>Buy</button>"
    site.page("/", button, "".join(head if where == "behind it" else reversed(head)), before=site.buy("1001"))
    asked: list[str] = []
    page.on("request", lambda one: asked.append(urlsplit(one.url).path if one.url.startswith(other) else ""))
    page.goto(site.url)
    for event in ("Purchase", "PageView"):
        site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
    page.get_by_role("button").click()
    site.wait_for("AddToCart", MERGED, lambda: page.wait_for_timeout(50))
    assert set(asked) - {""} == ({"/_pixeltwin/pixeltwin.js"} if where == "before it" else set())
    assert visit.complaints == []
