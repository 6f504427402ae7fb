"""Pixels on a page: ours, the same or another one beside it, and snippets whose stand-ins nobody filled in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..consent import Consent
from ..errors import CannotSend
from ..visitor import NOBODY
from .document import Document
from .finding import Finding

if TYPE_CHECKING:
    from ..contract import Platform

CHECK = "pixels"
# Stand-ins of the snippets that platforms and their partners hand out, such as '__INSERT_USER_EMAIL__'.
STAND_IN = re.compile(
    r"__INSERT_\w+__|<?\b(?:YOUR|INSERT|ENTER)[ _-](?:\w+[ _-])?(?:PIXEL|TAG|ACCOUNT|EMAIL)(?:[ _-](?:ID|HERE))*\b>?",
    re.I,
)
_TAG_MANAGERS = re.compile(r"googletagmanager\.com/gtm\.js|/gtm\.js\?id=GTM-")


def installed(platforms: Sequence[Platform], document: Document) -> Iterator[Finding]:
    """Which pixels the page starts, and how often."""
    yield from _snippet(document)
    foreign = [*_second(platforms, document)]
    yield from foreign
    for script in document.foreign:
        stand_in = STAND_IN.search(script.code)
        if stand_in:
            why = "A pixel that is started with it counts for nobody, or tells everybody the same."
            do = "Take this snippet away: pixeltwin renders its own."
            yield Finding(CHECK, "fault", f"A snippet on the page still has its stand-in {stand_in[0]}.", why, do)
    if any(_TAG_MANAGERS.search(one.code or one.src) for one in document.foreign):
        why = "Tags in its container may start the same pixels a second time; that is not seen from here."
        yield Finding(CHECK, "note", "A tag manager is on the page.", why, "Look for these platforms in its container.")
    yield from _shown(platforms, document)


def _snippet(document: Document) -> Iterator[Finding]:
    if not document.ours:
        why = "No pixel is started here, and a click id in the address is not kept."
        do = "Put {{ pixeltwin.head() }} into the head of the page's template."
        yield Finding(CHECK, "fault", "pixeltwin is not on this page.", why, do)
    elif len(document.told) > 1:
        why = "What one page tells twice is fired once, but each costs the visitor its bytes."
        what = f"pixeltwin is on this page {len(document.told)} times."
        yield Finding(CHECK, "warning", what, why, "Leave one {{ pixeltwin.head() }}, in the head.")


def _shown(platforms: Sequence[Platform], document: Document) -> Iterator[Finding]:
    wanted = [one for one in platforms if one.browser]
    if not document.ours:
        return
    if not document.pixels:
        why = "That is right for somebody who has not agreed, and for a page that a cache keeps for everybody."
        do = "To see the page of somebody who has, pass his banner's cookie: --cookie 'name=value'."
        yield Finding(CHECK, "note", "The page starts no pixel for a visitor without cookies.", why, do)
        return
    for platform in wanted:
        if platform.name in document.pixels:
            what = f"{platform.title}'s pixel is started by pixeltwin."
            yield Finding(CHECK, "ok", what, platform=platform.name)
        else:
            why = "Its consent is not given, or its browser half is off where this page is served."
            what = f"{platform.title}'s pixel is not started on this page."
            yield Finding(CHECK, "warning", what, why, "Compare the settings of the server with these.", platform.name)


def _second(platforms: Sequence[Platform], document: Document) -> Iterator[Finding]:
    """Installations of the same platforms beside ours."""
    for platform in platforms:
        starts = _started(platform, document)
        loaded = _loaded(platform, document)
        if not starts and not loaded:
            continue
        own = _account(platform)
        do = "Take the other one away, from the template, the theme or the plugin it comes from."
        if own in starts or (loaded and not starts):
            what = f"{platform.title}'s pixel is on the page a second time."
            why = "What it fires has other IDs, or none: the platform counts conversions twice."
            yield Finding(CHECK, "fault", what, why, do, platform.name)
        else:
            others = ", ".join(sorted(starts))
            what = f"Another pixel of {platform.title} is on the page: {others[:80]}."
            why = "Both hear what is fired, so a conversion is told to both accounts."
            yield Finding(CHECK, "warning", what, why, do, platform.name)


def _loaded(platform: Platform, document: Document) -> bool:
    """Whether another script loads this platform's: by its element, or in code that also has its function. A consent
    tool's list of scripts has the address alone."""
    address = platform.default_script_url.partition("?")[0].partition("//")[2]
    call = _start(platform)
    function = re.compile(rf"\b{re.escape(call[0])}\b") if call else None
    return any(
        address in one.src or (address in one.code and bool(function and function.search(one.code)))
        for one in document.foreign
    )


def _started(platform: Platform, document: Document) -> frozenset[str]:
    """The accounts that other scripts start this platform's pixel for."""
    call = _start(platform)
    if call is None:
        return frozenset()
    function, verb = (re.escape(one) for one in call[:2])
    starts = re.compile(rf"\b{function}\s*\(\s*['\"]{verb}['\"]\s*,\s*['\"]?([^'\",)\s]+)", re.I)
    return frozenset(found.lower() for one in document.foreign for found in starts.findall(one.code))


def _account(platform: Platform) -> str:
    call = _start(platform)
    return call[2].lower() if call else ""


def _start(platform: Platform) -> tuple[str, str, str] | None:
    """How a page starts this pixel: function, verb and account."""
    try:
        calls = platform.init_calls(NOBODY, Consent.granted())
    except CannotSend:
        return None
    first = next((call for call in calls if len(call.args) > 1), None)
    return (first.function, str(first.args[0]), str(first.args[1])) if first else None
