"""The drawer at the foot of each page: the conversions of this page, and what each platform's pixel is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pixeltwin import Consent, Conversion
from pixeltwin.contract import BrowserCall, Platform
from pixeltwin.pages.telling import fires
from pixeltwin.strictjson import encode

WHY_NOT = {
    "pending": "held until you answer about cookies",
    "denied": "not told: you said no",
    "granted": "not told",
    "limited": "not told",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One platform and its call, or the reason why there is none."""

    platform: str
    call: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    event: str
    id: str
    lines: tuple[Line, ...]

    @property
    def id_start(self) -> str:
        return self.id[:8]

    @property
    def id_end(self) -> str:
        return self.id[-4:]


@dataclass(frozen=True)
class Drawer:
    conversions: Sequence[Conversion]
    platforms: Sequence[Platform]
    consent: Consent

    @cached_property
    def entries(self) -> list[Entry]:
        return [
            Entry(one.event.type, one.id, tuple(line for platform in self.platforms for line in _lines(platform, one)))
            for one in self.conversions
        ]

    @property
    def names(self) -> dict[str, str]:
        """What the platforms are called, by the name their calls carry."""
        return {platform.name: platform.title for platform in self.platforms}

    @property
    def state(self) -> str:
        """What the visitor's choice means for this page."""
        return {"pending": "waiting for your answer", "denied": "off, as you chose"}.get(self.consent.default, "")


def _lines(platform: Platform, conversion: Conversion) -> list[Line]:
    calls = [fire.call for fire in fires(platform, [conversion])]
    if not calls:
        return [Line(platform.title, reason=WHY_NOT[platform.state(conversion.consent)])]
    return [Line(platform.title, call=written(call)) for call in calls]


def written(call: BrowserCall) -> str:
    """A call as it stands in the page."""
    return f"{call.function}({encode(call.args).decode()[1:-1]})"
