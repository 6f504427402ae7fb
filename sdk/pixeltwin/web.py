"""What any framework needs of a request and a response, free of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from .contract import Platform
from .frozen import FrozenDict

OWN = "/_pixeltwin"  # below this path of an application are our own paths
ALWAYS_KEPT = ("utm_*",)
# CUBOT makes phones.
_BOTS = re.compile(r"(?<!cu)bot|crawl|spider|preview|facebookexternalhit|slurp|lighthouse|curl/|wget/|python-", re.I)
# What browsers say, Turbo (8.0), which fetches what a link leads to while the pointer is over it, and htmx's extension
# preload (2.1).
_SPECULATIVE = (
    *(("sec-purpose", "prefetch"), ("purpose", "prefetch"), ("x-purpose", "preview"), ("x-moz", "prefetch")),
    *(("x-sec-purpose", "prefetch"), ("hx-preloaded", "true")),
)
# htmx (2.0) takes the body of a page that a boosted link leads to, or that a step back shows, and Turbo (8.0) one frame
# of a page; both drop the head.
_BODY_ALONE = ("hx-boosted", "hx-history-restore-request", "turbo-frame")
_NOTHING: Mapping[str, str] = FrozenDict()
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?/[\w/.~%-]*", re.ASCII)


class Request:
    """The facts of one request. `url` is the full one; header names are lower case. `remote_addr` is whatever the
    framework says after its own proxy rules: nothing here reads X-Forwarded-For.

    `url` and `cookies` may be given as functions, asked when first needed: most pages need neither. `landing=False`
    says that the URL has no query. `root` is the path that the application is below, as URLs write it; empty for none.
    """

    def __init__(
        self,
        method: str,
        url: str | Callable[[], str],
        headers: Mapping[str, str],
        cookies: Mapping[str, str] | Callable[[], Mapping[str, str]] = _NOTHING,
        remote_addr: str | None = None,
        *,
        landing: bool = True,
        root: str = "",
    ) -> None:
        self.method = method
        self.root = root
        self.headers = headers
        self.remote_addr = remote_addr
        self._url = url
        self._cookies = cookies
        self._landing = landing

    @cached_property
    def url(self) -> str:
        return self._url if isinstance(self._url, str) else self._url()

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        return self._cookies() if callable(self._cookies) else self._cookies

    @cached_property
    def query(self) -> Mapping[str, str]:
        return query_of(self.url) if self._landing else _NOTHING

    def at(self, url: str) -> Request:
        """The same visitor on another page of this site, which this request reports on."""
        return Request("GET", url, self.headers, lambda: self.cookies, self.remote_addr, root=self.root)

    @property
    def origin(self) -> str:
        parts = split_url(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @property
    def user_agent(self) -> str | None:
        return self.headers.get("user-agent") or None

    @cached_property
    def speculative(self) -> bool:
        """Whether the browser fetches ahead of a click that may never come: nothing happens for such a request."""
        return any(word in said.lower() for name, word in _SPECULATIVE if (said := self.headers.get(name)))

    @cached_property
    def deferred(self) -> bool:
        """Whether what is in the answer's head may never be read: fetched ahead of a click, or dropped by a library."""
        return self.speculative or any(self.headers.get(name) for name in _BODY_ALONE)

    @property
    def from_bot(self) -> bool:
        """Whether this is plainly no person. Asked for page-level events only; a purchase is never doubted."""
        return not self.user_agent or bool(_BOTS.search(self.user_agent))

    @property
    def nobody(self) -> str:
        """Why there is no person who sees the page of this request, as a word to count by; empty where there is."""
        if self.from_bot:
            return "bot"
        return "fetched_ahead" if self.speculative or self.method == "HEAD" else ""

    @property
    def same_origin(self) -> bool:
        """Whether a page of this very site sent it: by Sec-Fetch-Site, else by Origin. Neither given: no."""
        site = self.headers.get("sec-fetch-site")
        if site:
            return site == "same-origin"
        return self.headers.get("origin") == self.origin

    @property
    def disguised(self) -> bool:
        """Whether a page of this very site sent it that has another address than the request seems to have, as behind a
        proxy that ends TLS and of which the framework was not told."""
        said, site = self.headers.get("origin"), self.headers.get("sec-fetch-site")
        if said is None or said == self.origin:
            return False
        return site == "same-origin" if site else said == f"https{self.origin.removeprefix('http')}"


class EnvironHeaders(Mapping[str, str]):
    """The headers in a WSGI environ, looked up in place: a request reads two or three of its dozens."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_variable(name)]
        return value

    def get(self, name: str, default: Any = None) -> Any:
        return self._environ.get(_variable(name), default)

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=64)
def _variable(name: str) -> str:
    """What WSGI calls this header: the same dozen is looked up in every request."""
    return "HTTP_" + name.upper().replace("-", "_")


class Cookie(NamedTuple):
    """A first-party cookie to set; an empty value deletes it. Always HttpOnly, SameSite=Lax, Path=/. `domain`: it goes
    to all subdomains of this one too; None: to this very host."""

    name: str
    value: str
    max_age: int | None = None
    domain: str | None = None


@dataclass(slots=True)
class ResponseChanges:
    """What a response needs because of this request. `cache` is "no-store" when it carries conversions of one visitor,
    "private" when it carries a digest of his, or lacks what others get, else empty. `varies`: it depends on the
    visitor's cookies; `differs`: so much that no cache may keep it for another, whatever it makes of `Vary`."""

    cookies: list[Cookie] = field(default_factory=list)
    cache: Literal["", "private", "no-store"] = ""
    varies: bool = False
    differs: bool = False


def query_of(url: str) -> dict[str, str]:
    """The query parameters of a URL; of a repeated one, the first."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(split_url(url).query, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def kept_parameters(platforms: Iterable[Platform], extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The query parameters a source URL may keep: click ids that some pixel may have, utm_*, and the site's own choice.
    A name that ends in * keeps all that begin so."""
    clicks = (platform.click_parameter for platform in platforms if "click_ids" not in platform.withhold)
    return tuple(dict.fromkeys([*clicks, *ALWAYS_KEPT, *extra]))


def surplus(query: Mapping[str, str], keep: Sequence[str]) -> tuple[str, ...]:
    """The query parameters that the address bar loses before a pixel can read it: what looks private, not `keep`."""
    doubtful = [name for name in query if not _kept(name, keep)]
    if not doubtful:
        return ()
    from .pages.private_parameters import looks_private  # most pages' URLs have none of what its patterns are for

    return tuple(name for name in doubtful if looks_private(name, query[name]))


def clean_url(url: str, keep: Sequence[str]) -> str:
    """The URL as platforms may see it: no credentials, no fragment, and of the query only what `keep` names.
    Empty for what is no URL."""
    if _PLAIN_URL.fullmatch(url):  # most pages have nothing to clean
        return url
    parts = split_url(url)
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if _kept(k, keep)]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query), ""))


def split_url(url: str) -> SplitResult:
    """The parts of a URL as it came from outside; of what is none, all empty. Half a surrogate pair becomes "?"."""
    try:
        return urlsplit(url.encode("utf-8", "replace").decode())
    except ValueError:  # "http://[": an IPv6 address that does not end
        return urlsplit("")


def joined(base: str, url: str) -> str:
    """Where a URL leads that came from outside, on a page at `base`; empty for what is none."""
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def _kept(name: str, keep: Sequence[str]) -> bool:
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in keep)
