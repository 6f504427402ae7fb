"""Consent in real Chromium: requests to vendors are counted before an answer, after it, and after it was taken back."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from flask import Flask, Response, redirect, render_template_string
from playwright.sync_api import APIResponse, Browser, Route

pytest.importorskip("playwright.sync_api")


from demo_site.server import listen, make
from pixeltwin import Purchase
from pixeltwin.flask import PixelTwin
from pixeltwin.outbox.contract import DeliveryState
from tests.browser.conftest import Visit, launched
from tests.test_flask import SETTINGS

pytestmark = pytest.mark.browser
ALL = {"reddit", "snap", "pinterest"}
THEIRS = {"_rdt_uuid", "_scid", "_pin_unauth"}
PAGE = """<html><head><title>Shop</title>{{ pixeltwin.head() }}</head><body>
<script>
function answer(targeting) {
  document.cookie = 'OptanonConsent=groups=C0001%3A1%2CC0004%3A' + targeting + '; path=/';
  document.cookie = 'OptanonAlertBoxClosed=2026-08-20T12:00:00.000Z; path=/';
}
</script></body></html>"""
TURBO = """<script src=/turbo.js></script><a href="/?next" data-turbo-prefetch=false>next</a>
<form method=post action=/refuse><button>no</button></form>"""
ROOT = Path(__file__).resolve().parents[2]
CONSENT_PAGE = (ROOT / "docs" / "consent.md").read_text(encoding="utf-8")


class Shop:
    """A shop with a banner and a sandbox on one port. `tracker` is the application's."""

    def __init__(self, folder: Path) -> None:
        listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.app = Flask("shop")
        sandbox = {"PIXELTWIN_SANDBOX": f"{self.url}/sandbox", "PIXELTWIN_CONSENT": "onetrust"}
        self.app.config.update({**SETTINGS, **sandbox, "PIXELTWIN_OUTBOX": f"sqlite:///{folder}/outbox.db"})
        twin = PixelTwin(self.app)
        self.tracker = self.app.extensions["pixeltwin"].tracker
        self.turbo = False
        self.app.add_url_rule("/", "page", self._page)
        self.orders = 0

        @self.app.get("/turbo.js")
        def turbo() -> Response:
            return Response((ROOT / "tests/browser/vendor/turbo.js").read_bytes(), mimetype="text/javascript")

        @self.app.post("/refuse")
        def refuse() -> Any:
            answer = redirect("/", 303)
            answer.set_cookie("OptanonConsent", "groups=C0004%3A0")
            return answer

        @self.app.get("/buy")
        def buy() -> str:
            self.orders += 1
            twin.track(Purchase(order_id=str(self.orders), value="10", currency="EUR"), email="ada@example.com")
            return render_template_string(PAGE)

        self._server = make(self.app, listening, with_sandbox=True)
        listening.close()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _page(self) -> str:
        return render_template_string(PAGE.replace("<body>", f"<body>{TURBO}") if self.turbo else PAGE)

    def rows(self) -> list[DeliveryState]:
        return self.tracker.outbox.deliveries(limit=1000)

    def states(self) -> set[str]:
        return {one.state for one in self.rows()}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.tracker.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    running = Shop(tmp_path)
    yield running
    running.close()


class Shopper:
    """A visitor whose requests to vendors are noted, by platform."""

    def __init__(self, visit: Visit, shop: Shop) -> None:
        self.shop, self.context, self.page, self.complaints = shop, visit.context, visit.page(), visit.complaints
        self.asked: list[str] = []
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        found = re.match(r"/sandbox/(reddit|snap|pinterest)/", urlsplit(url).path)
        if found:
            self.asked.append(found[1])

    def go(self, path: str, until: Literal["load", "domcontentloaded"] = "load") -> None:
        self.page.goto(self.shop.url + path, wait_until=until)
        self.settle()

    def settle(self) -> None:
        """Long enough for what a page starts to have started."""
        self.page.wait_for_timeout(300)

    def answers(self, yes: bool) -> None:
        """Answer the banner; the page asks again, as a banner's callback lets it."""
        self.page.evaluate(f"answer({int(yes)}); pixeltwin.claim()")
        self.settle()

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(300):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it did not happen; vendors were asked {self.asked}")

    def cookies(self) -> set[str]:
        return {str(cookie.get("name")) for cookie in self.context.cookies()}

    def since(self) -> set[str]:
        """The vendors asked since this was asked last."""
        found, self.asked = set(self.asked), []
        return found


