"""What of a visit a platform is told: `withhold=` keeps its click id out of the page's address too. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from .contract import Platform
    from .conversion import Conversion
    from .visitor import AnyVisitor


def signal(platform: Platform, visitor: AnyVisitor, field: Literal["click_ids", "browser_ids"]) -> str | None:
    """A click id or browser id, kept by this pixel's name or by its platform; None where it is withheld."""
    if field in platform.withhold:
        return None
    signals = visitor.click_ids if field == "click_ids" else visitor.browser_ids
    return signals.get(platform.name) or signals.get(platform.kind) if signals else None


def page(platform: Platform, conversion: Conversion) -> str | None:
    """The page it happened on. Where click ids are withheld, without the parameter that carries this platform's, and
    without any that carries a whole address with it, as an ad's own tracking does."""
    url = conversion.source_url
    if not url or "click_ids" not in platform.withhold:
        return url
    address, _, rest = url.partition("?")
    query, mark, fragment = rest.partition("#")
    kept = [one for one in query.split("&") if f"{platform.click_parameter}=" not in unquote(one)]
    return "?".join(filter(None, (address, "&".join(kept)))) + mark + fragment
