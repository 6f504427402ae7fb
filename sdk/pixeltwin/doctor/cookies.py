"""Cookies and proxy trust, as a landing from an ad shows them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .finding import Finding

if TYPE_CHECKING:
    from .fetching import Fetched

CHECK = "cookies"
OURS = "pixeltwin_"
# Cookies that were joined into one header: a comma before the next name=value, not the one within a date.
_NEXT = re.compile(r",\s*(?=[^;,=\s]+=)")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def cookies(landed: Fetched) -> Iterator[Finding]:
    """What a visit with click ids was answered with."""
    host = (urlsplit(landed.url).hostname or "").lower()
    if not landed.secure and host not in _LOCAL:
        why = "Cookies and click IDs travel in clear, and browsers keep pixels from much of what they need."
        yield Finding(CHECK, "fault", "The page is not served over HTTPS.", why, "Redirect http:// to https://.")
    ours = [one for one in _NEXT.split(landed.headers.get("set-cookie", "")) if one.startswith(OURS)]
    if not ours:
        why = "Click IDs are kept for visitors who agreed; this one has not been asked."
        do = "Pass the cookie of a banner that was answered, --cookie 'name=value', to see."
        yield Finding(CHECK, "note", "A landing with click IDs sets no cookie of pixeltwin.", why, do)
        return
    if landed.secure and any(not re.search(r";\s*secure\b", one, re.I) for one in ours):
        what = "The application does not know that it is served over HTTPS."
        why = "It trusts no proxy: its cookies lack Secure, and the visitor's IP address is taken to be the proxy's."
        do = "Say how many proxies to believe: app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1) (Werkzeug)."
        yield Finding(CHECK, "fault", what, why, do)
    elif landed.headers.get("cache-control", "") and re.search(r"public|s-maxage", landed.headers["cache-control"]):
        why = "A cache may give one visitor the click ID of another."
        do = "Let no cache keep responses that set cookies."
        yield Finding(CHECK, "warning", "A response that sets cookies may be kept by any cache.", why, do)
    else:
        yield Finding(CHECK, "ok", "A landing keeps its click IDs.")
