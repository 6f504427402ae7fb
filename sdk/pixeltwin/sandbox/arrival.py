"""A half as the ledger keeps it: what a platform's rule reads, and what came in as JSON that is safe to show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..dedup import Half
from ..strictjson import decode, encode
from .comparison import at
from .forms import id_form, mentions, respelled
from .masking import masked, masked_text
from .reading import Reading, Wire, read

Side = Literal["browser", "server"]
LONGEST_PAYLOAD = 64 * 1024  # bytes of JSON kept of one half


@dataclass(frozen=True, slots=True)
class Arrival:
    """One half, the `number`th to arrive. `refused` is why the platform would not take it, in the vendor's words;
    `mentions` are the identifiers anywhere in its payload, by their form, and where they stand; `spellings` the forms
    of its id, as it was written and as it may have been meant; `reading` tells which match signals it carries."""

    number: int
    half: Half
    payload: bytes
    reading: Reading
    refused: str | None = None
    mentions: Mapping[str, str] = field(default_factory=dict[str, str])
    spellings: frozenset[str] = frozenset()

    @property
    def side(self) -> Side:
        return self.half.side

    def content(self) -> Any:
        """The payload that was kept, read again."""
        try:
            return decode(self.payload)
        except ValueError:  # a number beyond 64 bits, see `arrive`
            return json.loads(self.payload)


def arrive(number: int, half: Half, refused: str | None, secrets: tuple[str, ...], wire: Wire) -> Arrival:
    """The half as it may be kept: its payload as JSON text, without tokens, and bounded. The first of the wire's fields
    says where an id is written that the platform hashes before it compares it."""
    fields = wire.fields
    kept = replace(
        half,
        event=masked_text(half.event, secrets),
        id=None if half.id is None else masked_text(half.id, secrets),
        order_id=None if half.order_id is None else masked_text(half.order_id, secrets),
        custom_name=masked_text(half.custom_name, secrets),
        payload=None,
    )
    reason = None if refused is None else masked_text(refused, secrets)
    payload = masked(half.payload, secrets)
    written = at(payload, fields[0].browser if half.side == "browser" else fields[0].server) if fields else None
    id = written if isinstance(written, str) and kept.id else kept.id
    reading = read(half, wire)
    spellings = respelled(id) if id else frozenset[str]()
    return Arrival(number, kept, _payload(payload), reading, reason, mentions(payload), spellings)


def _payload(payload: Any) -> bytes:
    try:
        shown = encode(payload)
    except TypeError:  # a number beyond 64 bits: strict JSON has none
        shown = json.dumps(payload, default=str).encode()
    if len(shown) > LONGEST_PAYLOAD:
        beginning = shown[:1000].decode(errors="replace")
        return encode({"too long to be kept": f"{len(shown)} bytes", "begins with": beginning})
    return shown


def traces(half: Half) -> Iterator[str]:
    """What another half of the same conversion could have in common with this one. The platform's rule decides; this
    only finds what it has to be asked about. Ids and order ids are one name space: a rule may compare the two."""
    for value in (half.id, half.order_id):
        if value is not None:
            yield f"id:{id_form(value)}"
    for name, value in half.keys.items():
        yield f"{name}={value}"


def hints(arrival: Arrival) -> Iterator[str]:
    """What finds a half that was meant as the twin and is none by any rule: its id written otherwise, or elsewhere."""
    for form in arrival.spellings:
        yield f"like:{form}"
    for form in arrival.mentions:
        yield f"in:{form}"


def hinted(arrival: Arrival) -> Iterator[str]:
    """Under which traces and hints of other halves this one's twin would be found."""
    for value in (arrival.half.id, arrival.half.order_id):
        if value is not None:
            yield f"in:{id_form(value)}"
    for form in arrival.spellings:
        yield f"like:{form}"
    for form in arrival.mentions:
        yield f"id:{form}"
