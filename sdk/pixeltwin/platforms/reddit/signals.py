"""What Reddit leaves with a visitor: the click id of its ads, the pixel's cookie, and the hosts the pixel talks to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...contract import Signals

CLICK_PARAMETER = "rdt_cid"  # on the landing URL of every ad click; opaque, today 19 digits
CLICK_COOKIES = ("_rdt_cid", "rdt_cid")  # the pixel's copy of it, and the name that older server tags used
UUID_COOKIE = "_rdt_uuid"  # set by the pixel: <ms>.<uuid v4>, 90 days, SameSite=Strict
OWN_COOKIES = (UUID_COOKIE, "_rdt_cid", "_rdt_em")  # on the registrable domain; seen of the real script, 2024-10

_CLICK_ID = re.compile(r"[!-~]{1,256}")
_UUID = re.compile(r"(?:[0-9]{10,16}\.)?[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)

# Seen on the wire of the real script (2024-10 and 2026-07); Reddit publishes no list.
_SCRIPT = "https://www.redditstatic.com"
_HITS = "https://alb.reddit.com"
_CONFIGURATION = ("https://pixel-config.reddit.com", "https://conversions-config.reddit.com")


def uuid(value: str | None) -> str | None:
    """A browser id as the API takes it, with or without the pixel's time before it. None for anything else: one that
    is no RFC 4122 UUID voids the whole batch (recorded answer of the v3 API)."""
    return value if value and _UUID.fullmatch(value) else None


def read(query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
    """The landing URL's click id, else a cookie's; the pixel's browser id."""
    candidates = (query.get(CLICK_PARAMETER, ""), *(cookies.get(name, "") for name in CLICK_COOKIES))
    click = next((one for one in candidates if _CLICK_ID.fullmatch(one)), None)
    return Signals(click_id=click, browser_id=uuid(cookies.get(UUID_COOKIE, "")))


def csp_sources(script_url: str) -> Mapping[str, tuple[str, ...]]:
    """By directive. A script from elsewhere (the sandbox, a proxy) sends its hits to where it came from."""
    parts = urlsplit(script_url)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
    elsewhere = (origin,) if origin != _SCRIPT else ()
    return {
        "script-src": (_SCRIPT, *elsewhere),
        "img-src": (_HITS, *elsewhere),
        "connect-src": (_HITS, *_CONFIGURATION, _SCRIPT, *elsewhere),
    }
