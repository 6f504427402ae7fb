"""The ledger of decisions: which visitor allowed which platform what, when, and where that was read.

Only changes are recorded. A visitor is known by a random id of this site, which he has from the moment he first allows
somebody something: who never did is not in here, for nobody was told of him. A decision holds for what waits, too:
before a server half goes, what its visitor decided last is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from ..consent import Consent, State, refuses_all
from ..contract import Platform
from ..outbox import Outbox, Stored
from ..outbox.decisions import Decided
from ..strictjson import decode, encode

_PAGE = 1000  # decisions read at once
_NAMED = b'"who"'
WITHDRAWN = "withdrawn"  # the kind of notes about who allows nobody anything any more, see `withdrawals`


class Entry(NamedTuple):
    """One decision. `source` is what it was read from; `states` what each platform of then was allowed."""

    who: str
    at: datetime
    source: str
    states: Mapping[str, State]


class Decision(NamedTuple):
    """What a visitor said, and when."""

    at: datetime
    consent: Consent


class Ledger:
    """The decisions kept in an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def record(self, consent: Consent, platforms: Sequence[Platform], *, source: str, now: datetime) -> None:
        """Append what the visitor `consent.who` decided. `OutboxUnavailable` may rise."""
        if consent.who is None:
            raise ValueError("nobody is known by whom this was decided")
        data = {
            "source": source,
            "states": states(consent, platforms),
            "consent": replace(consent, who=None).to_record(),
        }
        self._outbox.decisions.record(consent.who, encode(data), now=now)
        if _refuses(data):  # noted when the decision is there to be found: who looks for it uses the note up
            self._outbox.notes.keep(WITHDRAWN, consent.who, b"", now=now)

    def entries(self) -> Iterator[Entry]:
        """All decisions, oldest first."""
        page = self._outbox.decisions.listed(limit=_PAGE)
        while page:
            for one in page:
                data = decode(one.data)
                yield Entry(one.who, one.decided_at, data["source"], data["states"])
            page = self._outbox.decisions.listed(after=page[-1].number, limit=_PAGE)

    def refused(self, whos: Collection[str]) -> set[str]:
        """Those of these visitors who decided last that nobody may be told."""
        latest = self._outbox.decisions.latest(sorted(whos))
        return {who for who, one in latest.items() if _refuses(decode(one.data))}

    def latest(self, rows: Sequence[Stored]) -> Mapping[int, Decision]:
        """What the visitors of these rows decided last, by seq; rows of visitors without an id are left out."""
        whos = {row.seq: who for row in rows if (who := decided_by(row))}
        if not whos:
            return {}
        latest = self._outbox.decisions.latest(sorted(set(whos.values())))
        return {seq: _decision(latest[who]) for seq, who in whos.items() if who in latest}


def _decision(one: Decided) -> Decision:
    return Decision(one.decided_at, Consent.from_record(decode(one.data)["consent"]))


def _refuses(data: Mapping[str, Any]) -> bool:
    return refuses_all(data["states"].values())


def states(consent: Consent, platforms: Sequence[Platform]) -> dict[str, State]:
    """What each of these platforms is allowed."""
    return {platform.name: platform.state(consent) for platform in platforms}


def decided_by(row: Stored) -> str | None:
    """The id of the visitor whose own decision a row rests on; None where there is none."""
    if row.record is None or _NAMED not in row.record:
        return None
    who: str | None = decode(row.record)["consent"].get("who")
    return who
