"""A visitor's signals, kept at checkout under an order's key for what is tracked later, when he is not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from .. import rows
from ..consent import Consent, refuses_all
from ..contract import Platform
from ..conversion import Conversion
from ..outbox import Outbox
from ..strictjson import decode, encode
from ..visitor import SealedVisitor

_SIGNALS, _NAMED = "signals", "named"  # the kinds of notes


class Signals(NamedTuple):
    """What is kept: the sealed visitor, the page he was on, and what he allows."""

    visitor: SealedVisitor
    source_url: str | None
    consent: Consent

    def to_bytes(self) -> bytes:
        """As it is noted; `from_bytes` is its inverse."""
        record = {"visitor": self.visitor.to_record(), "url": self.source_url, "consent": self.consent.to_record()}
        return encode(record)

    @classmethod
    def from_bytes(cls, data: bytes) -> Signals:
        record = decode(data)
        return cls(SealedVisitor.from_record(record["visitor"]), record["url"], Consent.from_record(record["consent"]))

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
        self._outbox.notes.keep(_SIGNALS, self._place(key), signals.to_bytes(), now=now)

    def recall(self, key: str, *, now: datetime) -> Signals | None:
        data = self._outbox.notes.find(_SIGNALS, self._place(key), now=now)
        return None if data is None else Signals.from_bytes(data)

    def decided(self, key: str, consent: Consent, platforms: Sequence[Platform], *, now: datetime) -> None:
        """His answer takes the place of one that was pending. When he allows nobody it is all that is left."""
        kept = self.recall(key, now=now)
        if kept is None:
            return
        if refuses_all(platform.state(consent) for platform in platforms):
            kept = Signals(SealedVisitor({}), None, consent)
        elif any(platform.state(kept.consent) == "pending" for platform in platforms):
            kept = kept._replace(consent=consent)
        else:
            return
        self._outbox.notes.amend(_SIGNALS, self._place(key), kept.to_bytes())

    def forget(self, key: str, *, connection: Any = None) -> None:
        self._outbox.notes.forget(_SIGNALS, self._place(key), connection=connection)

    def name(self, key: str, unique: str, *, now: datetime, connection: Any = None) -> None:
        """Note that an event with a name of its own was tracked under this key: an answer looks for it too."""
        known = self.named(key, now=now)
        if unique not in known:
            named = encode([*known, unique])
            self._outbox.notes.keep(_NAMED, self._place(key), named, now=now, connection=connection)

    def named(self, key: str, *, now: datetime) -> list[str]:
        """What makes each event unique that `name` noted under this key."""
        data = self._outbox.notes.find(_NAMED, self._place(key), now=now)
        return [] if data is None else json.loads(data)

    def erase(self, wanted: Callable[[SealedVisitor], bool]) -> int:
        """Forget the signals of these visitors, of all sites; how many there were."""
        erased, last = 0, ""
        while page := self._outbox.notes.listed(_SIGNALS, after=last):
            for place, data in page:
                if wanted(Signals.from_bytes(data).visitor):
                    self._outbox.notes.forget(_SIGNALS, place)
                    erased += 1
            last = page[-1][0]
        return erased

    def _place(self, key: str) -> str:
        return json.dumps([self._site, key], ensure_ascii=False)