@pytest.fixture
def shopper(visit: Visit, shop: Shop) -> Shopper:
    return Shopper(visit, shop)


def test_no_vendor_hears_of_anybody_before_he_agrees(shopper: Shopper) -> None:
    """While the banner is not answered, and after a refusal, no request, script or cookie of a vendor is there, and
    nothing that could be sent is stored."""
    shopper.go("/?rdt_cid=r1&ScCid=s1&epik=p1")
    shopper.go("/buy")
    assert (shopper.since(), shopper.shop.states()) == (set(), {"held"})
    assert shopper.cookies() == {"pixeltwin_pending"}
    shopper.page.evaluate("answer(0)")
    shopper.go("/")
    shopper.go("/buy")
    assert (shopper.since(), shopper.shop.states()) == (set(), {"cancelled"})
    assert shopper.cookies() == {"OptanonConsent", "OptanonAlertBoxClosed"}
    assert shopper.page.evaluate("[typeof rdt, typeof snaptr, typeof pintrk]") == ["undefined"] * 3


def test_what_waited_fires_when_he_agrees_on_this_very_page(shopper: Shopper) -> None:
    """The banner's answer starts the pixels without a page load; the purchase is told once, and released."""
    shopper.go("/buy")
    assert shopper.since() == set()
    shopper.answers(True)
    shopper.until(lambda: set(shopper.asked) == ALL)
    assert "pending" in shopper.shop.states() and "held" not in shopper.shop.states()
    shopper.until(lambda: {one["platform"] for one in purchases(shopper)} == ALL)
    told = purchases(shopper)
    shopper.go("/")
    assert purchases(shopper) == told
    shopper.shop.tracker.deliver()
    assert {one["verdict"] for one in conversions(shopper) if one["name"] == "Purchase"} == {"merged"}


def test_after_a_withdrawal_no_vendor_hears_of_him(shopper: Shopper) -> None:
    """Taken back on an open page, nothing is told from then on: not by this page, not by the next, not by the server;
    our cookies and the vendors' are gone."""
    shopper.go("/")
    shopper.answers(True)
    shopper.until(lambda: len(shopper.shop.rows()) == 3)  # else the next page could come before he is known here
    shopper.go("/buy?rdt_cid=r1&ScCid=s1&epik=p1")
    shopper.until(lambda: shopper.cookies() >= THEIRS | {"pixeltwin_clicks", "pixeltwin_visitor"})
    shopper.until(lambda: len(shopper.shop.rows()) == 9)  # two page views and the purchase
    shopper.answers(False)
    shopper.until(lambda: "pixeltwin_visitor" not in shopper.cookies())
    shopper.since()
    shopper.page.evaluate("pixeltwin.view()")
    shopper.go("/")
    shopper.go("/buy")
    shopper.shop.tracker.deliver()
    assert shopper.since() == set()
    assert shopper.cookies() == {"OptanonConsent", "OptanonAlertBoxClosed"}
    server = [one for one in conversions(shopper) if one["server"]]
    assert server == []
    assert shopper.shop.states() <= {"suppressed", "cancelled"}


def test_who_agrees_again_on_the_same_page_is_told_of_by_all(shopper: Shopper) -> None:
    """Yes, no and yes without a load: what stopped each pixel is undone, none is started twice, and the page's view is
    told once."""
    shopper.go("/")
    shopper.answers(True)
    shopper.until(lambda: set(shopper.asked) == ALL)
    shopper.until(lambda: {one["platform"] for one in views(shopper)} == ALL)
    shopper.settle()
    shopper.since()  # what the first yes made the vendors ask, however late
    shopper.answers(False)
    shopper.answers(True)
    assert shopper.since() == set()
    shopper.page.evaluate("pixeltwin.view()")
    shopper.until(lambda: set(shopper.asked) == ALL)
    shopper.until(lambda: len(views(shopper)) == 6)
    assert shopper.complaints == []


