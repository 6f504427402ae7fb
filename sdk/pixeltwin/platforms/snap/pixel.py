"""What Snap's pixel script makes of a call, as pixel.js beside this does it (observed on 3.54.7, 2026-04)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from ...contract import BrowserCall
from ...emulation import Incoming
from ...strictjson import encode
from .hits import MADE_UP
from .wire import ID_CALL, WIRE

_NAMES = {name.replace("_", ""): wire for name, wire in WIRE.items()}


def hit(init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
    """The beacon of a `track` call, of one event."""
    *_, name, said = call.args if isinstance(call.args[-1], Mapping) else (*call.args, None)
    pixel, who = _started(init)
    wired, _ = _wired(who)
    told, lost = _wired(said or {})
    event: dict[str, Any] = {"pid": pixel, "ev": str(name).strip().upper(), **wired, **told}
    if not event.get(WIRE[ID_CALL]):
        event[WIRE[ID_CALL]] = f"{MADE_UP}00000000-0000-4000-8000-000000000000"
    request = {"t": {**event, "ts": round(now.timestamp() * 1000)}, **({"dropped": lost} if lost else {})}
    body = encode({"ctx": {"url": page_url}, "req": [request]})
    return Incoming("POST", "/p", "", {"content-type": "text/plain;charset=UTF-8"}, body)


def _started(init: Sequence[BrowserCall]) -> tuple[str, Mapping[str, Any]]:
    for call in init:
        if call.args[0] == "init":
            return str(call.args[1]).strip().lower(), call.args[2] if len(call.args) > 2 else {}
    return "", {}


def _wired(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What has a name on the wire, under it, and what the script drops."""
    told: dict[str, Any] = {}
    lost: dict[str, Any] = {}
    for name, value in said.items():
        wire = _NAMES.get(name.lower().replace("_", "").replace("-", ""))
        if wire is None:
            lost[name] = value
        else:
            told[wire] = ",".join(map(str, cast("Sequence[Any]", value))) if isinstance(value, (list, tuple)) else value
    return told, lost
