"""What Reddit's pixel script makes of a call, as pixel.js beside this does it (observed 2024-10 and 2026-07)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ...contract import BrowserCall
from ...emulation import Incoming
from ...strictjson import encode

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def hit(init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
    """The image request of a `track` call."""
    pixel, options = _started(init)
    name, said = call.args[1], dict(call.args[2]) if len(call.args) > 2 else {}
    query = {
        "ts": _text(round(now.timestamp() * 1000)),
        "id": pixel,
        "event": _text(name),
        "m.itemCount": _text(said.get("itemCount")),
        "m.valueDecimal": _text(said.get("value")),
        "m.currency": _text(said.get("currency")),
        "m.customEventName": _text(said.get("customEventName")),
        "m.products": _text(said.get("products")),
        "m.transactionId": _hashed(said.get("transactionId")),
        "m.conversionId": _hashed(said.get("conversionId")),
        "em": _hashed(options.get("email")),
        "pn": _hashed(options.get("phoneNumber")),
        "external_id": _hashed(options.get("externalId")),
        "esurl": page_url.partition("?")[0].partition("#")[0],
    }
    return Incoming("GET", "/rp.gif", urlencode(query), {}, b"")


def _started(init: Sequence[BrowserCall]) -> tuple[str, dict[str, Any]]:
    pixel, options = "", dict[str, Any]()
    for call in init:
        if call.args[0] == "init":
            pixel = _text(call.args[1])
            options.update(call.args[2] if len(call.args) > 2 else {})
    return pixel, options


def _hashed(value: Any) -> str:
    """A digest as it is, in lower case; any other text hashed; what is no text is dropped."""
    if not isinstance(value, str) or not value:
        return ""
    return value.lower() if _DIGEST.fullmatch(value) else hashlib.sha256(value.encode()).hexdigest()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()
