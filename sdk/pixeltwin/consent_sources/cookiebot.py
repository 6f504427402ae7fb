"""Cookiebot: the cookie `CookieConsent`, `{stamp:'…',necessary:true,marketing:false,ver:1,…}`, which is not JSON.

`-1` stands for a visitor from where no consent is required. Source: Cookiebot's developer page, "Server-side usage of
the consent", read in 2026-09.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ..consent import Consent
from ..contract import Platform
from .source import ConsentSource

MARKETING = "marketing"
_NONE_REQUIRED = "-1"
_FIELD = r"[a-z]\w*:(?:'[^']*'|-?\w+)"
_WHOLE = re.compile(rf"\{{{_FIELD}(?:,{_FIELD})*\}}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cookiebot(ConsentSource):
    """`category` is the one that advertising belongs to."""

    category: str = MARKETING

    @property
    def name(self) -> str:
        return "cookiebot"

    def read(self, cookies: Mapping[str, str], platforms: Sequence[Platform] = ()) -> Consent:
        if not cookies.get("CookieConsent"):
            return Consent.pending()
        said = unquote(cookies["CookieConsent"]).strip('"')
        if said == _NONE_REQUIRED:
            return Consent.granted()
        if not _WHOLE.fullmatch(said):
            return Consent.denied()
        # A quoted text may hold anything, so it is taken out before a category is looked for.
        fields = re.sub(r"'[^']*'", "''", said[1:-1]).split(",")
        return Consent.granted() if f"{self.category}:true" in fields else Consent.denied()