def test_a_pixel_that_was_stopped_for_good_is_started_again(shopper: Shopper) -> None:
    """Where a vendor documents a stop and nothing that undoes it, who agrees again has the start itself said again; a
    pixel that has no stop is started once."""
    shopper.go("/")
    start, stopped = [["said", ["start"]]], [["said", ["stop"]]]
    yes = {"pixels": [["stops", start], ["goes on", start]]}
    no = {"pixels": [], "stop": [["stops", stopped, []], ["goes on", [], []]]}
    own = "window.all = []; window.said = one => all.push(one); pixeltwin.load('stops', '', () => 1);"
    shopper.page.add_script_tag(content=f"{own} pixeltwin.load('goes on', '', () => 1)")
    for page in (yes, no, yes):
        shopper.page.evaluate("page => pixeltwin.run(page)", page)
    assert shopper.page.evaluate("all") == ["start", "start", "stop", "start"]


def test_a_tab_that_was_open_before_asks_when_it_is_looked_at(shopper: Shopper, shop: Shop) -> None:
    """With the line that docs/consent.md has for it, a refusal in one tab silences another one."""
    [line] = re.findall(r"`(document\.addEventListener[^`]*)`", CONSENT_PAGE)
    shopper.go("/")
    shopper.answers(True)
    shopper.until(lambda: set(shopper.asked) == ALL)
    shopper.page.evaluate(line)
    shopper.context.new_page().goto(shop.url)
    shopper.context.pages[1].evaluate("answer(0)")
    with shopper.page.expect_response("**/_pixeltwin/visit"):
        shopper.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    shopper.settle()
    shopper.since()
    shopper.page.evaluate("pixeltwin.view()")
    shopper.settle()
    assert shopper.since() == set()


def test_a_page_that_comes_back_as_it_was_asks_what_was_decided_meanwhile(chromium: Browser, shop: Shop) -> None:
    """Out of the back/forward cache a page is no second view, and tells no vendor of who refused on another page."""
    browser = launched(chromium, ignore_default_args=["--disable-back-forward-cache"])
    shopper = Shopper(Visit(browser.new_context()), shop)

    def back() -> None:
        with shopper.page.expect_response("**/_pixeltwin/visit"):
            shopper.page.evaluate("history.back()")  # there is no load event for `go_back` to wait for
        shopper.settle()

    try:
        shopper.go("/")
        shopper.answers(True)
        shopper.go("/?kept")
        shopper.until(lambda: len(views(shopper)) == 6)
        shopper.go("/?next")
        shopper.until(lambda: len(views(shopper)) == 9)
        back()
        assert len(views(shopper)) == 9
        shopper.page.goto(f"{shop.url}/?next")
        shopper.until(lambda: len(views(shopper)) == 12)
        shopper.page.evaluate("answer(0)")
        back()
        shopper.since()
        shopper.page.evaluate("pixeltwin.view()")
        shopper.settle()
        assert shopper.since() == set()
    finally:
        browser.close()


@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_from_before_the_script_has_come_is_heard(shopper: Shopper, yes: bool) -> None:
    """With the callback of docs/consent.md an early yes is told of on this very page, after an early no nobody is."""
    [callback] = re.findall(r"`(window\.pixeltwinAnswered[^`]*)`", CONSENT_PAGE)
    script: list[Route] = []
    if not yes:
        shopper.go("/")
        shopper.answers(True)
        shopper.until(lambda: len(views(shopper)) == 3)
        shopper.settle()
        shopper.since()
    shopper.page.route("**/pixeltwin.js*", lambda route: script.append(route))
    shopper.page.goto(f"{shopper.shop.url}/buy", wait_until="domcontentloaded")
    shopper.page.evaluate(f"answer({int(yes)}); {callback}")
    script[0].continue_()
    if yes:
        shopper.until(lambda: {one["platform"] for one in purchases(shopper)} == ALL)
        shopper.until(lambda: len(views(shopper)) == 3)
    else:
        shopper.page.wait_for_function("!!window.pixeltwin?.view")
        shopper.settle()
        assert shopper.since() == set()


