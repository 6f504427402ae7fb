"""Cookies and proxy trust, as a landing from an ad shows them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..pages.carried import CLICKS_COOKIE
from .finding import Finding

if TYPE_CHECKING:
    from .fetching import Fetched

CHECK = "cookies"
# Cookies that were joined into one header: a comma before the next name=value, not the one within a date.
_NEXT = re.compile(r",\s*(?=[^;,=\s]+=)")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def cookies(landed: Fetched) -> Iterator[Finding]:
    """What a visit with click ids was answered with, on its way over redirects too."""
    if not landed.secure and landed.host not in _LOCAL:
        why = "Cookies and click IDs travel in clear, and browsers keep pixels from much of what they need."
        yield Finding(CHECK, "fault", "The page is not served over HTTPS.", why, "Redirect http:// to https://.")
    kept = [(answer, one) for answer in (*landed.before, landed) for one in _clicks(answer)]
    if not kept:
        why = "Click IDs are kept for visitors who agreed; this one has not been asked."
        do = "Pass the cookie of a banner that was answered, --cookie 'name=value', to see."
        yield Finding(CHECK, "note", "A landing with click IDs sets no cookie for them.", why, do)
    elif any(answer.secure and not re.search(r";\s*secure\b", one, re.I) for answer, one in kept):
        what = "The application does not know that it is served over HTTPS."
        why = "It trusts no proxy: its cookies lack Secure, and the visitor's IP address is taken to be the proxy's."
        do = "Say how many proxies to believe: app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1) (Werkzeug)."
        yield Finding(CHECK, "fault", what, why, do)
    elif any(answer.public for answer, _ in kept):
        why = "A cache may give one visitor the click ID of another."
        do = "Let no cache keep responses that set cookies."
        yield Finding(CHECK, "warning", "A response that sets cookies may be kept by any cache.", why, do)
    elif not any(_reaches(landed.host, answer.host, one) for answer, one in kept):
        what = f"The click IDs stay at {kept[0][0].host}, which redirects to {landed.host}."
        why = "Browsers send its cookies to no other host."
        do = "Redirect with the whole query, or set PIXELTWIN_COOKIE_DOMAIN to the domain of both."
        yield Finding(CHECK, "warning", what, why, do)
    else:
        yield Finding(CHECK, "ok", "A landing keeps its click IDs.")


def _clicks(answer: Fetched) -> list[str]:
    return [one for one in _NEXT.split(answer.headers.get("set-cookie", "")) if one.startswith(f"{CLICKS_COOKIE}=")]


def _reaches(host: str, setter: str, cookie: str) -> bool:
    """Whether browsers send a cookie to `host` that `setter` has set."""
    domain = re.search(r";\s*domain=\.?([^;,\s]+)", cookie, re.I)
    return host == setter or bool(domain and f".{host}".endswith(f".{domain[1].lower()}"))
