"""What the Pinterest tag makes of a call, as pixel.js beside this does it (observed 2025-04)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from ...contract import BrowserCall
from ...emulation import Incoming
from ...strictjson import encode


def hit(init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
    """The request of a `track` call. The tag sends a long one by POST; to whom it is told that makes no difference."""
    tag, partner = _started(init)
    _, name, said = call.args if len(call.args) > 2 else (*call.args, cast("dict[str, Any]", {}))
    query: dict[str, Any] = {
        "event": str(name).replace(" ", ""),
        "ed": said,
        "tid": tag,
        "pd": partner,
        "ad": {"loc": page_url},
        "cb": round(now.timestamp() * 1000),
    }
    pairs = {name: value if isinstance(value, str) else encode(value).decode() for name, value in query.items()}
    return Incoming("GET", "/v3/", urlencode(pairs), {}, b"")


def _started(init: Sequence[BrowserCall]) -> tuple[str, dict[str, Any]]:
    """The tag, and what it was told of the visitor."""
    tag, partner = "", dict[str, Any]()
    for command, *said in (call.args for call in init):
        if command == "load":
            tag = str(said.pop(0))
        if command in ("load", "set") and said:
            partner.update(said[0])
    partner.pop("fp_cookie", None)
    return tag, partner
