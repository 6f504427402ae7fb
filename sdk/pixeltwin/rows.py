"""A conversion as the outbox keeps it, and back."""

from __future__ import annotations

from .consent import Consent
from .conversion import Conversion, conversion_from_record
from .events import EVENT_TYPES, Event
from .outbox import NewRow, Stored
from .strictjson import decode, encode
from .visitor import SealedVisitor


def new_row(conversion: Conversion, *, site: str, id_given: bool, held: tuple[str, ...], offered: bool) -> NewRow:
    """The one row `track` writes. The conversion's visitor must be sealed."""
    return NewRow(
        id=conversion.id,
        unique=unique(conversion, site=site, id_given=id_given),
        event=conversion.event.type,
        occurred_at=conversion.occurred_at,
        record=encode(conversion.to_record()),
        visitor=personal(conversion),
        held=held,
        offered=offered,
    )


def personal(conversion: Conversion) -> bytes:
    """What of the conversion is erased on delivery: the sealed visitor, and the page's URL."""
    record = sealed(conversion).to_record()
    if conversion.source_url:
        record["url"] = conversion.source_url
    return encode(record)


def unique(conversion: Conversion, *, site: str, id_given: bool) -> str | None:
    """What makes two reports the same conversion: the natural key, else an id that the caller gave. None: nothing
    does, each call is its own occurrence."""
    if conversion.key is None and not id_given:
        return None
    if conversion.key is not None:
        return natural(conversion.event, conversion.key, site=site)
    event = conversion.event
    return encode([site, event.type, event.custom_name, "id", conversion.id]).decode()


def natural(event: Event, key: str, *, site: str) -> str:
    """What makes all reports of this event under this natural key the same conversion."""
    return encode([site, event.type, event.custom_name, "key", key]).decode()


def naturals(key: str, *, site: str) -> list[str]:
    """The same for every event without a name of its own."""
    return [encode([site, name, "", "key", key]).decode() for name in EVENT_TYPES]


def restored(row: Stored) -> Conversion | None:
    """The conversion in a stored row; None for a tombstone."""
    if row.record is None:
        return None
    return conversion_from_record(decode(row.record), None if row.visitor is None else decode(row.visitor))


def consent(record: bytes) -> Consent:
    """What the visitor allowed when it happened, or was heard to allow since."""
    return Consent.from_record(decode(record)["consent"])


def with_consent(record: bytes, consent: Consent) -> bytes:
    """The record of a row, with the consent that was given since."""
    return encode({**decode(record), "consent": consent.to_record()})


def sealed(conversion: Conversion) -> SealedVisitor:
    """The conversion's visitor, which must be sealed already."""
    visitor = conversion.visitor
    if not isinstance(visitor, SealedVisitor):
        raise TypeError("the visitor must be sealed before it rests")
    return visitor
