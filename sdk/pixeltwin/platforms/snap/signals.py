"""What Snap leaves with a visitor: the click id of its ads, the pixel's cookie, and the hosts the pixel talks to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from ...contract import Signals

CLICK_PARAMETER = "ScCid"  # in exactly this case on landing URLs; its value's case is kept
BROWSER_COOKIES = ("_scid", "_scid_r")  # the pixel's id of the browser, and its replica; 13 months

# Who else keeps the click id: Snap's server tag, a WooCommerce plugin, and the pixel itself ("2|" says: from the URL).
_CLICK_COOKIES = ("_scclid", "ScCid")
_PIXEL_CLICK_COOKIES = ("_scsrid", "_scsrid_r")
OWN_COOKIES = (*BROWSER_COOKIES, *_PIXEL_CLICK_COOKIES, "_sctr")  # seen of the real script, 2026-04
_FROM_URL = "2|"

_SIGNAL = re.compile(r"[!-~]{1,512}")
# An ad's own tracking parameter may carry the landing URL with the click id in it; the pixel looks there too.
_INSIDE = re.compile(r"[?&]ScCid=([0-9A-Fa-f-]{36})(?![^&])")

# Seen on the wire of the real script (3.54.7, 2026-04); Snap publishes no list. tr6 is its IPv6 host.
_SCRIPT = "https://sc-static.net"
_HITS = "https://tr.snapchat.com"
_HITS_6 = "https://tr6.snapchat.com"


def read(query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
    """The landing URL's click id, else a cookie's; the pixel's browser id as it stands in its cookie."""
    return Signals(
        click_id=next(filter(_SIGNAL.fullmatch, _clicks(query, cookies)), None),
        browser_id=next(filter(_SIGNAL.fullmatch, (cookies.get(name, "") for name in BROWSER_COOKIES)), None),
    )


def _clicks(query: Mapping[str, str], cookies: Mapping[str, str]) -> Iterator[str]:
    yield query.get(CLICK_PARAMETER, "")
    for value in query.values():
        inside = _INSIDE.search(value)
        if inside:
            yield inside[1]
    for name in _CLICK_COOKIES:
        yield cookies.get(name, "")
    for name in _PIXEL_CLICK_COOKIES:
        source = unquote(cookies.get(name, ""))
        if source.startswith(_FROM_URL):
            yield source[len(_FROM_URL) :]


def csp_sources(script_url: str) -> Mapping[str, tuple[str, ...]]:
    """By directive. A script from elsewhere (the sandbox, a gateway) sends its hits to where it came from."""
    parts = urlsplit(script_url)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
    elsewhere = (origin,) if origin != _SCRIPT else ()
    return {
        "script-src": (_SCRIPT, _HITS, *elsewhere),
        "connect-src": (_HITS, _HITS_6, *elsewhere),
        "frame-src": (_HITS,),
        "img-src": (_HITS,),
    }
