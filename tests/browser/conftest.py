"""A real Chromium for the browser tests, kept to this machine: whatever asks another host is blocked and counted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

    from .shop import RunningShop
    from .site import Site

# Debian's Chromium is driven: no browser is fetched. Without the background flags it asks its maker's hosts.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = ("127.0.0.1", "localhost")


def executable() -> str | None:
    """Where Chromium is: CHROMIUM names another one than the system's."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named) or named
    return shutil.which("chromium") or shutil.which("chromium-browser")


def whole() -> str:
    """The same; without any, the test is skipped and says so."""
    path = executable()
    if path is None:
        pytest.skip("NO CHROMIUM: what needs a browser is not tested; on Debian: apt-get install chromium")
    return path


def shell() -> str:
    """Where its headless shell is: the same engine without the browser around it, for less than half of the CPU. Where
    CHROMIUM names a browser, or there is no shell, the browser itself."""
    found = None if os.environ.get("CHROMIUM") else shutil.which("chromium-headless-shell")
    return found or whole()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process; each takes a context of its own from it. Tests of what the shell has not
    (the back/forward cache, restored sessions) launch the whole browser, see `launched`."""
    path = shell()
    api = pytest.importorskip("playwright.sync_api", reason="NO PLAYWRIGHT: pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def launched(browser: Browser, **options: Any) -> Browser:
    """A whole Chromium beside the shared one, with switches of its own."""
    return browser.browser_type.launch(executable_path=whole(), args=FLAGS, **options)


class Visit:
    """A visitor's browser profile. `foreign` are the URLs it asked of other hosts, which were blocked; `complaints`
    what its pages threw or logged as errors."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        context.route("**/*", self._route)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        return page

    def _route(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in HERE:
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()


@pytest.fixture
def page_factory(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Makes visitors; keywords are those of Playwright's `new_context` (viewport, color_scheme, …)."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> Visit:
        context = chromium.new_context(**options)
        opened.append(context)
        return Visit(context)

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def visit(page_factory: Callable[..., Visit]) -> Visit:
    """One visitor."""
    return page_factory()


@pytest.fixture
def context(visit: Visit) -> BrowserContext:
    """The profile of that visitor."""
    return visit.context


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """The demo shop and its sandbox, in a process of their own, for all tests of a module."""
    from .shop import RunningShop

    running = RunningShop(tmp_path_factory.mktemp("shop"))
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site and a sandbox in this process; a test gives it its pages."""
    from .site import Site

    found = Site(tmp_path)
    yield found
    found.stop()
