"""Records every browser call and every server event that each platform would get, without a browser or a network."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..config import PREFIX
from ..contract import BrowserCall, Platform
from ..platforms import installed
from ..tracker import Tracker
from . import pages, vendors
from .bench import Bench

if TYPE_CHECKING:
    from flask import Flask, Response

SHOP = "https://shop.example/"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a page's browser makes, of a conversion: `platform` is the pixel's name, `event` pixeltwin's."""

    platform: str
    event: str
    id: str
    call: BrowserCall


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event as an API got it. `refused`: why it was not taken, in the vendor's words."""

    platform: str
    event: str
    id: str | None
    payload: Any
    refused: str | None = None


@dataclass(repr=False)
class Recorder:
    """One browser that shows every page of the test, and the vendors' APIs. What a script does in a real browser (page
    views, clicks, a pixel written by hand) it cannot see: that is for `pixeltwin_route`."""

    bench: Bench
    calls: list[Call] = field(default_factory=list[Call])
    _done: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])

    # --- what is under test ------------------------------------------------------------------------------------------

    def watch(self, subject: Flask | Tracker) -> None:
        """Record what a tracker sends, too. A Flask application is recorded from its first request on without this."""
        self.bench.taken.take(subject)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of made-up pixels on all platforms, for `app.config.update(…)` or an environment: nothing they name
        is real."""
        found: dict[str, Any] = {f"{PREFIX}OUTBOX": "memory:", f"{PREFIX}WORKER": "off"}
        for kind, given in vendors.examples().items():
            names = [one.name for one in installed()[kind].settings if one.kind is str and one.name in given]
            found |= {f"{PREFIX}{kind.upper()}_{name.upper()}": given[name] for name in names}
        return found

    def platforms(self, *kinds: str) -> list[Platform]:
        """Made-up pixels for a `Tracker`: of these platforms, or of all."""
        return vendors.pixels(kinds)

    def tracker(self, *kinds: str, **settings: Any) -> Tracker:
        """A tracker on made-up pixels with an outbox in memory, recorded. `settings` are `Tracker`'s own."""
        given: dict[str, Any] = {
            "secret_keys": ["a key of the tests"],
            "outbox": "memory:",
            "on_error": "raise",
            **settings,
        }
        made = Tracker(self.platforms(*kinds), **given)
        self.watch(made)
        return made

    # --- what was recorded -------------------------------------------------------------------------------------------

    def show(self, page: Any, url: str = SHOP) -> list[Call]:
        """Let the browser show a page (HTML, or a response that has it): the calls it makes. Each conversion is told
        once a browser, as on real pages. The pages of a Flask application under test are shown by themselves."""
        return self._run(pages.told(pages.text_of(page)), url, "")

    @property
    def browser_calls(self) -> list[Call]:
        """The calls of all pages, in order."""
        return list(self.calls)

    @property
    def server_events(self) -> list[ServerEvent]:
        """Every event that any API got, once everything due was delivered."""
        self.bench.taken.deliver()
        return [
            ServerEvent(
                record["platform"], record["name"] or record["event"], half["id"], half["payload"], half["refused"]
            )
            for record in self.bench.asker.records()
            for half in (record["server"], *record["again"])
            if half and half["side"] == "server"
        ]

    def conversions(self, platform: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        """What each platform counts, and why, once everything due was delivered: the sandbox's records."""
        self.bench.taken.deliver()
        return self.bench.asker.records(platform, event)

    def fault(self, platform: str, fault: str | None, **more: Any) -> None:
        """Make a platform fail from now on, as the sandbox does: "503", "reset", "garbage"; None ends it."""
        self.bench.asker.ask("/api/faults", {"platform": platform, "fault": fault, **more})

    # --- the browser -------------------------------------------------------------------------------------------------

    @contextmanager
    def looking(self) -> Generator[None]:
        """Show each page that a Flask application answers with."""
        from flask import request_finished

        def answered(app: Flask, response: Response, **_: Any) -> None:
            from flask import request

            if response.status_code // 100 != 3 and response.is_sequence and request.method != "HEAD":
                agent = request.headers.get("User-Agent", "")
                if response.mimetype == "text/html":
                    self._run(pages.told(response.get_data(as_text=True)), request.url, agent)
                elif request.endpoint == "pixeltwin.claim":  # what a page that is the same for everybody asks for
                    self._run(response.get_json(silent=True) or {}, request.url, agent)

        with request_finished.connected_to(answered):
            yield

    def _run(self, page: Mapping[str, Any], url: str, agent: str) -> list[Call]:
        """What pixeltwin's script does with what a page says: start the pixels, then tell each what happened, once."""
        started = {name: [_call(*one) for one in init] for name, init in page.get("pixels", ())}
        made: list[Call] = []
        for fire in page.get("fires", ()):
            for name, function, args, *number in fire["calls"]:
                key = (name, fire["event"], fire["id"], *number)
                if name in started and key not in self._done:
                    self._done.add(key)
                    made.append(Call(name, fire["event"], fire["id"], _call(function, args)))
                    self._hit(name, started[name], made[-1].call, url, agent)
        self.calls += made
        return made

    def _hit(self, name: str, init: list[BrowserCall], call: BrowserCall, url: str, agent: str) -> None:
        platforms = {one.name: one.kind for tracker in self.bench.taken.trackers for one in tracker.platforms}
        kind = platforms.get(name, name)
        request = vendors.emulators()[vendors.checked(kind)].hit(init, call, url, self.bench.clock())
        headers = {**request.headers, "user-agent": agent}
        self.bench.asker.send(kind, type(request)(request.method, request.path, request.query, headers, request.body))


def _call(function: str, args: Any) -> BrowserCall:
    return BrowserCall(function, tuple(cast("list[Any]", args)))