@pytest.mark.parametrize(("last", "heard_first"), [(False, 1), (True, 1), (True, 0)])
def test_the_last_answer_holds_in_whatever_order_they_are_heard(shopper: Shopper, last: bool, heard_first: int) -> None:
    """The server's word on a yes, heard after that on the no which followed, starts no pixel; of two on a yes, the
    purchase that one of them hands out is told."""
    asked: list[Route] = []
    said: list[APIResponse] = []
    shopper.go("/buy")
    shopper.page.route("**/_pixeltwin/visit", lambda route: asked.append(route))
    for yes in (True, last):
        shopper.page.evaluate(f"answer({int(yes)}); void pixeltwin.claim()")
        shopper.until(lambda: len(asked) > len(said))
        said.append(asked[-1].fetch())
    for number in (heard_first, 1 - heard_first):
        asked[number].fulfill(response=said[number])
        shopper.settle()
    if last:
        shopper.until(lambda: {one["platform"] for one in purchases(shopper)} == ALL)
    assert shopper.since() == (ALL if last else set())


@pytest.mark.parametrize("late", [False, True], ids=["", "swaps.js comes after the first visit"])
def test_turbo_tells_nothing_after_a_withdrawal(shopper: Shopper, shop: Shop, late: bool) -> None:
    """Refused by a plain form, whose answer has no pixels any more: no page that Turbo visits then tells a vendor."""
    held: list[Route] = []
    if late:
        shopper.page.route("**/swaps.js*", lambda route: held.append(route))
    shop.turbo = True
    shopper.go("/", "domcontentloaded")
    shopper.answers(True)
    shopper.until(lambda: set(shopper.asked) == ALL)
    shopper.until(lambda: len(views(shopper)) == 3)
    shopper.page.get_by_role("link").click()
    shopper.page.wait_for_url("**/?next", wait_until="commit")
    if late:
        shopper.until(lambda: bool(held))
        shopper.settle()
        held[0].continue_()
    shopper.until(lambda: len(views(shopper)) == 6)
    asked = "performance.getEntriesByType('resource').filter(one => one.name.endsWith('/visit')).length"
    assert shopper.page.evaluate(asked) == 1  # by the answer to the banner
    shopper.settle()
    shopper.since()
    with shopper.page.expect_response("**/_pixeltwin/visit"):
        shopper.page.get_by_role("button").click()
    shopper.page.get_by_role("link").click()
    shopper.page.wait_for_url("**/?next")
    shopper.settle()
    assert shopper.since() == set() and len(views(shopper)) == 6


def test_a_visitor_who_says_so_by_gpc_is_told_with_limits(page_factory: Callable[..., Visit], shop: Shop) -> None:
    """With Sec-GPC the pixels that can limit themselves do, and the one that cannot is not asked at all."""
    shopper = Shopper(page_factory(extra_http_headers={"Sec-GPC": "1"}), shop)
    shopper.go("/")
    shopper.answers(True)
    shopper.until(lambda: set(shopper.asked) == {"reddit", "snap"})
    assert "pinterest" not in shopper.asked


def conversions(shopper: Shopper) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shopper.page.request.get(f"{shopper.shop.url}/sandbox/api/conversions").json()[
        "conversions"
    ]
    return found


def views(shopper: Shopper) -> list[dict[str, Any]]:
    """What pixels told of page views."""
    return [one for one in conversions(shopper) if one["name"] == "PageView" and one["browser"]]


def purchases(shopper: Shopper) -> list[dict[str, Any]]:
    return [{"platform": one["platform"], "id": one["id"]} for one in conversions(shopper) if one["name"] == "Purchase"]
