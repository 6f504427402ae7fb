"""The requests themselves, newest kept, for whoever wants to look at them with other tools: no tokens, no cookies."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl

from ..emulation import Incoming
from ..replies import json_body
from ..strictjson import encode
from .masking import MASK, is_secret, masked, masked_text, secrets_of

EXCHANGES = 500  # the newest are kept
BYTES = 16 * 1024 * 1024  # of their bodies in all
LONGEST = 64 * 1024  # bytes kept of one body
_FORM = re.compile(r"((?:token|secret|password|authorization)[^&=\s\"]{0,40}=)[^&\s]+", re.IGNORECASE)
_PRIVATE = ("cookie", "set-cookie")  # in an application's own development these are its sessions


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a platform and its answer; status 0 where there was none. `took` is seconds of real time."""

    platform: str
    moment: datetime
    took: float
    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes
    remark: str = ""

    @property
    def size(self) -> int:
        return len(self.body) + len(self.answer)


def exchange(
    platform: str, base: str, incoming: Incoming, moment: datetime, took: float, status: int, answer: bytes
) -> Exchange:
    """What may be kept of a request and its answer. `base` is the URL that the path is below."""
    secrets = secrets_of(incoming.query, incoming.headers)
    query = tuple(
        (name, MASK if value and is_secret(name) else masked_text(value, secrets))
        for name, value in parse_qsl(incoming.query, keep_blank_values=True)
    )
    headers = {name: _header(name, value, secrets) for name, value in incoming.headers.items()}
    return Exchange(
        platform=platform,
        moment=moment,
        took=took,
        method=incoming.method,
        url=masked_text(f"{base}{incoming.path}", secrets),
        query=query,
        headers=headers,
        body=_body(incoming.body, secrets),
        status=status,
        answer_headers={},
        answer=_body(answer, secrets),
    )


def _header(name: str, value: str, secrets: tuple[str, ...]) -> str:
    return MASK if name in _PRIVATE or is_secret(name) else masked_text(value, secrets)


def _body(body: bytes, secrets: tuple[str, ...]) -> bytes:
    parsed = json_body(body)
    text = _FORM.sub(rf"\1{MASK}", masked_text(body.decode("utf-8", "replace"), secrets)).encode()
    if isinstance(parsed, (dict, list)):
        try:
            text = encode(masked(parsed, secrets))
        except TypeError:  # a number beyond 64 bits: the text as it came
            return text[:LONGEST]
    return text[:LONGEST]


class Journal:
    """The newest exchanges, bounded in number and bytes. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: deque[Exchange] = deque()
        self._bytes = 0

    def add(self, one: Exchange, headers: Mapping[str, str], remark: str = "") -> None:
        """Keep an exchange, whose answer had these headers. `remark` says what the sandbox did to it."""
        shown = {name: MASK if name.lower() in _PRIVATE else value for name, value in headers.items()}
        with self._lock:
            self._newest.append(replace(one, answer_headers=shown, remark=remark))
            self._bytes += one.size
            while len(self._newest) > EXCHANGES or self._bytes > BYTES:
                self._bytes -= self._newest.popleft().size

    def all(self) -> list[Exchange]:
        """Those that are kept, oldest first."""
        with self._lock:
            return list(self._newest)

    def reset(self) -> None:
        with self._lock:
            self._newest.clear()
            self._bytes = 0
