"""What a page's script says of its pixels: which took a conversion, and which were blocked.

It is believed of what the server itself gave to the page, known by a token. An id that the browser minted has none: of
such a conversion it is believed who can show the signed descriptor of just that event, or that it was a page view.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..events import Event, PageView, Purchase
from ..rows import natural, restored
from . import descriptors

if TYPE_CHECKING:
    from ..tracker import Tracker

Heeded = Literal["purchases", "all", "off"]  # of which conversions the server wants to hear
LIFE = timedelta(hours=24)  # of a token; a page that is open for longer says nothing any more
MOST = 20  # conversions in one report
_PURPOSE = "acknowledgement"


class Said(NamedTuple):
    """What was said of one conversion: the destinations whose pixels fired, and those whose pixels were blocked."""

    id: str
    fired: Collection[str]
    blocked: Collection[str]


def heeds(what: Heeded, event: Event) -> bool:
    """Whether the server wants to hear of this event."""
    return what == "all" or (what == "purchases" and isinstance(event, Purchase))


def token(tracker: Tracker, id: str) -> str:
    """What a page shows the server to be believed of this conversion, beside its id."""
    return tracker.signer(_PURPOSE).stamp(id)


def read(tracker: Tracker, report: Mapping[str, Any]) -> Iterator[Said]:
    """What is to be believed of a report: `{"said": [[token, id, [pixel that fired, …], [blocked pixel, …]], …]}`."""
    pixels = {platform.name: platform.destination for platform in tracker.platforms if platform.browser}
    entries: list[Any] = report["said"] if isinstance(report.get("said"), list) else []
    for entry in entries[:MOST]:
        said = _said(tracker, pixels, entry)
        if said is not None:
            yield said


def _said(tracker: Tracker, pixels: Mapping[str, str], entry: Any) -> Said | None:
    match entry:
        case [shown, given, fired, blocked]:
            id = _believed(tracker, shown, given)
            return None if id is None else Said(id, _named(pixels, fired), _named(pixels, blocked))
        case _:
            return None


def _named(pixels: Mapping[str, str], names: Any) -> list[str]:
    """The destinations of the pixels of this site that are named."""
    return [pixels[name] for name in pixels if name in names] if isinstance(names, list) else []


def _believed(tracker: Tracker, shown: object, id: object) -> str | None:
    """The id of the conversion that is spoken of; None for one that this browser was not shown and did not mint."""
    if isinstance(shown, str) and isinstance(id, str) and tracker.signer(_PURPOSE).bears(id, shown, max_age=LIFE):
        return id
    described = descriptors.read(tracker, shown) if isinstance(shown, str) else (PageView(), None)
    if described is None:
        return None
    event, key = described
    if key is not None:
        row = tracker.outbox.find(natural(event, key, site=tracker.site))
        return None if row is None else row.id
    return id if isinstance(id, str) and _minted(tracker, id, event) else None


def _minted(tracker: Tracker, id: str, event: Event) -> bool:
    """Whether this is just that event, under an id that no natural key made."""
    found = [one for row in tracker.outbox.get([id]) if (one := restored(row)) is not None]
    return bool(found) and all(one.event == event and one.key is None for one in found)
