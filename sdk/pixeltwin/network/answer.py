"""The body of an answer. A few thousand bytes of it can be gigabytes when they are inflated: it is asked for as it is,
and what comes compressed nevertheless is inflated piece by piece, up to the bound."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..sending.exchange import NoAnswer

if TYPE_CHECKING:
    import httpx

PLAIN = {"Accept-Encoding": "identity"}
LARGEST = 8_000_000  # bytes; the answer for a full batch has some hundred thousand
PIECE = 65_536  # bytes that are inflated at once


def body(response: httpx.Response, headers: Mapping[str, str], until: float) -> bytes:
    """All of it, by `until` of the monotonic clock. `NoAnswer` where it is too long, too slow or cannot be read."""
    parts: list[bytes] = []
    size = 0
    for part in _plain(response, headers.get("content-encoding", "").strip().lower()):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise NoAnswer("the answer is too long")
        if time.monotonic() > until:
            raise NoAnswer("the answer takes too long")
    return b"".join(parts)


def _plain(response: httpx.Response, coding: str) -> Iterable[bytes]:
    if response.is_stream_consumed:  # by a transport of the site's own, which gives it whole and inflated
        return (response.content,)
    if coding in ("", "identity"):
        return response.iter_raw()
    if coding in ("gzip", "x-gzip"):
        return _inflated(response.iter_raw())
    raise NoAnswer("the answer is compressed in a way that nobody asked for")


def _inflated(parts: Iterable[bytes]) -> Iterator[bytes]:
    gzip = zlib.decompressobj(wbits=31)
    for part in parts:
        rest, full = part, True
        while (rest or full) and not gzip.eof:
            try:
                piece = gzip.decompress(rest, PIECE)
            except zlib.error:
                raise NoAnswer("the answer is not compressed as it says") from None
            rest, full = gzip.unconsumed_tail, len(piece) == PIECE
            yield piece
