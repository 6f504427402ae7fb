"""Where consent comes from: a banner's own cookie, read on the server. From cookies and headers to `Consent`, purely.

onetrust  OneTrust's groups       cookiebot  Cookiebot's categories       tcf  IAB Europe's framework, vendor by vendor
tcstring  its string, decoded     gpc        Global Privacy Control, which only ever lowers

A cookie that is absent is "pending": the banner has not been answered. One that cannot be read is "denied".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import deferred
from .gpc import GpcMeaning, lowered_by_gpc

if TYPE_CHECKING:
    from .cookiebot import Cookiebot
    from .onetrust import OneTrust
    from .source import ConsentSource
    from .tcf import Tcf
else:  # a site has one banner, or none
    _HOMES = {"ConsentSource": ".source", "Cookiebot": ".cookiebot", "OneTrust": ".onetrust", "Tcf": ".tcf"}
    __getattr__ = deferred(globals(), _HOMES)

__all__ = ["ConsentSource", "Cookiebot", "GpcMeaning", "OneTrust", "Tcf", "lowered_by_gpc"]
