"""A visitor's signals, kept at checkout under an order's key for what is tracked later, when he is not there."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from .. import rows
from ..consent import Consent
from ..conversion import Conversion
from ..outbox import Outbox
from ..strictjson import decode, encode
from ..visitor import SealedVisitor

_SIGNALS = "signals"  # the kind of note


@dataclass(frozen=True, slots=True)
class Signals:
    """What is kept: the sealed visitor, the page he was on, and what he allows."""

    visitor: SealedVisitor
    source_url: str | None
    consent: Consent

    def added_to(self, conversion: Conversion) -> Conversion:
        """The conversion with what it lacks taken from here; its visitor must be sealed."""
        return replace(
            conversion,
            visitor=rows.sealed(conversion).filled_from(self.visitor),
            source_url=conversion.source_url or self.source_url,
        )


class Memory:
    """Signals by natural key, for seven days at most."""

    def __init__(self, outbox: Outbox, *, site: str) -> None:
        self._outbox = outbox
        self._site = site

    def keep(self, key: str, signals: Signals, *, now: datetime) -> None:
        record = {
            "visitor": signals.visitor.to_record(),
            "url": signals.source_url,
            "consent": signals.consent.to_record(),
        }
        self._outbox.notes.keep(_SIGNALS, self._place(key), encode(record), now=now)

    def recall(self, key: str, *, now: datetime) -> Signals | None:
        data = self._outbox.notes.find(_SIGNALS, self._place(key), now=now)
        if data is None:
            return None
        record = decode(data)
        return Signals(
            SealedVisitor.from_record(record["visitor"]), record["url"], Consent.from_record(record["consent"])
        )

    def forget(self, key: str) -> None:
        self._outbox.notes.forget(_SIGNALS, self._place(key))

    def _place(self, key: str) -> str:
        return json.dumps([self._site, key], ensure_ascii=False)
