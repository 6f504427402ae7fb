"""How the contract tests read Courier's two halves, and the hit its pixel makes. Loaded as a pytest plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from pixeltwin.contract import BrowserCall
from pixeltwin.emulation import Incoming
from tests.twins import SPELLINGS, Said, Spelling, Twin, exact, wire_text

_BOTH = ("id", "amount", "money", "order", "words", "label", "things")


def _browser(call: BrowserCall) -> Twin:
    command, name, said = exact(call.args)
    assert (call.function, command) == ("courier", "bring")
    return Twin({"event": name.upper(), **{field: said.get(field) for field in _BOTH}})


def _server(event: Said) -> Twin:
    return Twin({"event": event["name"], **{field: event.get(field) for field in _BOTH}})


def _hit(init: Sequence[BrowserCall], call: BrowserCall, now: datetime) -> Incoming:
    _, bag, _ = exact(init[0].args)
    _, name, said = exact(call.args)
    query: Mapping[str, Any] = {"bag": bag, "name": name, "said": wire_text(said)}
    return Incoming("GET", "/hit.gif", urlencode(query), {}, b"")


cast("dict[str, Spelling]", SPELLINGS)["courier"] = Spelling(_browser, _server, _hit)
