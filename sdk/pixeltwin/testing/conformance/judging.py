"""Cases put to a rule or to a sandbox, and what they found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.request import Request, urlopen

from ...dedup import Half, Verdict
from ...emulation import Incoming
from ...platforms import installed
from .cases import Case

Rule = Callable[[Half, Half], Verdict]
START = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)  # any time will do: it is passed in
PATIENCE = 10.0  # seconds for an answer of a sandbox


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody made of a case."""

    counted: int
    certain: bool
    reason: str
    fields: tuple[str, ...]

    def differs(self, case: Case) -> str:
        """What is not as the case says, in a sentence; empty when all is."""
        said = [
            f"{name} {found!r}, not {wanted!r}"
            for name, found, wanted in (
                ("counted", self.counted, case.counted),
                ("certain", self.certain, case.certain),
                ("fields", list(self.fields), list(case.fields or self.fields)),
            )
            if found != wanted
        ]
        return f"{case}: {'; '.join(said)}. It says: {self.reason} Published: {case.source}" if said else ""


def check(case: Case, *, rule: Rule | None = None, url: str | None = None) -> None:
    """Put a case to `rule` (the platform's own unless given), or to the sandbox at `url`. AssertionError says what
    differs, what was answered and where the rule is published."""
    finding = by_rule(case, rule) if url is None else by_sandbox(case, url)
    difference = finding.differs(case)
    if difference:
        raise AssertionError(difference)


def by_rule(case: Case, rule: Rule | None = None) -> Finding:
    """The verdict of a dedup rule on the halves as the platform reads them from the wire."""
    platform = installed()[case.platform]
    emulator = platform.emulator()
    halves: list[Half] = []
    for sending in case.halves:
        answer = emulator.answer(sending.request(START), START + timedelta(seconds=sending.after))
        if answer.rejected or len(answer.halves) != 1:
            raise AssertionError(f"{case}: the {sending.side} half is not taken ({answer.body[:300]!r})")
        halves.extend(answer.halves)
    first, second = halves
    verdict = (rule or platform.dedup)(first, second)
    return Finding(verdict.counted, verdict.certain, verdict.reason, verdict.fields)


def by_sandbox(case: Case, url: str) -> Finding:
    """What a sandbox counts when both halves are sent to it on time, on its own clock. It is reset first."""
    base = url.rstrip("/")
    _ask(base, Incoming("POST", "/api/reset", "", {}, b"{}"))
    start = datetime.fromisoformat(_json(base, "/api/clock")["now"].replace("Z", "+00:00"))
    at = 0.0
    for sending in case.halves:
        if sending.after > at:
            step = {"advance_seconds": sending.after - at}
            _ask(base, Incoming("POST", "/api/clock", "", {}, json.dumps(step).encode()))
            at = sending.after
        _ask(f"{base}/{case.platform}", sending.request(start))
    records = [one for one in _json(base, "/api/conversions")["conversions"] if one["platform"] == case.platform]
    fields = dict.fromkeys(field for record in records for field in record.get("decided_by", ()))
    return Finding(
        sum(record["counted"] for record in records),
        all(record["certain"] for record in records),
        " ".join(dict.fromkeys(record["reason"] for record in records)),
        tuple(fields),
    )


def _json(base: str, path: str) -> Any:
    return json.loads(_ask(base, Incoming("GET", path, "", {}, b"")))


def _ask(base: str, asked: Incoming) -> bytes:
    address = base + asked.path + (f"?{asked.query}" if asked.query else "")
    request = Request(address, asked.body or None, dict(asked.headers), method=asked.method)
    with urlopen(request, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
        return body
