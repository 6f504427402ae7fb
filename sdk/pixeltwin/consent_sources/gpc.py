"""Global Privacy Control: the header `Sec-GPC: 1`, a visitor's general "do not sell or share what you know of me".

It is no answer to a banner and never raises anything. What it objects to is that data is sold or shared for
advertising across sites (W3C, Global Privacy Control, working draft of 2026; California's CCPA regulations, section
7025), which is what the platforms' limited data use is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..consent import Consent

GpcMeaning = Literal["limited", "denied", "ignore"]


def lowered_by_gpc(consent: Consent, headers: Mapping[str, str], meaning: GpcMeaning) -> Consent:
    """The consent as far as a visitor's GPC leaves it. Header names are lower case."""
    if meaning == "ignore" or headers.get("sec-gpc", "").strip() != "1":
        return consent
    return consent.at_most(meaning)
