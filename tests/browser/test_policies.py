"""Under strict content security policies, in real Chromium: exactly what `csp_sources()` says, and no violation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.shop import PATIENCE
from tests.browser.site import Site

pytestmark = pytest.mark.browser

MERGED = ["merged"] * 3
POLICIES = {  # what goes before the sources of script-src, and whether the code is in the page
    "self": ("", False),
    "nonce, inline": ("'nonce-{nonce}'", True),
    "strict-dynamic": ("'nonce-{nonce}' 'strict-dynamic'", False),
    "nonce, not self": ("'nonce-{nonce}'", False),
}


def policy(sources: dict[str, list[str]], first: str) -> str:
    sources = {**sources, "script-src": [first, *sources["script-src"]], "img-src": [*sources["img-src"], "data:"]}
    directives = [f"{name} {' '.join(values).strip()}" for name, values in sources.items()]
    return "; ".join(["default-src 'none'", *directives])


@pytest.fixture(params=POLICIES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    first, inline = POLICIES[request.param]
    found = Site(tmp_path, PIXELTWIN_INLINE=inline)
    with found.app.app_context():
        sources = found.twin.csp_sources()
    if request.param == "nonce, not self":
        vendors = (host for host in sources["script-src"] if host not in ("'self'", found.url))
        sources["script-src"] = [f"{found.url}/sandbox/", *vendors]
    found.policy = policy(sources, first)
    yield found
    found.stop()


def test_pixels_and_clicks_work_without_a_violation(site: Site, visit: Any) -> None:
    """A purchase, the page's own view and a click reach all platforms, the page says that its pixels fired, and the
    browser has nothing to complain of."""
    site.page("/", "<button {{ pixeltwin.on('click', CART) }}>Buy</button>", before=site.buy("1001"))
    page = visit.page()
    page.goto(site.url)
    page.get_by_role("button").click()
    for event in ("Purchase", "PageView", "AddToCart"):
        site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
    until = time.monotonic() + PATIENCE
    while set(site.heard("Purchase").values()) != {"acknowledged"}:
        assert time.monotonic() < until, site.heard("Purchase")
        page.wait_for_timeout(50)
    assert "unsafe" not in site.policy
    assert visit.complaints == []


def test_a_link_of_turbo_is_followed_without_a_violation(site: Site, visit: Any) -> None:
    """The script that comes with Turbo's first event is let through as well: the page that it leads to is told of."""
    own = "<meta name=csp-nonce content=n0nce><script nonce=n0nce src=/vendor/turbo.js></script>"  # Turbo asks for it
    head = own + "{{ pixeltwin.head() }}"
    site.policy += "; style-src 'unsafe-inline'"  # for Turbo's own progress bar
    site.page("/", "<a href=/thanks>buy</a>", head)
    site.page("/thanks", "", head, before=site.buy("1001"))
    page = visit.page()
    page.goto(site.url)
    page.get_by_role("link").click()
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    site.wait_for("PageView", MERGED * 2, lambda: page.wait_for_timeout(50))
    assert visit.complaints == []


def test_a_page_that_forgot_the_policy_is_noticed(tmp_path: Path, visit: Any) -> None:
    """The test above can fail: a policy without one of the sources is violated."""
    site = Site(tmp_path)
    try:
        with site.app.app_context():
            sources = site.twin.csp_sources()
        site.policy = policy({**sources, "connect-src": ["'none'"]}, "")
        site.page("/")
        page = visit.page()
        page.goto(site.url)
        until = time.monotonic() + PATIENCE
        while not any("connect-src" in complaint for complaint in visit.complaints):
            assert time.monotonic() < until
            page.wait_for_timeout(50)
    finally:
        site.stop()
