"""The demo's server: the shop and the sandbox on one port."""

from __future__ import annotations

import signal
import socket
import threading
from types import FrameType
from typing import Any

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from pixeltwin.sandbox import create_sandbox
from pixeltwin.sandbox.server import guarded

from .tracking import twin

MOUNT = "/sandbox"


class _Talking(WSGIRequestHandler):
    """Logs each request, its path without the query: a platform's token may travel in one."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = getattr(self, "path", "-").partition("?")[0]
        self.log("info", "%s %s %s", getattr(self, "command", "-"), path.encode("unicode_escape").decode(), code)


class _Quiet(WSGIRequestHandler):
    """Logs what goes wrong, and nothing else."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `OSError` when the port is taken. From now on connections wait until they are served."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def make(shop: Flask, listening: socket.socket, *, with_sandbox: bool, verbose: bool = False) -> BaseWSGIServer:
    """The server on that socket, which it duplicates: close yours when you like."""
    host, port = listening.getsockname()[:2]
    mounted: dict[str, Any] = {MOUNT: guarded(create_sandbox(), host)} if with_sandbox else {}
    handler = _Talking if verbose else _Quiet
    both = DispatcherMiddleware(shop, mounted)
    return make_server(host, port, both, threaded=True, request_handler=handler, fd=listening.fileno())


def run(shop: Flask, server: BaseWSGIServer) -> None:
    """Serve and deliver until SIGINT or SIGTERM. Delivery ends first: the sandbox still answers what is under way."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    serving.start()
    twin.start_delivery(shop)
    stop.wait()
    with shop.app_context():
        twin.tracker.close()
    server.shutdown()
    serving.join()
