"""What is tracked when the response has gone, as in `teardown_request` or in a thread: no page shows it any more, and
no cookie takes it to another."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from ..contract import Platform
from ..conversion import Conversion
from ..events import Event
from ..pages.telling import browser_half
from ..pages.visit import Visit
from ..tracking.arguments import TrackOptions
from .current import the_request
from .exchange import renders_yet
from .who import Whose

_RENDERS = "pixeltwin_renders_yet"
_SAID = """\
a conversion was tracked when its response had gone: it has no browser half, and no half at all if its visitor has not
answered about cookies yet. Track in the view, before the response; in a stream, before head() or data_layer()"""


def note(response: Response) -> None:
    """The current request's response goes now."""
    setattr(the_request(), _RENDERS, renders_yet(response))


def tell(
    visit: Visit, how: Callable[..., Conversion | None], event: Event, who: Whose, options: TrackOptions
) -> Conversion | None:
    """Tell of it by `visit.track` or `visit.hold`. Where a page would have shown it and none can, that is a loss."""
    renders: bool | None = getattr(the_request(), _RENDERS, None)
    if renders is None:
        return how(event, **who, **options)
    visit.page.comes = False
    shown = options.get("browser", who["visitor"] is None)
    conversion = how(event, **who, **options)
    late = visit.page.headed or visit.page.handed_over or not renders
    if conversion is None or not (late and shown and conversion.created and conversion.stored):
        return conversion
    if any(_lost(platform, conversion) for platform in visit.tracker.platforms):
        visit.tracker.losses.count("", "after_response", said=_SAID)
    return conversion


def _lost(platform: Platform, conversion: Conversion) -> bool:
    """Whether a half of this platform is lost: the one on a page, or both, for no answer finds what no cookie has."""
    waits = platform.wants(conversion) and platform.state(conversion.consent) == "pending"
    return waits or browser_half(platform, conversion)
