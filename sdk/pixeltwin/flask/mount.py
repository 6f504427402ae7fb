"""PIXELTWIN_SANDBOX=1: a sandbox of the application's own, for as long as it is being developed.

Its page and the pixel scripts are below the application's own address, so that a browser reaches them wherever it
reaches the application. The worker sends to the same sandbox on a port of its own, on this machine only.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.sansio.utils import host_is_trusted

from ..config import Settings
from ..contract import Platform
from ..errors import OutboxUnavailable
from ..normalising.addresses import on_this_machine
from ..web import OWN

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

    from ..outbox import Outbox
    from ..sandbox.timeline import Step

MOUNT = f"{OWN}/sandbox"
_HEARD = {
    "acknowledged": ("confirmed", "the page said that the pixel took it"),
    "blocked": ("blocked", "the page said that the pixel's script was blocked or did not come"),
}
_STRANGE_HOST = (
    "on its own machine this sandbox answers to names of that machine and of the application alone: ask localhost, or "
    "tell the application the name it is asked by (TRUSTED_HOSTS, SERVER_NAME)"
)


class MountedSettings(Settings):
    """The application's settings, with both halves of every platform pointed to its own sandbox at `url`."""

    def __init__(self, config: Mapping[str, Any], url: str) -> None:
        super().__init__({**config, "PIXELTWIN_SANDBOX": url})

    def emulated(self, platform: type[Platform]) -> Mapping[str, str]:
        return {**super().emulated(platform), "script_url": platform.emulated(MOUNT)["script_url"]}


def with_sandbox(app: Flask, settings: Settings) -> Settings:
    """The settings as they are; or a sandbox mounted in the application, and settings that lead to it, where
    PIXELTWIN_SANDBOX is 1 and the application is debugged or tested."""
    if not settings.own_sandbox or not (app.debug or app.testing):
        return settings
    from ..sandbox import create_sandbox, make

    application = weakref.ref(app)  # so that the sandbox ends with it
    sandbox = create_sandbox(
        history=lambda platform, id: _history(application(), platform, id), health=lambda: _health(application())
    )
    _guard(sandbox, app.config)
    server = make(0, app=sandbox, quiet=True)  # its page shows what came, and a command's output is its own
    threading.Thread(target=server.serve_forever, name="pixeltwin-sandbox", daemon=True).start()
    weakref.finalize(app, _stop, server).atexit = False
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {MOUNT: sandbox})  # type: ignore[method-assign]
    return MountedSettings(app.config, f"http://127.0.0.1:{server.server_port}")


def _guard(sandbox: Flask, config: Mapping[str, Any]) -> None:
    """Keep out whose name was made to lead to this machine (DNS rebinding): his page would be one of the sandbox's. Who
    comes from elsewhere was let in on purpose, under any name; and vendors answer pages of every origin anyhow."""
    from ..sandbox.server import named

    def refuse_strangers() -> None:
        # Before a proxy's word was believed: a page can send its headers too.
        asked = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
        peer, name = str(asked.get("REMOTE_ADDR")), named(asked)
        if request.blueprint or not on_this_machine(peer.removeprefix("::ffff:")) or on_this_machine(name):
            return
        own = [*(config.get("TRUSTED_HOSTS") or ()), *([f".{site}"] if (site := config.get("SERVER_NAME")) else ())]
        if not own or not host_is_trusted(name, own):
            raise Forbidden(_STRANGE_HOST)

    sandbox.before_request(refuse_strangers)


def _stop(server: BaseWSGIServer) -> None:
    """End the server, in a thread of its own: the collector may call this in the one that serves."""

    def end() -> None:
        server.shutdown()
        server.server_close()

    threading.Thread(target=end, name="pixeltwin-sandbox-end", daemon=True).start()


def _health(app: Flask | None) -> Mapping[str, Any]:
    """What the application says of its platforms."""
    state = app.extensions.get("pixeltwin") if app else None
    found: Mapping[str, Any] = state.tracker.health().to_dict() if state else {}
    return found


def _history(app: Flask | None, platform: str, id: str) -> Iterable[Step]:
    """What the application's outbox knows of a conversion on a platform: when it was tracked, whether its pixel was
    rendered, and where its server half is."""
    state = app.extensions.get("pixeltwin") if app else None
    try:
        return list(_steps(state.tracker.outbox, platform, id)) if state else ()
    except OutboxUnavailable:
        return ()


def _steps(outbox: Outbox, platform: str, id: str) -> Iterator[Step]:
    from ..sandbox.timeline import Step

    for half in outbox.deliveries(id=id):
        if half.destination.partition(":")[0] != platform:
            continue
        yield Step(half.occurred_at, "tracked")
        if half.browser == "offered" or half.browser in _HEARD:
            yield Step(None, "rendered")
        if half.browser in _HEARD:
            yield Step(half.browser_at, *_HEARD[half.browser])
        tries = f"{half.attempts} tries" if half.attempts > 1 else ""
        yield Step(half.updated_at, half.state, "; ".join(part for part in (half.reason, tries) if part))
