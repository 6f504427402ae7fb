"""What a published dedup rule takes and gives: two halves as they arrived, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from .frozen import FrozenDict


def _no_keys() -> Mapping[str, str]:
    return FrozenDict()


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a conversion as a platform sees it arrive: what its dedup rule reads.

    `event` is the platform's API name, whichever side it came from; `id_was_text`: whether the id came as text. `keys`
    are further identifiers a rule reads (a browser id, a mobile ad id); `quality` counts match keys and metadata;
    `payload` is what came in, to be shown.
    """

    side: Literal["browser", "server"]
    event: str
    id: str | None
    occurred_at: datetime
    received_at: datetime
    account: str = ""
    custom_name: str = ""
    action_source: str = "web"
    order_id: str | None = None
    value: Decimal | None = None
    keys: Mapping[str, str] = field(default_factory=_no_keys)
    id_was_text: bool = True
    quality: int = 0
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a platform's published rule says of two halves: how often they count together (1 or 2), whether that is
    certain (False in a documented grey zone, where `counted` is the cautious reading), and why in a sentence. `fields`
    are those that decided it, as the vendor names them in a call of its pixel or in its API."""

    counted: Literal[1, 2]
    certain: bool
    reason: str
    fields: tuple[str, ...] = ()
