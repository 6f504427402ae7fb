"""What reaches the platforms, over real sockets: a request ends by its time, and an answer is as large as it may be."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import httpx
import pytest

from pixeltwin.contract import ServerRequest
from pixeltwin.network.answer import LARGEST
from pixeltwin.network.transport import Transport
from pixeltwin.network.wire import Timeouts, Wire
from pixeltwin.sending.exchange import NoAnswer

Act = Callable[[socket.socket, threading.Event], object]
SHORT = Timeouts(total=0.3)
PATIENCE = 2.0  # seconds; far from `SHORT.total`, and from how long a server drips


class Server:
    """Answers each request on each connection with `act`. `heads` are those that came in, `connections` how many."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.heads: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            head = b""
            while not self.closing.is_set() and (part := connection.recv(1024)):
                head += part
                if b"\r\n\r\n" in head:
                    self.heads.append(head)
                    self.act(connection, self.closing)
                    head = b""

    def close(self) -> None:
        self.closing.set()
        self._listener.close()


@contextmanager
def posting(act: Act, timeouts: Timeouts | None = None) -> Generator[tuple[Server, Wire], None, None]:
    server, wire = Server(act), Wire(None, timeouts or Timeouts())
    try:
        yield server, wire
    finally:
        wire.close()
        server.close()


def says(body: bytes, *headers: str) -> Act:
    lines = ("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", "")
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + body)


def ask(server: Server, *, body: bytes = b"") -> ServerRequest:
    return ServerRequest("POST", server.url, {}, body)


# --- time -----------------------------------------------------------------------------------------------------------


def drip_headers(connection: socket.socket, closing: threading.Event) -> None:
    until = time.monotonic() + 2 * PATIENCE
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while time.monotonic() < until and not closing.wait(0.02):
        connection.sendall(b"a")


def drip_hints(connection: socket.socket, closing: threading.Event) -> None:
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until and not closing.wait(0.02):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def read_slowly(connection: socket.socket, closing: threading.Event) -> None:
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until and not closing.wait(0.02):
        connection.recv(131_072)


@pytest.mark.parametrize("act", [drip_headers, drip_hints, read_slowly])
@pytest.mark.parametrize("kept", [False, True])
def test_no_request_outlasts_its_time(act: Act, kept: bool) -> None:
    """Headers that drip, hints without end and a reader that is slow end at `total`, on a kept connection too."""
    with posting(says(b"ok"), SHORT) as (server, wire):
        if kept:
            wire.post(ask(server))
        server.act = act
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="takes too long"):
            wire.post(ask(server, body=bytes(30_000_000) if act is read_slowly else b""))
        assert time.monotonic() - began < PATIENCE
        assert server.connections == 1


def test_the_first_request_has_all_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made ready before it, as the system's certificates, takes nothing of it."""
    make = Transport.__init__

    def slow(self: Transport) -> None:
        threading.Event().wait(SHORT.total + 0.05)
        make(self)

    monkeypatch.setattr(Transport, "__init__", slow)
    with posting(says(b"ok"), SHORT) as (server, wire):
        assert wire.post(ask(server))[2] == b"ok"


def test_certificates_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often connections are given back and opened anew."""
    read: list[ssl.SSLContext] = []
    create = httpx.create_ssl_context

    def counted() -> ssl.SSLContext:
        read.append(create())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    with posting(says(b"ok")) as (server, wire):
        for _ in range(2):
            assert wire.post(ask(server))[2] == b"ok"
            wire.close()
    assert len(read) <= 1


def test_what_is_late_before_it_is_sent_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's name that took too long to look up leaves the request unsent: its lease may be another's by then."""
    real = socket.getaddrinfo

    def slow(*args: object) -> object:
        threading.Event().wait(SHORT.total + 0.05)
        return real(*args)  # type: ignore[arg-type]

    with posting(says(b"ok"), SHORT) as (server, wire):
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        with pytest.raises(NoAnswer, match="takes too long"):
            wire.post(ask(server))
        monkeypatch.undo()
        assert wire.post(ask(server))[2] == b"ok"
        assert len(server.heads) == 1


def test_a_connection_is_kept_and_each_request_has_its_own_time() -> None:
    """Requests after each other go over one connection, and those before count against none's time."""
    with posting(says(b"ok"), SHORT) as (server, wire):
        until = time.monotonic() + 2 * SHORT.total
        while time.monotonic() < until:
            assert wire.post(ask(server)) == (200, {"content-length": "2"}, b"ok")
        assert server.connections == 1


# --- size -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_as_it_is() -> None:
    """No compression is asked for, and who compresses nevertheless, in the common way, is understood."""
    text = b"what the platform says" * 10_000
    with posting(says(gzip.compress(text), "Content-Encoding: GZIP")) as (server, wire):
        assert wire.post(ask(server))[2] == text
        assert b"accept-encoding: identity\r\n" in server.heads[0].lower()


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "deflate", "br"])
def test_a_small_answer_cannot_fill_the_memory(coding: str) -> None:
    """Of what is gigabytes when it is inflated no more is ever held than an answer may have."""
    packed = zlib.compressobj(9, wbits=31)
    body = b"".join(packed.compress(bytes(1_000_000)) for _ in range(100)) + packed.flush()
    body = gzip.compress(body) if coding == "gzip, gzip" else body
    with posting(says(body, f"Content-Encoding: {coding}")) as (server, wire):
        tracemalloc.start()
        with pytest.raises(NoAnswer, match="too long" if coding == "gzip" else "compressed in a way"):
            wire.post(ask(server))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 * LARGEST


def test_what_is_not_compressed_as_it_says_is_no_answer() -> None:
    """Garbage under the name of gzip leaves the event waiting, with the reason."""
    act = says(b"plain", "Content-Encoding: gzip")
    with posting(act) as (server, wire), pytest.raises(NoAnswer, match="not compressed as it says"):
        wire.post(ask(server))


def test_a_transport_of_the_sites_own_may_have_read_the_answer() -> None:
    """What it has read and inflated is taken as it is."""
    text = b"what the platform says"
    headers = {"Content-Encoding": "gzip"}
    given = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=gzip.compress(text)))
    wire = Wire(given, Timeouts())
    assert wire.post(ServerRequest("GET", "https://vendor.invalid/", {}, b""))[2] == text
