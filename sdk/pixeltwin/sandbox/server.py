"""The sandbox as a server of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from flask import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from ..normalising.addresses import on_this_machine
from ..strictjson import encode
from ..web import split_url
from .app import create_sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STRANGE_HOST = (
    "this sandbox answers to names of its own machine alone: ask http://localhost:{port}{path}/, or let others in on "
    "purpose by binding it to another address, as `pixeltwin sandbox --host 0.0.0.0` does"
)


class _Handler(WSGIRequestHandler):
    """Logs paths without their queries: one platform's token travels in one."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = getattr(self, "path", "-").partition("?")[0]
        self.log("info", "%s %s %s", getattr(self, "command", "-"), path.encode("unicode_escape").decode(), code)


class _Silent(WSGIRequestHandler):
    """Logs nothing but errors."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def guarded(app: WSGIApplication, host: str) -> WSGIApplication:
    """The application, bound to `host`. Where that is this machine alone, only names of this machine are answered: the
    owner of any other can have it lead here (DNS rebinding), and his page would be one of the sandbox's."""
    if not on_this_machine(host):
        return app

    def local(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if on_this_machine(named(environ)):
            return app(environ, start_response)
        said = {"error": _STRANGE_HOST.format(port=environ["SERVER_PORT"], path=environ["SCRIPT_NAME"])}
        return Response(encode(said), 403, content_type="application/json")(environ, start_response)

    return local


def named(environ: Mapping[str, Any]) -> str:
    """The name under which a request was made, without its port."""
    return split_url(f"//{environ.get('HTTP_HOST') or 'localhost'}").hostname or ""


def make(port: int, host: str = "127.0.0.1", app: Any = None, *, quiet: bool = False) -> BaseWSGIServer:
    """A threaded server that listens, and serves once it is told to; port 0 takes a free one (`server.server_port`).
    `quiet`: its requests are not logged. On a loopback address it answers to names of this machine alone."""
    handler = _Silent if quiet else _Handler
    return make_server(host, port, guarded(app or create_sandbox(), host), threaded=True, request_handler=handler)


def serve(port: int, host: str = "127.0.0.1") -> None:
    """Serve a sandbox until interrupted, and say where. Loopback only, unless another host is given: it has no
    login, and shows what it is sent."""
    server = make(port, host)
    name = f"[{host}]" if ":" in host else host
    click.echo(f"pixeltwin sandbox: http://{name}:{server.server_port}/  (Ctrl+C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
