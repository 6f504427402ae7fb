"""What log lines about deliveries and losses carry beside their words, for formatters that write JSON.

    {"message": "reddit: 3 of 10 events are refused: …", "platform": "reddit", "state": "refused", "count": 3, …}

They hold names, codes and counts, never a platform's words, a token or anything of a visitor.
"""

from __future__ import annotations

from typing import TypedDict

from typing_extensions import Unpack

from .reasons import code, loss_code


class Fields(TypedDict, total=False):
    """`reason` (of a half) and `loss` (as counted) are given in full; what is carried is the code, as `reason`.
    `conversion_id` is the id on all wires."""

    platform: str
    destination: str
    state: str
    reason: str
    loss: str
    conversion_id: str
    count: int


def fields(**given: Unpack[Fields]) -> dict[str, object]:
    """As `extra=` of a log call. Each becomes an attribute of the record, and of its JSON."""
    carried: dict[str, object] = {**given}
    if "reason" in given:
        carried["reason"] = code(given["reason"])
    if "loss" in given:
        carried["reason"] = loss_code(str(carried.pop("loss")))
    return carried
