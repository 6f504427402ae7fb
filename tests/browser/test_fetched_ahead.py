"""Pages that are fetched ahead of a click, in real Chromium: nothing happens before somebody looks, and then all, once.

A browser that a debugger drives prerenders nothing, so for that one runs alone here, as a shopper's does: its pages ask
the test what to do next.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, jsonify, redirect, request
from playwright.sync_api import Browser, Page

from tests.browser.conftest import FLAGS, whole
from tests.browser.shop import PATIENCE
from tests.browser.site import ICON, Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
ALONE = ["server only"] * 3
LINK = "<a href=/thanks>thanks</a>"
PREFETCHING = "<link rel=prefetch href=/thanks>"
RULES = '<script type=speculationrules>{{"{}":[{{"urls":["/thanks"],"eagerness":"immediate"}}]}}</script>'
# What the page before says, how the next one may be kept, and for which purposes that is asked for. What was fetched
# for a link is shown only if it may be kept, else fetched again.
AHEAD = {
    "link": (PREFETCHING, "private, max-age=60", ["prefetch"]),
    "link, not kept": (PREFETCHING, "", ["prefetch", ""]),
    "rules": (RULES.format("prefetch"), "", ["prefetch"]),
}
WAYS = [("no", "link"), ("no", "link, not kept"), ("no", "rules"), ("yes", "rules")]


class Ahead(Site):
    """/quiet sells something on no page, /thanks may show it; `asked` is what was asked for, and for what purpose."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        super().__init__(tmp_path, **settings)
        self.asked: list[tuple[str, str]] = []
        self.caching = ""
        self.app.before_request(self._note)
        self.app.add_url_rule("/quiet", "quiet", lambda: (self.buy(request.args.get("order", "1001"))(), "bought")[1])
        self.app.after_request(self._caching)

    def _note(self) -> None:
        purposes = (request.headers.get(name) for name in ("Sec-Purpose", "X-Sec-Purpose"))
        self.asked.append((request.path, next((one for one in purposes if one), "")))

    def _caching(self, response: Response) -> Response:
        if request.path == "/thanks" and self.caching:
            response.headers.setdefault("Cache-Control", self.caching)
        return response

    def plain(self, path: str, html: str) -> None:
        """A page without pixels, so that nothing but what is fetched ahead could use anything up."""
        self.app.add_url_rule(path, f"plain {path}", lambda: f"<!doctype html>{ICON}{html}")

    def purposes(self, path: str) -> list[str]:
        return [purpose for asked, purpose in self.asked if asked == path]

    def untold(self) -> None:
        """No pixel has fired, and the server halves of the purchase went alone."""
        assert self.of("PageView") == [] and [one["verdict"] for one in self.of("Purchase")] == ALONE

    def told_once(self, views: int, pause: Callable[[float], None]) -> None:
        """The purchase is merged on all platforms and was told once; so many page views were told."""
        for name, many in (("Purchase", 1), ("PageView", views)):
            self.wait_for(name, MERGED * many, lambda: pause(0.05))
        pause(0.3)  # whatever else a page might tell
        records = self.of("Purchase")
        assert [(one["counted"], one["repeats"]) for one in records] == [(1, 0)] * 3
        assert len({one["id"] for one in records}) == 1 and len(self.of("PageView")) == 3 * views


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ahead]:
    """Its parameter says whether the code is in the page."""
    found = Ahead(tmp_path, PIXELTWIN_INLINE=getattr(request, "param", "no"))
    yield found
    found.stop()


def pausing(page: Page) -> Callable[[float], None]:
    return lambda seconds: page.wait_for_timeout(seconds * 1000)


