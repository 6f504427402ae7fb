"""What may happen in a page, described beforehand: signed by the server, told by the page's script to both sides.

A descriptor carries the pixels' calls as data and, signed, the event that they tell of. The server half is built from
what was signed and from nothing else that the browser says of it, so that no value can be forged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from markupsafe import Markup

from ..consent import Consent
from ..contract import Platform
from ..errors import BadToken, InvalidInput
from ..events import Event, from_record, to_record
from ..strictjson import decode, encode, encode_for_html
from ..tracking import arguments
from . import telling

if TYPE_CHECKING:
    from ..tracker import Tracker

LIFE = timedelta(hours=24)  # of a descriptor; a page that is open for longer tells nothing any more
_PURPOSE = "descriptor"
_HOUR = 3600


class Descriptor(NamedTuple):
    """What the page's script is given. `html`: for an attribute in single quotes."""

    html: Markup

    @property
    def plain(self) -> dict[str, Any]:
        """As values of JSON, whose numbers stay numbers whoever writes them."""
        values: dict[str, Any] = decode(str(self.html))
        return values


def describe(
    tracker: Tracker,
    platforms: Sequence[Platform],
    event: Event,
    *,
    consent: Consent,
    key: str | int | None = None,
    heard: bool = False,
) -> Descriptor:
    """The descriptor of an event, for these platforms' pixels. With a natural key it has the conversion's own id, and
    tells of it once; without one the browser mints an id each time. `heard`: the page says which pixels took it."""
    said = encode([to_record(event), arguments.natural_key(event, key)])
    hour = int(tracker.clock().timestamp()) // _HOUR
    asked = any(platform.before_send for platform in platforms)
    make = _described.__wrapped__ if asked else _described
    return make(tracker, tuple(platforms), said, consent, hour, heard)


@lru_cache(maxsize=512)
def _described(
    tracker: Tracker, platforms: tuple[Platform, ...], said: bytes, consent: Consent, hour: int, heard: bool
) -> Descriptor:
    """Made once an hour: a list of products has a button for each, on every page."""
    record, natural = decode(said)
    event = from_record(record)
    id = _placeholder(said) if natural is None else tracker.derive_id(event, natural)
    described: dict[str, Any] = {
        "event": event.type,
        "id": id,
        "calls": telling.template_calls(platforms, event, consent, id=id),
        "token": tracker.signer(_PURPOSE).sign([record, natural]),
    }
    if natural is not None:
        described["fixed"] = True
    if heard:
        described["ack"] = 1
    return Descriptor(encode_for_html(described))


def _placeholder(said: bytes) -> str:
    """Text that stands nowhere in the event, so that nothing else is taken for the id."""
    placeholder = telling.PLACEHOLDER
    while placeholder.encode() in said:
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
