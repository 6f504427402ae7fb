"""The same page fetched twice: what should differ and does not was made once and kept for everybody. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .document import Document
from .finding import Finding

if TYPE_CHECKING:
    from ..contract import Platform
    from .fetching import Fetched

CHECK = "cache"
SHORTEST_ID = 6  # characters; shorter values are flags and counters


def repeated(
    platforms: Sequence[Platform], first: Fetched, second: Fetched, one: Document, other: Document
) -> Iterator[Finding]:
    """What two visitors, who know nothing of each other, were both given."""
    twice = one.conversions & other.conversions
    foreign = _call_ids(platforms, one) & _call_ids(platforms, other)
    kept = _kept(second)
    if twice or foreign:
        why = "Visitors share an ID: the platforms count the first of them and take the rest for copies."
        do = "Let no cache keep such pages (Cache-Control: no-store), or set PIXELTWIN_PAGE_CACHE=shared."
        example = min(twice or foreign)
        what = f"Two visitors got the same conversion ID ({example[:12]}…): the page is a cached one."
        yield Finding(CHECK, "fault", what, why, do)
    nonces = {tag.nonce for tag in one.scripts} & {tag.nonce for tag in other.scripts} - {""}
    if nonces:
        why = "Whoever knows it can run scripts on the page; and it matches no header that is made anew."
        do = "Make the nonce in each response, and let no cache keep the page; or set PIXELTWIN_PAGE_CACHE=shared."
        yield Finding(CHECK, "warning", "Two responses have the same nonce: the page is a cached one.", why, do)
    if one.conversions and not twice and first.public:
        why = "Sooner or later a visitor gets the conversions of another."
        do = "Answer such pages with Cache-Control: no-store; what is put in front of the application changes it."
        yield Finding(CHECK, "fault", "A page with conversions in it may be kept by any cache.", why, do)
    if kept and not (twice or foreign):
        why = "That is well, as long as nothing of a visitor is in it, and PIXELTWIN_PAGE_CACHE=shared is set."
        yield Finding(CHECK, "note", f"A cache answered ({kept}).", why)
    elif not (twice or foreign or nonces):
        yield Finding(CHECK, "ok", "Two visitors got pages of their own.")


def _kept(fetched: Fetched) -> str:
    """The header that says that a cache answered; empty where none does."""
    for name in ("x-cache", "cf-cache-status", "x-cache-status", "x-vercel-cache"):
        if "hit" in fetched.headers.get(name, "").lower():
            return f"{name}: {fetched.headers[name]}"
    age = fetched.headers.get("age", "")
    return f"age: {age}" if re.fullmatch("0*[1-9][0-9]{0,9}", age) else ""


def _call_ids(platforms: Sequence[Platform], document: Document) -> frozenset[str]:
    """The IDs that calls of the pixels carry on the page, whoever wrote them."""
    names = {platform.emulator().fields[0].call for platform in platforms}
    carried = re.compile(
        rf"['\"]?\b(?:{'|'.join(map(re.escape, sorted(names)))})['\"]?\s*:\s*['\"]([^'\"\s]{{{SHORTEST_ID},256}})['\"]"
    )
    return frozenset(found for one in document.foreign for found in carried.findall(one.code))
