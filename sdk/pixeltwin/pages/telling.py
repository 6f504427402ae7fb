"""What a page tells its pixels, as data: how each starts, the calls of each conversion, the page's own view."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from ..consent import Consent
from ..contract import BrowserCall, Platform
from ..conversion import Conversion
from ..errors import CannotSend, InvalidInput, described
from ..events import Event, PageView
from ..values import OnFault
from ..visitor import NOBODY, AnyVisitor

log = logging.getLogger("pixeltwin")

PLACEHOLDER = "pixeltwin-id-of-this-view"  # stands for an id that the browser mints
Heard = Callable[[Conversion], str | None]
_WHENEVER = datetime(2020, 1, 1, tzinfo=timezone.utc)  # no pixel is told the time


class Fire(NamedTuple):
    """A track call that one browser makes once. `number` tells the calls of one conversion apart, where it takes more
    than one."""

    platform: str
    call: BrowserCall
    number: int | None = None

    def as_data(self) -> list[object]:
        said: list[object] = [self.platform, self.call.function, self.call.args]
        return said if self.number is None else [*said, self.number]


class View(NamedTuple):
    """The page's own view, whose id the browser mints. `beacon`: where the server half is reported to (None: there is
    none). `told=False`: no pixel is. `heard`: the server wants to hear which pixels took it."""

    beacon: str | None
    told: bool = True
    heard: bool = False


class Told(NamedTuple):
    """What one pixel is told on a page: how it starts, the conversions with their calls, and its images for browsers
    without scripts."""

    platform: Platform
    init: Sequence[BrowserCall]
    fires: Sequence[tuple[Conversion, Sequence[Fire]]]
    images: Sequence[str]


# --- what is told --------------------------------------------------------------------------------------------------


def told(
    platforms: Iterable[Platform],
    conversions: Callable[[Platform], Sequence[Conversion]],
    *,
    visitor: AnyVisitor,
    consent: Consent,
    fault: OnFault | None = None,
) -> list[Told]:
    """What each pixel is told of its conversions; only those that may be told of this visitor are here. `fault` is told
    of a platform whose code fails, and the others go on; without it, it raises what that raised."""
    found: list[Told] = []
    for platform in platforms:
        try:
            if platform.browser and platform.allowed(consent) and platform.honours(consent, visitor):
                found.append(_told(platform, conversions(platform), visitor, consent))
        except Exception as error:
            if fault is None:
                raise
            fault(platform.name, error)
    return found


def _told(platform: Platform, conversions: Iterable[Conversion], visitor: AnyVisitor, consent: Consent) -> Told:
    prepared = _prepared(platform, conversions)
    images = platform.noscript_images([one for _, one, _ in prepared], visitor, consent)
    calls = [(conversion, fires) for conversion, _, fires in prepared]
    return Told(platform, platform.init_calls(visitor, consent), calls, images)


def _prepared(platform: Platform, conversions: Iterable[Conversion]) -> list[tuple[Conversion, Conversion, list[Fire]]]:
    """The conversions, each as `before_send` left it and with its calls. What the pixel cannot say, `track` has
    recorded as a loss; the page goes on without."""
    found: list[tuple[Conversion, Conversion, list[Fire]]] = []
    for conversion in conversions:
        if not browser_half(platform, conversion):
            continue
        try:
            prepared = platform.prepared(conversion)
            if prepared is not None:
                found.append((conversion, prepared, _numbered(platform.name, platform.browser_calls(prepared))))
        except (CannotSend, InvalidInput):
            continue
        except Exception as error:  # before_send is the site's own code; its message may quote what it was given
            log.error("%s: %s has no browser half: %s", platform.name, conversion.id, described(error))
    return found


def _numbered(name: str, calls: Sequence[BrowserCall]) -> list[Fire]:
    if len(calls) == 1:
        return [Fire(name, calls[0])]
    return [Fire(name, call, number) for number, call in enumerate(calls)]


def fires(platform: Platform, conversions: Iterable[Conversion]) -> list[Fire]:
    """The calls of these conversions on one platform; what it cannot say is left to `losses`."""
    return [fire for _, _, fires in _prepared(platform, conversions) for fire in fires]


def browser_half(platform: Platform, conversion: Conversion) -> bool:
    """Whether this conversion has a browser half on this platform at all: only the web has one."""
    return (
        platform.browser
        and conversion.browser
        and conversion.action_source == "web"
        and platform.wants(conversion)
        and platform.allowed(conversion.consent)
    )


# --- as data for the scripts ---------------------------------------------------------------------------------------


def data(
    platforms: Iterable[Platform],
    conversions: Callable[[Platform], Sequence[Conversion]] | None = None,
    *,
    visitor: AnyVisitor = NOBODY,
    consent: Consent,
    drop: Sequence[str] = (),
    view: View | None = None,
    heard: Heard | None = None,
    fault: OnFault | None = None,
) -> dict[str, Any]:
    """What `render` puts into a page, for a page that asks for it."""
    pixels = told(platforms, conversions or nothing, visitor=visitor, consent=consent, fault=fault)
    return page_data(pixels, consent, view=view, drop=drop, heard=heard)


def nothing(platform: Platform) -> Sequence[Conversion]:
    """No conversions, whatever the platform."""
    return ()


def page_data(
    pixels: Sequence[Told],
    consent: Consent,
    *,
    view: View | None = None,
    drop: Sequence[str] = (),
    heard: Heard | None = None,
) -> dict[str, Any]:
    """What a page tells its pixels, for `pixeltwin.run`: which parameters its URL loses first, the pixels with their
    starting calls, the conversions with their calls, and the page's own view. `heard`: what the page shows the server
    when it says which pixels took a conversion; None where nobody wants to know."""
    data: dict[str, Any] = {
        "pixels": [[one.platform.name, [[call.function, call.args] for call in one.init]] for one in pixels]
    }
    if drop:
        data["drop"] = list(drop)
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for one in pixels:
        for conversion, fires in one.fires:
            if fires:
                kind, id = conversion.event.type, conversion.id
                known = told.setdefault((kind, id), {"event": kind, "id": id, "calls": []})
                known["calls"] += [fire.as_data() for fire in fires]
                if heard and "ack" not in known and (token := heard(conversion)):
                    known["ack"] = token  # one for all pixels
    if told:
        data["fires"] = list(told.values())
    if view is not None:
        calls = _view_calls(tuple(one.platform for one in pixels) if view.told else (), consent)
        seen: dict[str, Any] = {"event": "PageView", "id": PLACEHOLDER, "calls": calls, "beacon": view.beacon}
        data["view"] = {**seen, "ack": 1} if view.heard else seen
    return data


def _view_calls(platforms: tuple[Platform, ...], consent: Consent) -> list[list[object]]:
    """The calls of a page view: the same on all pages, unless the site's own function is asked for each."""
    asked = any(platform.before_send for platform in platforms)
    return template_calls(platforms, PageView(), consent) if asked else _kept_view_calls(platforms, consent)


@lru_cache(maxsize=128)
def _kept_view_calls(platforms: tuple[Platform, ...], consent: Consent) -> list[list[object]]:
    return template_calls(platforms, PageView(), consent)


def template_calls(
    platforms: Iterable[Platform], event: Event, consent: Consent, *, id: str = PLACEHOLDER
) -> list[list[object]]:
    """The calls of a conversion that happens in the browser. An id that the browser mints is a placeholder here."""
    template = Conversion(event=event, id=id, occurred_at=_WHENEVER, consent=consent)
    return [fire.as_data() for platform in platforms for fire in fires(platform, [template])]
