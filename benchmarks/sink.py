"""Plays all platforms and the peers' servers: takes events, counts them, and answers at once, after 100 ms, or never.

`python -m benchmarks.sink` prints its addresses as a line of JSON and ends when its standard input does. It is as
simple as can be, for it shares the machine with what is measured. Its own two pages are `/-/reset` and `/-/state`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from .answers import endpoint

ROUND_TRIP = 0.1  # seconds
REMEMBERED = 4_000_000  # bytes of bodies that are kept, with the time they came in
NEVER = -1.0


@dataclass
class Ledger:
    """What came in since the last reset."""

    counts: Counter[str] = field(default_factory=lambda: Counter[str]())
    requests: Counter[str] = field(default_factory=lambda: Counter[str]())
    arrivals: list[tuple[float, str]] = field(default_factory=lambda: list[tuple[float, str]]())
    kept: int = 0

    def take(self, path: str, body: bytes) -> bytes:
        """Count the events of a request; the answer."""
        arrived = perf_counter()
        one = endpoint(path)
        count = body.count(one.mark) if one.mark else 0
        self.counts[one.name] += count
        self.requests[one.name] += 1
        if self.kept < REMEMBERED:
            self.kept += len(body)
            self.arrivals.append((arrived, body.decode("latin-1")))
        return one.answer(count)

    def page(self, path: str) -> bytes:
        if path == "/-/reset":
            self.counts.clear()
            self.requests.clear()
            self.arrivals.clear()
            self.kept = 0
        arrivals = self.arrivals if path == "/-/arrivals" else []
        return json.dumps({"counts": self.counts, "requests": self.requests, "arrivals": arrivals}).encode()


class Connection(asyncio.Protocol):
    """Reads requests with a Content-Length, one after the other, and answers them."""

    transport: asyncio.Transport

    def __init__(self, ledger: Ledger, delay: float) -> None:
        self.ledger = ledger
        self.delay = delay
        self.buffer = bytearray()
        self.head = b""
        self.missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self._serve():
            pass

    def _serve(self) -> bool:
        """Answer a request that is there whole; whether there was one."""
        if not self.head:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head = bytes(self.buffer[:end])
            del self.buffer[: end + 4]
            self.missing = int(_header(self.head, b"content-length") or 0)
        if len(self.buffer) < self.missing:
            return False
        body = bytes(self.buffer[: self.missing])
        del self.buffer[: self.missing]
        self._answer(self.head.split(b" ", 2)[1].decode("latin-1"), body)
        self.head = b""
        return True

    def _answer(self, path: str, body: bytes) -> None:
        if path.startswith("/-/"):
            self._write(self.ledger.page(path))
            return
        if _header(self.head, b"content-encoding") == b"gzip":
            body = gzip.decompress(body)
        answer = self.ledger.take(path, body)
        if self.delay > 0:
            asyncio.get_running_loop().call_later(self.delay, self._write, answer)
        elif self.delay != NEVER:
            self._write(answer)

    def _write(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


def _header(head: bytes, name: bytes) -> bytes:
    lower = head.lower()
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    begin = at + len(name) + 3
    end = lower.find(b"\r\n", begin)
    return lower[begin : end if end >= 0 else None].strip()


async def _serve() -> None:
    ledger = Ledger()
    loop = asyncio.get_running_loop()
    addresses: dict[str, str] = {}
    for name, delay in (("prompt", 0.0), ("slow", ROUND_TRIP), ("hangs", NEVER)):
        server = await loop.create_server(partial(Connection, ledger, delay), "127.0.0.1", 0, backlog=512)
        addresses[name] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps(addresses), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
