"""OneTrust: the cookies `OptanonConsent` and `OptanonAlertBoxClosed`.

`OptanonConsent` is written like a query string, `…&groups=C0001%3A1%2CC0004%3A0&geolocation=US%3BCA…`: a group is 1
where it is allowed. It is there before the visitor has said anything, with the site's defaults; only
`OptanonAlertBoxClosed` (the time of it) tells that he has. Source: OneTrust's help pages "OneTrust Cookies" and
"Cookie Consent Integration", and cookies as sites set them, 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from ..consent import Consent
from ..contract import Platform
from .source import ConsentSource

TARGETING = "C0004"  # the group that OneTrust's own templates put advertising in


@dataclass(frozen=True, slots=True)
class OneTrust(ConsentSource):
    """`group` is the one that advertising belongs to on this site."""

    group: str = TARGETING

    @property
    def name(self) -> str:
        return "onetrust"

    def read(self, cookies: Mapping[str, str], platforms: Sequence[Platform] = ()) -> Consent:
        if not cookies.get("OptanonAlertBoxClosed") or "OptanonConsent" not in cookies:
            return Consent.pending()
        found = parse_qs(cookies["OptanonConsent"])
        groups = dict(_pair(one) for one in found.get("groups", [""])[0].split(","))
        if groups.get(self.group) != "1":
            return Consent.denied()
        country, _, state = found.get("geolocation", [""])[0].partition(";")
        return Consent("granted", country=_letters(country), state=_letters(state))


def _pair(group: str) -> tuple[str, str]:
    name, _, value = group.partition(":")
    return name.strip(), value.strip()


def _letters(place: str) -> str | None:
    """A two-letter code, or nothing."""
    return place.upper() if len(place) == 2 and place.isascii() and place.isalpha() else None
