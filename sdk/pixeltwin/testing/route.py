"""A real browser under Playwright's synchronous API: the vendors' hosts lead to the test's sandbox, others nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..emulation import Incoming
from ..strictjson import encode
from .bench import Bench
from .vendors import hosts

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page
    from playwright.sync_api import Route as Asked

HERE = ("127.0.0.1", "localhost", "::1")
_LET_GO = ("connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding")
# Playwright does not show the body of a beacon. A request that is kept alive says the same, and is shown whole.
_BEACONS = """
(hosts => {
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, body) => {
    if (!hosts.includes(new URL(url, location.href).host)) return beacon(url, body);
    fetch(url, {method: 'POST', body, mode: 'no-cors', credentials: 'include', keepalive: true}).catch(() => {});
    return true;
  };
})
"""


class Route:
    """What a page or a context asks of other hosts. `vendors` are the URLs that went to the sandbox, `blocked` those
    that nobody answered."""

    def __init__(self, bench: Bench, target: Page | BrowserContext, allow: tuple[str, ...] = ()) -> None:
        self.vendors: list[str] = []
        self.blocked: list[str] = []
        self._bench = bench
        self._target = target
        self._allowed = {*HERE, *allow}
        target.add_init_script(f"{_BEACONS.strip()}({encode(sorted(hosts())).decode()});")
        target.route("**/*", self._answer)
        bench.pause = self.wait

    def wait(self, seconds: float = 0.05) -> None:
        """Let the browser work: under Playwright nothing is answered while Python waits by itself."""
        pages: list[Any] = getattr(self._target, "pages", None) or [self._target]
        for page in pages[:1]:
            page.wait_for_timeout(seconds * 1000)

    def settle(self) -> None:
        """Wait until the pixels have told what they were called for, and deliver the server halves."""
        self._bench.settle()

    def _answer(self, route: Asked) -> None:
        url = urlsplit(route.request.url)
        kind = hosts().get(url.netloc)
        if kind:
            self.vendors.append(route.request.url)
            self._ask(kind, route)
        elif url.scheme not in ("http", "https", "ws", "wss") or url.hostname in self._allowed:
            route.fallback()
        else:
            self.blocked.append(route.request.url)
            route.abort()

    def _ask(self, kind: str, route: Asked) -> None:
        """The sandbox's answer; a host of the vendor's that its emulator has no answer for is as good as silent."""
        asked, url = route.request, urlsplit(route.request.url)
        incoming = Incoming(asked.method, url.path, url.query, asked.headers, asked.post_data_buffer or b"")
        reply = self._bench.asker.send(kind, incoming)
        if reply.status == 404:
            route.abort()
        else:
            route.fulfill(status=reply.status, headers=_open(reply.headers), body=reply.body)


def _open(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if name not in _LET_GO}
