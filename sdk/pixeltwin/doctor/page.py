"""A page of the site, as strangers get it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

from . import document
from .cookies import cookies
from .fetching import Fetched, Post, Unreachable, fetch
from .finding import Finding
from .installations import installed
from .policy import allowed
from .repeats import repeated

if TYPE_CHECKING:
    from ..contract import Platform

CHECK = "page"
CLICK = "pixeltwin-doctor"  # a click ID that no ad has


def page(post: Post, platforms: Sequence[Platform], url: str, cookie: str = "") -> Iterator[Finding]:
    """Fetch it twice, and once as an ad's click would; look at what is in it. `cookie`: of somebody who has agreed."""
    try:
        first, second = fetch(post, url, cookie), fetch(post, url, cookie)
        landed = fetch(post, _clicked(platforms, url), cookie)
    except Unreachable as error:
        why = "What is on it cannot be told."
        yield Finding(
            CHECK, "fault", f"{url} cannot be fetched: {error}.", why, "Open it in a browser of this machine."
        )
        return
    if first.status >= 400:
        why = "What is on the page itself cannot be told."
        yield Finding(
            CHECK, "fault", f"{url} answers {first.status}.", why, "Give the address of a page that is there."
        )
        return
    one, other = document.read(first.text, first.url), document.read(second.text, second.url)
    yield from installed(platforms, one)
    yield from _script(post, one)
    yield from allowed(platforms, first, one)
    yield from repeated(platforms, first, second, one, other)
    yield from cookies(landed)


def _clicked(platforms: Sequence[Platform], url: str) -> str:
    """The address as it is after a click on an ad of each platform."""
    parts = urlsplit(url)
    click = urlencode({one.click_parameter: CLICK for one in platforms})
    return urlunsplit(parts._replace(query=f"{parts.query}&{click}" if parts.query else click))


def _script(post: Post, found: document.Document) -> Iterator[Finding]:
    if not found.first_party_script:
        return
    try:
        answer: Fetched | None = fetch(post, found.first_party_script)
    except Unreachable:
        answer = None
    if answer is None or answer.status != 200 or "pixeltwin" not in answer.text:
        said = f"answers {answer.status}" if answer else "cannot be reached"
        why = "No pixel starts, and no page view is reported."
        do = "Let the paths below /_pixeltwin/ through to the application, unchanged."
        yield Finding(CHECK, "fault", f"pixeltwin's script {said}.", why, do)
    else:
        yield Finding(CHECK, "ok", "The first-party script is served.")
