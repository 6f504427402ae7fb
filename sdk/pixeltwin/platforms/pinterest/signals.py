"""What Pinterest leaves on a visitor, and the hosts its tag needs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ...contract import Signals

CLICK_PARAMETER = "epik"
OWN_COOKIES = ("_epik", "_derived_epik", "_pin_unauth")  # a year; help.pinterest.com, tag parameters


def read(query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
    """The click id, raw: Pinterest wants it neither hashed nor changed.

    Pinterest asks for the `_epik` cookie, which its tag fills from `?epik=` (365 days). A request that brings `?epik=`
    comes before the tag has run, so the URL holds what the cookie is about to hold.
    """
    return Signals(click_id=query.get(CLICK_PARAMETER) or cookies.get("_epik") or None)


def csp_sources(script_url: str, collect_url: str) -> Mapping[str, tuple[str, ...]]:
    """By directive, as observed on the tag (2025-04): core.js and its library, a token script, hits, a sync frame."""
    script, collect = _origin(script_url), _origin(collect_url)
    return {
        "script-src": tuple(dict.fromkeys((script, collect))),
        "img-src": (collect,),
        "connect-src": (collect,),
        "frame-src": (collect,),
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
