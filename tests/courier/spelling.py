"""How the contract tests read Courier's two halves. Loaded as a pytest plugin."""

from __future__ import annotations

from typing import cast

from pixeltwin.contract import BrowserCall
from tests.twins import SPELLINGS, Said, Spelling, Twin, exact

_BOTH = ("id", "amount", "money", "order", "words", "label", "things")


def _browser(call: BrowserCall) -> Twin:
    command, name, said = exact(call.args)
    assert (call.function, command) == ("courier", "bring")
    return Twin({"event": name.upper(), **{field: said.get(field) for field in _BOTH}})


def _server(event: Said) -> Twin:
    return Twin({"event": event["name"], **{field: event.get(field) for field in _BOTH}})


cast("dict[str, Spelling]", SPELLINGS)["courier"] = Spelling(_browser, _server)
