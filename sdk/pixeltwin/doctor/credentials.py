"""Each platform is asked whether token and account are right; nothing of it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..frozen import FrozenDict
from ..sending import skew
from .finding import Finding, Severity

if TYPE_CHECKING:
    from ..contract import Platform
    from ..sending.checkup import Checked
    from ..tracker import Tracker

CHECK = "credentials"
_WAITS = "Its server events wait until it is put right."

# By verdict: how bad, what, why, what to do.
_SAID: Mapping[str, tuple[Severity, str, str, str]] = FrozenDict(
    {
        "token": (
            "fault",
            "{title} refuses the access token: {said}",
            _WAITS,
            "Generate a token at the platform, copy it whole, set it, and restart.",
        ),
        "account": (
            "fault",
            "{title} knows the token, but not for this pixel or account: {said}",
            _WAITS,
            "Compare the IDs with those on the platform's page: token and pixel must be of one organisation, and its "
            "user needs a role there.",
        ),
        "later": (
            "warning",
            "{title} answers, but takes nothing now: {said}",
            "Events wait and are sent again. Of token and account it said nothing.",
            "Ask again in some minutes; look at the platform's status page if it lasts.",
        ),
        "refused": (
            "warning",
            "{title} refused the made-up event it was asked with: {said}",
            "Of token and account that says nothing sure.",
            "Read its words: an ID or a setting of yours may be meant.",
        ),
        "unreachable": (
            "fault",
            "{host} cannot be reached: {said}",
            "No server event gets there from this machine.",
            "Let this machine make HTTPS connections to {host}, port {port}; a firewall, DNS or a proxy is in the way.",
        ),
        "unasked": ("warning", "{title} cannot be asked: {said}", "So its token was not tried.", ""),
    }
)


def credentials(tracker: Tracker, platform: Platform) -> Iterator[Finding]:
    """What this platform answers now, and how far the clocks are apart. What it answers is health from now on."""
    if not platform.sends:
        return
    checked = tracker.delivery.check(platform.destination, tracker.clock())
    if checked.verdict == "accepted":
        took = f"{checked.seconds * 1000:.0f} ms"
        yield Finding(CHECK, "ok", f"{platform.title} takes token and account ({took}).", platform=platform.name)
    else:
        yield _trouble(platform, checked)
    yield from _clock(platform, checked)


def _trouble(platform: Platform, checked: Checked) -> Finding:
    severity, what, why, do = _SAID[checked.verdict]
    url = urlsplit(platform.api_url)
    words = {
        "title": platform.title,
        "said": checked.said.rstrip(".") + ".",
        "host": url.hostname or platform.api_url,
        "port": url.port or (80 if url.scheme == "http" else 443),
    }
    return Finding(CHECK, severity, what.format(**words), why, do.format(**words), platform.name)


def _clock(platform: Platform, checked: Checked) -> Iterator[Finding]:
    ahead = checked.skew
    if ahead is None:
        return
    if abs(ahead) <= skew.ALARMING:
        yield Finding("clock", "ok", f"This clock and {platform.title}'s agree.", platform=platform.name)
        return
    way = "ahead of" if ahead > 0 else "behind"
    what = f"This machine's clock is {abs(ahead):.0f} s {way} {platform.title}'s."
    why = "Events get wrong times, and may be refused or not recognised as twins."
    yield Finding("clock", "fault", what, why, "Synchronise it (NTP).", platform.name)
