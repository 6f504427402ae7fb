"""What is tracked when the response has gone, as in `teardown_request` or in a thread: no page shows it any more, and
no cookie takes it to another."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from ..conversion import Conversion
from ..events import Event
from ..pages.visit import Visit
from ..tracking.arguments import TrackOptions
from .current import the_request
from .exchange import renders_yet
from .who import Whose

_RESPONSE = "pixeltwin_response"
_SAID = """\
a conversion was tracked when its response had gone: it has no browser half, and no half at all if its visitor has not
answered about cookies yet. Track in the view, before the response; in a stream, before head()"""


def note(response: Response) -> None:
    """The current request's response goes now."""
    setattr(the_request(), _RESPONSE, response)


def tell(
    visit: Visit, how: Callable[..., Conversion | None], event: Event, who: Whose, options: TrackOptions
) -> Conversion | None:
    """Tell of it by `visit.track` or `visit.hold`. Where a page would have shown it and none can, that is a loss."""
    response: Response | None = getattr(the_request(), _RESPONSE, None)
    if response is None:
        return how(event, **who, **options)
    visit.page.comes = False
    shown = options.get("browser", who["visitor"] is None)
    conversion = how(event, **who, **options)
    late = visit.rendered or visit.page.shared or not renders_yet(response)
    if late and shown and conversion is not None and conversion.created and conversion.stored:
        visit.tracker.losses.count("", "after_response", said=_SAID)
    return conversion
