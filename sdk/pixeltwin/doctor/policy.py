"""A page's Content-Security-Policy against what the pixels need (CSP Level 3, W3C, 2024). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .document import Document
from .finding import Finding

if TYPE_CHECKING:
    from ..contract import Platform
    from .fetching import Fetched

CHECK = "csp"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: sources by directive."""

    directives: Mapping[str, tuple[str, ...]]

    @classmethod
    def parsed(cls, text: str) -> Policy:
        found: dict[str, tuple[str, ...]] = {}
        for part in text.split(";"):
            name, *sources = part.split()[:1] + part.split()[1:] or [""]
            if name:
                found.setdefault(name.lower(), tuple(sources))  # of a repeated directive the first counts
        return cls(found)

    def sources(self, directive: str) -> tuple[str, ...] | None:
        """What holds for a directive: its own list, or what it falls back to; None where all is allowed."""
        for name in (directive, *_FALLBACKS.get(directive, ()), "default-src"):
            if name in self.directives:
                return self.directives[name]
        return None

    def allows(self, directive: str, origin: str, page: str) -> bool:
        """Whether something from this origin is allowed on that page."""
        sources = self.sources("script-src-elem" if directive == "script-src" else directive)
        if sources is None:
            return True
        if directive == "script-src" and "'strict-dynamic'" in sources:
            return True  # whatever a trusted script adds is trusted, and lists of hosts are not looked at
        return any(_matches(source, origin, page) for source in sources)

    def runs(self, nonce: str, page: str, src: str) -> bool:
        """Whether a script element runs: one with this nonce, inline or from `src`."""
        sources = self.sources("script-src-elem")
        if sources is None or (nonce and f"'nonce-{nonce}'" in sources):
            return True
        strict = "'strict-dynamic'" in sources
        if src:
            return not strict and any(_matches(source, _origin(src), page) for source in sources)
        guarded = strict or any(one.startswith(("'nonce-", "'sha")) for one in sources)
        return "'unsafe-inline'" in sources and not guarded


_FALLBACKS: Mapping[str, Sequence[str]] = {
    "script-src-elem": ("script-src",),
    "frame-src": ("child-src",),
}


def _matches(source: str, origin: str, page: str) -> bool:
    """Whether a source expression covers an origin ("https://host", or 'self')."""
    if origin == "'self'":
        origin = _origin(page)
    if source == "*":
        return urlsplit(origin).scheme in _PORTS
    if source == "'self'":
        return origin == _origin(page)
    wanted = urlsplit(origin)
    if source.endswith(":") and "/" not in source:
        return source[:-1].lower() in (wanted.scheme, "http" if wanted.scheme == "https" else wanted.scheme)
    if source.startswith("'"):
        return False
    try:
        given = urlsplit(source if "//" in source else f"//{source}")
        port = None if given.netloc.endswith(":*") else given.port or wanted.port or _PORTS.get(wanted.scheme)
    except ValueError:  # no source that a browser could read either
        return False
    if given.scheme and given.scheme != wanted.scheme and (given.scheme, wanted.scheme) != ("http", "https"):
        return False
    if port not in (None, wanted.port or _PORTS.get(wanted.scheme)):
        return False
    host, own = (given.hostname or "").lower(), (wanted.hostname or "").lower()
    return own.endswith(host[1:]) and own != host[2:] if host.startswith("*.") else own == host


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def policies(fetched: Fetched, document: Document) -> list[Policy]:
    """The policies that hold on a page: each of them must allow what happens."""
    # A header with several policies has commas between them; sources have none.
    header = fetched.headers.get("content-security-policy", "")
    return [Policy.parsed(text) for text in (*header.split(","), *document.policies) if text.strip()]


def allowed(platforms: Sequence[Platform], fetched: Fetched, document: Document) -> Iterator[Finding]:
    """Whether the page's policies let the pixels load, send and ask, and our own script run."""
    found = policies(fetched, document)
    if not found:
        reported = "content-security-policy-report-only" in fetched.headers
        what = "The page only reports against a policy." if reported else "The page has no Content-Security-Policy."
        yield Finding(CHECK, "ok", f"{what} Nothing blocks a pixel.")
        return
    blocked = [*_blocked_scripts(found, fetched, document)]
    for platform in platforms:
        if platform.browser:
            blocked += _blocked_hosts(found, platform, fetched)
    yield from blocked
    if not blocked:
        yield Finding(CHECK, "ok", "The Content-Security-Policy allows all that the pixels need.")


def _blocked_scripts(found: Sequence[Policy], fetched: Fetched, document: Document) -> Iterator[Finding]:
    for script in document.ours:
        if script.runs and not all(policy.runs(script.nonce, fetched.url, script.src) for policy in found):
            what = "The page's policy blocks pixeltwin's own script."
            why = "No pixel starts, and no page view is reported."
            do = "Give head() the nonce of the response (head(nonce=…)), or allow 'self' in script-src."
            yield Finding(CHECK, "fault", what, why, do)
            return
    if document.ours and not all(policy.allows("connect-src", "'self'", fetched.url) for policy in found):
        why = "Page views, clicks and forms are not reported to the site itself."
        yield Finding(
            CHECK, "fault", "The page's policy blocks requests to its own site.", why, "Allow 'self' in connect-src."
        )


def _blocked_hosts(found: Sequence[Policy], platform: Platform, fetched: Fetched) -> Iterator[Finding]:
    missing = {
        directive: lacking
        for directive, origins in platform.csp_sources().items()
        if (
            lacking := [
                origin
                for origin in origins
                if not all(policy.allows(directive, origin, fetched.url) for policy in found)
            ]
        )
    }
    if not missing:
        return
    rules = "; ".join(f"{directive} {' '.join(origins)}" for directive, origins in missing.items())
    what = f"The page's policy blocks what {platform.title}'s pixel needs."
    why = "The browser half is not counted, or only in part; the console of the browser says so."
    do = f"Add to the policy (twin.csp_sources() lists them all): {rules}"
    yield Finding(CHECK, "fault", what, why, do, platform.name)
