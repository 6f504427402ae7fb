"""What may happen in a page, described beforehand: signed by the server, told by the page's script to both sides.

A descriptor carries the pixels' calls as data and, signed, the event that they tell of. The server half is built from
what was signed and from nothing else that the browser says of it, so that no value can be forged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from . import arguments, telling
from .consent import Consent
from .contract import Platform
from .errors import BadToken, InvalidInput
from .events import Event, from_record, to_record
from .strictjson import encode

if TYPE_CHECKING:
    from .tracker import Tracker

LIFE = timedelta(hours=24)  # of a descriptor; a page that is open for longer tells nothing any more
_PURPOSE = "descriptor"


def describe(
    tracker: Tracker, platforms: Sequence[Platform], event: Event, *, consent: Consent, key: str | int | None = None
) -> dict[str, Any]:
    """The descriptor of an event, for these platforms' pixels. With a natural key it has the conversion's own id, and
    tells of it once; without one the browser mints an id each time."""
    natural = arguments.natural_key(event, key)
    id = _placeholder(event) if natural is None else tracker.derive_id(event, natural)
    described: dict[str, Any] = {
        "event": event.type,
        "id": id,
        "calls": telling.template_calls(platforms, event, consent, id=id),
        "token": tracker.signer(_PURPOSE).sign([to_record(event), natural]),
    }
    if natural is not None:
        described["fixed"] = True
    return described


def _placeholder(event: Event) -> str:
    """Text that stands nowhere in the event, so that nothing else is taken for the id."""
    said = encode(to_record(event)).decode()
    placeholder = telling.PLACEHOLDER
    while placeholder in said:
        placeholder += "-"
    return placeholder


def read(tracker: Tracker, token: object) -> tuple[Event, str | None] | None:
    """The event that was signed, and its natural key; None for what this site did not sign, or too long ago."""
    if not isinstance(token, str):
        return None
    try:
        record, key = tracker.signer(_PURPOSE).read(token, max_age=LIFE)
        return from_record(cast("dict[str, Any]", record)), key
    except (BadToken, InvalidInput):
        return None
