"""The sandbox as a server of its own."""

from __future__ import annotations

from typing import Any

import click
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .app import create_sandbox


class _Handler(WSGIRequestHandler):
    """Logs paths without their queries: one platform's token travels in one."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = getattr(self, "path", "-").partition("?")[0]
        self.log("info", "%s %s %s", getattr(self, "command", "-"), path.encode("unicode_escape").decode(), code)


class _Silent(WSGIRequestHandler):
    """Logs nothing but errors."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def make(port: int, host: str = "127.0.0.1", app: Any = None, *, quiet: bool = False) -> BaseWSGIServer:
    """A threaded server that listens, and serves once it is told to; port 0 takes a free one (`server.server_port`).
    `quiet`: its requests are not logged."""
    handler = _Silent if quiet else _Handler
    return make_server(host, port, app or create_sandbox(), threaded=True, request_handler=handler)


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
