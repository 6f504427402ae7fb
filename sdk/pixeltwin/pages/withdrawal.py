"""What is left in a browser of platforms that a visitor refuses: their scripts, and the cookies these set there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from ..consent import Consent
from ..contract import BrowserCall, Platform
from ..values import OnFault
from ..web import Cookie, Request


def cleared(platforms: Iterable[Platform], consent: Consent, request: Request) -> list[Cookie]:
    """The cookies to delete: those of denied platforms that the request carries. Of another pixel of the same platform
    that is allowed none is touched."""
    platforms = list(platforms)
    kept = {platform.kind for platform in platforms if platform.state(consent) != "denied"}
    names = [name for platform in platforms if platform.kind not in kept for name in platform.own_cookies]
    found = [name for name in dict.fromkeys(names) if name in request.cookies]
    if not found:
        return []
    domains = [None, *_domains(urlsplit(request.url).hostname or "")]
    return [Cookie(name, "", domain=domain) for name in found for domain in domains]


def _domains(host: str) -> Iterator[str]:
    """The domains a script of this host may have chosen; a browser lets none choose a whole top-level domain."""
    labels = host.split(".")
    if labels[-1].isdigit() or ":" in host:  # an address
        return
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def stopped(platforms: Iterable[Platform], consent: Consent, *, fault: OnFault) -> list[list[object]]:
    """How the pixels of a page stop that may not be told any more, and what undoes that, as data for the script.
    `fault` is told of a platform whose code fails."""
    found: list[list[object]] = []
    for platform in platforms:
        if platform.browser and platform.state(consent) == "denied":
            try:
                found.append([platform.name, *_as_data(platform.stop_calls(), platform.resume_calls())])
            except Exception as error:
                fault(platform.name, error)
    return found


def _as_data(*all_calls: Iterable[BrowserCall]) -> Iterator[list[object]]:
    return ([[call.function, call.args] for call in calls] for calls in all_calls)
