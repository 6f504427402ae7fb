"""Kept connections on which every request ends by its time. The limits of HTTP libraries are for the next bytes alone:
an answer whose headers drip would outlast the lease of the events that it is for, and they would be sent again."""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import httpcore
import httpx

KEEP_IDLE = 30.0  # seconds a connection is kept for the next event; load balancers commonly close theirs after 60
PIECE = 16_384  # bytes written at once: what reads slowly takes as much in one go, or nothing


@cache
def _verifying() -> ssl.SSLContext:
    """Once a process: to read the system's certificates takes longer than most requests."""
    return httpx.create_ssl_context()


class Transport(httpx.BaseTransport):
    """As httpx's own, and besides nothing waits past the request's extension `until`, a time of the monotonic clock.

    Only looking up a host's name takes as long as the system lets it; when that was too long, nothing is sent.
    """

    def __init__(self) -> None:
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_verifying(),
            max_connections=None,
            keepalive_expiry=KEEP_IDLE,
            network_backend=_Network(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._deadline.until = request.extensions["until"]
        url = request.url
        message = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = self._pool.handle_request(message)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Deadline(threading.local):
    """Of the request that this thread makes, whichever connection it is on."""

    until = math.inf

    def left(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """What is left of the time for one wait."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise late("the request's time is over")
        return left if timeout is None else min(timeout, left)


class _Network(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._sockets = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._sockets.connect_tcp(host, port, left, local_address, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), PIECE):
            left = self._deadline.left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[begin : begin + PIECE], left)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self.close()
            raise
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
