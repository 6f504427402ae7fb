"""A half as the ledger keeps it: what a platform's rule reads, and what came in as JSON that is safe to show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..dedup import Half
from ..strictjson import encode
from ..visitor import sha256
from .masking import masked, masked_text

Side = Literal["browser", "server"]
LONGEST_PAYLOAD = 64 * 1024  # bytes of JSON kept of one half

_HASHED = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One half, the `number`th to arrive. `refused` is why the platform would not take it, in the vendor's words."""

    number: int
    half: Half
    payload: bytes
    refused: str | None = None

    @property
    def side(self) -> Side:
        return self.half.side


def arrive(number: int, half: Half, refused: str | None, secrets: tuple[str, ...]) -> Arrival:
    """The half as it may be kept: its payload as JSON text, without tokens, and bounded."""
    kept = replace(
        half,
        event=masked_text(half.event, secrets),
        id=None if half.id is None else masked_text(half.id, secrets),
        order_id=None if half.order_id is None else masked_text(half.order_id, secrets),
        custom_name=masked_text(half.custom_name, secrets),
        payload=None,
    )
    reason = None if refused is None else masked_text(refused, secrets)
    return Arrival(number, kept, _payload(masked(half.payload, secrets)), reason)


def _payload(payload: Any) -> bytes:
    try:
        shown = encode(payload)
    except TypeError:  # a number beyond 64 bits: strict JSON has none
        shown = json.dumps(payload, default=str).encode()
    if len(shown) > LONGEST_PAYLOAD:
        beginning = shown[:1000].decode(errors="replace")
        return encode({"too long to be kept": f"{len(shown)} bytes", "begins with": beginning})
    return shown


def id_form(value: str) -> str:
    """An id in the form in which its spellings meet: a vendor may hash it on one side and not on the other."""
    return value.lower() if _HASHED.fullmatch(value) else sha256(value)


def traces(half: Half) -> Iterator[str]:
    """What another half of the same conversion could have in common with this one. The platform's rule decides; this
    only finds what it has to be asked about. Ids and order ids are one name space: a rule may compare the two."""
    for value in (half.id, half.order_id):
        if value is not None:
            yield f"id:{id_form(value)}"
    for name, value in half.keys.items():
        yield f"{name}={value}"
