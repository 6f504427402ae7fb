"""IAB Europe's Transparency and Consent Framework: the cookie `euconsent-v2`, vendor by vendor.

A platform is allowed when its own entry on the Global Vendor List has consent and so has every purpose it needs. A TC
string can say nothing of a company that is not on that list, so such a platform is denied unless the site decides that
the purposes alone shall count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..consent import Consent, State
from ..contract import Platform
from ..frozen import FrozenDict
from .source import ConsentSource
from .tcstring import NotATCString, TCString, decode

COOKIE = "euconsent-v2"
Unlisted = Literal["denied", "purposes"]
_NONE_GIVEN: Mapping[str, int] = FrozenDict()


@dataclass(frozen=True, slots=True)
class Tcf(ConsentSource):
    """`vendors`: ids on the Global Vendor List by platform name, where the platform itself tells none. `unlisted`: what
    counts for a platform without an id, "denied" or the "purposes" it needs."""

    vendors: Mapping[str, int] = field(default_factory=lambda: _NONE_GIVEN)
    unlisted: Unlisted = "denied"

    @property
    def name(self) -> str:
        return "tcf"

    def read(self, cookies: Mapping[str, str], platforms: Sequence[Platform]) -> Consent:
        if not cookies.get(COOKIE):
            return Consent.pending()
        try:
            said = decode(cookies[COOKIE])
        except NotATCString:
            return Consent.denied()
        return Consent.denied(platforms={platform.name: self._state(platform, said) for platform in platforms})

    def advice(self, platforms: Sequence[Platform]) -> list[str]:
        if self.unlisted == "purposes":
            return []
        return [
            f"{platform.title} is not known to be on IAB's Global Vendor List, so no TC string can allow it anything: "
            f"set PIXELTWIN_TCF_VENDORS={platform.name}=… if your banner lists it, or PIXELTWIN_TCF_UNLISTED=purposes"
            for platform in platforms
            if self.vendor(platform) is None
        ]

    def vendor(self, platform: Platform) -> int | None:
        """The platform's id on the Global Vendor List, if it has one."""
        return self.vendors.get(platform.name) or self.vendors.get(platform.kind) or platform.iab_vendor

    def _state(self, platform: Platform, said: TCString) -> State:
        vendor = self.vendor(platform)
        if vendor is None:
            allowed = self.unlisted == "purposes" and platform.iab_purposes <= said.purposes
        else:
            allowed = all(said.consents(purpose, vendor) for purpose in platform.iab_purposes)
        return "granted" if allowed else "denied"