def until(condition: Callable[[], object], pause: Callable[[float], None], why: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, why
        pause(0.02)


@pytest.mark.parametrize(("site", "way"), WAYS, indirect=["site"])
def test_a_prefetched_page_shows_its_purchase_when_it_is_looked_at(site: Ahead, chromium: Browser, way: str) -> None:
    """Fetched ahead, a page tells nothing and uses nothing up; the click shows the purchase, on that very answer."""
    html, site.caching, purposes = AHEAD[way]
    site.plain("/ahead", LINK + html)
    site.page("/thanks")
    context = chromium.new_context()  # no request is looked at here: that would switch the browser's cache off
    page = context.new_page()
    page.goto(f"{site.url}/quiet")
    page.goto(f"{site.url}/ahead")
    until(lambda: site.purposes("/thanks"), pausing(page), "nothing was fetched ahead: the test tests nothing")
    site.wait_for("Purchase", ALONE, lambda: page.wait_for_timeout(50))
    page.wait_for_timeout(300)
    site.untold()
    page.get_by_role("link").click()
    page.wait_for_url("**/thanks")
    site.told_once(1, pausing(page))
    assert site.purposes("/thanks") == purposes
    page.reload()
    site.told_once(2, pausing(page))
    context.close()


# --- Turbo -----------------------------------------------------------------------------------------------------------


def test_what_turbo_fetches_while_the_pointer_is_over_a_link_shows_its_purchase(
    site: Ahead, page_factory: Callable[..., Any]
) -> None:
    """Hovering tells nothing; the click shows what was fetched then, with the purchase; each later visit in the same
    document is one page view, with its own purchases, and tells none again."""
    head = "<script src=/vendor/turbo.js></script>{{ pixeltwin.head() }}"
    site.page("/start", "<a href=/shown>thanks</a>", head)
    site.page("/shown", "<a href=/start data-turbo-prefetch=false>back</a>", head)
    visit = page_factory()
    page = visit.page()
    page.goto(f"{site.url}/start")
    site.wait_for("PageView", MERGED, lambda: page.wait_for_timeout(50))
    page.evaluate("fetch('/quiet')")
    site.wait_for("Purchase", ALONE, lambda: page.wait_for_timeout(50))
    page.get_by_role("link").hover()
    until(lambda: site.purposes("/shown"), pausing(page), "Turbo fetched nothing ahead: the test tests nothing")
    page.wait_for_timeout(300)
    assert [one["verdict"] for one in site.of("Purchase")] == ALONE and len(site.of("PageView")) == 3
    page.get_by_role("link").click()
    page.wait_for_url("**/shown")
    site.told_once(2, pausing(page))
    assert site.purposes("/shown") == ["prefetch"]
    page.evaluate("fetch('/quiet?order=1002')")
    page.get_by_role("link").click()  # a page with a data block of its own, beside what the document keeps
    page.wait_for_url("**/start")
    site.wait_for("Purchase", MERGED * 2, lambda: page.wait_for_timeout(50))
    site.wait_for("PageView", MERGED * 3, lambda: page.wait_for_timeout(50))
    page.wait_for_timeout(300)
    assert all(one["repeats"] == 0 for one in site.of("Purchase")) and len(site.of("PageView")) == 9
    assert visit.complaints == []


# --- prerendering ----------------------------------------------------------------------------------------------------

STATE = "[document.prerendering, performance.getEntriesByType('navigation')[0].activationStart > 0]"
TELLING = f"""<script>
const say = () => fetch('/state', {{method: 'POST', body: JSON.stringify({STATE})}});
say();
document.addEventListener('prerenderingchange', say);
</script>"""
ASKING = f"""{LINK}<script>
setInterval(async () => (await (await fetch('/go')).json()) && document.querySelector('a').click(), 50);
</script>"""


@pytest.fixture
def shopper(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Starts a browser at a URL, with no debugger at it and no host to reach but this one."""
    running: list[subprocess.Popen[bytes]] = []
    path = whole()

    def start(url: str) -> None:
        switches = [
            f"--user-data-dir={tmp_path / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ]
        command = [path, "--headless=new", *FLAGS, *switches, url]
        quiet = subprocess.DEVNULL
        running.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True))

    yield start
    for one in running:
        os.killpg(one.pid, signal.SIGTERM)
        one.wait(PATIENCE)


@pytest.mark.parametrize("site", ["no", "yes"], indirect=True)
def test_a_prerendered_page_fires_when_it_is_activated(site: Ahead, shopper: Callable[[str], None]) -> None:
    """While nobody sees it a page that was loaded in secret, scripts and all, tells nothing and uses nothing up; shown,
    without being fetched again, it tells of its purchase and of itself, once."""
    states: list[list[bool]] = []
    go = threading.Event()
    site.plain("/ahead", RULES.format("prerender") + ASKING)
    site.page("/thanks", head="{{ pixeltwin.head() }}" + TELLING)
    site.app.add_url_rule("/go", "go", lambda: jsonify(go.is_set()))

    @site.app.post("/state")
    def state() -> str:
        states.append(request.get_json(force=True))
        return ""

    site.app.add_url_rule("/first", "first", lambda: (site.buy("1001")(), redirect("/ahead"))[1])
    shopper(f"{site.url}/first")
    until(lambda: states, time.sleep, "nothing was prerendered: the test tests nothing")
    assert states == [[True, False]]
    site.wait_for("Purchase", ALONE, lambda: time.sleep(0.05))
    until(lambda: site.purposes("/_pixeltwin/pixeltwin.js"), time.sleep, "the page's script did not come")
    time.sleep(0.5)
    site.untold()
    assert not any(path.startswith(("/_pixeltwin/visit", "/_pixeltwin/page-view")) for path, _ in site.asked)
    go.set()
    until(lambda: len(states) > 1, time.sleep, "the prerendered page was not activated: the test tests nothing")
    assert states == [[True, False], [False, True]]
    site.told_once(1, time.sleep)
    assert site.purposes("/thanks") == ["prefetch;prerender"]
