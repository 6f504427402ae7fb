"""What keeps tokens and personal data out of logs, reasons and errors."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from ..contract import ServerRequest
from ..errors import ConfigurationError

SHORTEST_SECRET = 8  # a query value shorter than this is a flag, not a token
# What is somebody's, as it looks: an address, a digest, an IP address of either kind, and how all agents begin.
_PERSONAL = re.compile(
    r"(?<![^\s@\"'<>,;:=])[^\s@\"'<>,;:=]+(?:@|%40)[^\s@\"'<>,;:=]+"
    r"|\b[0-9a-fA-F]{64}\b"
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
    r"|(?<![\w:])(?=(?:[0-9a-fA-F]{1,4}:){3}|[0-9a-fA-F:]{0,30}::)[0-9a-fA-F:]{4,}"
    r"|Mozilla/\d[^\"'<>]*"
)


def network_fault(error: BaseException) -> str:
    """An error of the connection by its type and the system's: "ConnectError (ConnectionRefusedError)"."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    name = type(error).__name__
    return name if cause is None or cause is error else f"{name} ({type(cause).__name__})"


def masked(text: str, request: ServerRequest) -> str:
    """`text` without any secret of the request that it answers, nor anything of a visitor: answers and proxies echo
    what they were sent."""
    for secret in _secrets(request):
        text = text.replace(secret, "***")
    return _PERSONAL.sub("***", text)


def _secrets(request: ServerRequest) -> set[str]:
    """Whatever may be a token: the credentials of the Authorization header, and the values in the query."""
    plain = [value for _, value in parse_qsl(urlsplit(request.url).query) if len(value) >= SHORTEST_SECRET]
    for name, value in request.headers.items():
        if name.lower() == "authorization":
            plain.append(value.partition(" ")[2] or value)
    return {form for value in plain for form in (value, quote(value, safe=""), quote_plus(value)) if form}


def check_writable(request: ServerRequest) -> None:
    """Raise `ConfigurationError` for a header HTTP cannot carry (a line break in a token): HTTP libraries would quote
    it in their own errors and logs."""
    for name, value in request.headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ConfigurationError(
                f"the header {name} has a character that HTTP cannot carry; check the access token"
            )


class _Quiet(logging.Filter):
    """Drops what HTTP libraries log while a thread sends for us; what they log for others stays."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self.sending, "now", False)


@cache
def _quiet() -> _Quiet:
    quiet = _Quiet()
    for name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
        logging.getLogger(name).addFilter(quiet)
    return quiet


@contextmanager
def unlogged() -> Generator[None, None, None]:
    """While this lasts, httpx and httpcore log nothing of what this thread sends: a URL, and an answer that repeats
    it, can hold a token."""
    sending = _quiet().sending
    sending.now = True
    try:
        yield
    finally:
        sending.now = False
