"""What Courier leaves with a visitor, and the hosts its pixel talks to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pixeltwin.contract import Signals

CLICK_PARAMETER = "courier_id"
COOKIE = "_courier"


def read(query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
    """The landing URL's click id, and the browser id of the pixel's cookie."""
    return Signals(query.get(CLICK_PARAMETER) or None, cookies.get(COOKIE) or None)


def csp_sources(script_url: str) -> Mapping[str, tuple[str, ...]]:
    """By directive. The pixel sends its hits to where its script came from."""
    parts = urlsplit(script_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {"script-src": (origin,), "img-src": (origin,)}
