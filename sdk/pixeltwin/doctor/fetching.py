"""A page as a stranger's browser gets it, without running its scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError
from ..sending.exchange import Answer, NoAnswer
from ..values import ServerRequest
from ..version import user_agent
from ..web import joined, split_url

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Post = Callable[[ServerRequest], Answer]


class Unreachable(Exception):
    """There is no page to look at; the message says why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`url` is where it was in the end; header names are lower case; of repeated headers the values are joined by a
    comma. `before`: the redirects on the way, in their order."""

    url: str
    status: int
    headers: Mapping[str, str]
    text: str
    before: tuple[Fetched, ...] = ()

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        return (urlsplit(self.url).hostname or "").lower()

    @property
    def public(self) -> bool:
        """Whether any cache may keep it: a lifetime alone allows that too (RFC 9111, section 3)."""
        said = self.headers.get("cache-control", "").lower()
        return not re.search(r"no-store|private", said) and bool(re.search(r"public|s-maxage|max-age=[1-9]", said))


def fetch(post: Post, url: str, cookie: str = "") -> Fetched:
    """Get it, over redirects. The agent says that it is a bot, so that no view is counted. `Unreachable` where there is
    no answer."""
    before: list[Fetched] = []
    for _ in range(MOST_REDIRECTS + 1):
        parts = split_url(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(f"{url} is no address of a page")
        headers = {
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
            "User-Agent": f"Mozilla/5.0 (compatible; doctor-bot) {user_agent()}",
            **({"Cookie": cookie} if cookie else {}),
        }
        try:
            status, answered, body = post(ServerRequest("GET", url, headers, b""))
        except (NoAnswer, ConfigurationError) as error:
            raise Unreachable(str(error)) from None
        fetched = Fetched(url, status, answered, body.decode("utf-8", "replace"), tuple(before))
        if status in _REDIRECTS and answered.get("location"):
            before.append(fetched)
            url = joined(url, answered["location"]) or answered["location"]
            cookie = cookie if _same_site(parts, split_url(url)) else ""
            continue
        return fetched
    raise Unreachable(f"it redirects more than {MOST_REDIRECTS} times")


def _same_site(one: SplitResult, other: SplitResult) -> bool:
    """Whether a cookie that was given for the one may go to the other: the same host, and never from HTTPS to clear."""
    return one.netloc == other.netloc and other.scheme in (one.scheme, "https")
