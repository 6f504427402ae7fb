"""Every back end does the same: random histories, played to one of them and to the outbox in memory side by side."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pixeltwin.outbox import Claim, Settlement
from tests.outboxes import BACK_ENDS, BLUE, NOW, RED, Halves, forbidden_moves, halves, new
from tests.thoroughness import examples

NUMBERS = st.integers(0, 5)
IDS = st.lists(NUMBERS.map("id-{}".format), min_size=1, max_size=3)
DESTINATIONS = st.sampled_from([RED, BLUE])
WAITS = st.sampled_from(["consent", "payment"])
STATES = st.sampled_from(["delivered", "waiting", "refused", "expired", "suppressed", "cancelled", "pending"])
RETRIED = st.sets(st.sampled_from(["waiting", "refused", "expired"]))
REASONS = st.sampled_from(["", "no_match_key: nothing", "bad"])
STEPS = st.sampled_from([timedelta(seconds=1), timedelta(seconds=61), timedelta(hours=2), timedelta(days=3)])
LEAPS = st.sampled_from([timedelta(hours=2), timedelta(days=8), timedelta(days=40), timedelta(days=401)])

Pair = tuple[str, Claim, Claim]  # a destination, and what both outboxes claimed for it


class SideBySide(RuleBasedStateMachine):
    """Two outboxes that are told the same. Each rule compares the answers, the invariant all that can be seen."""

    back_end: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model = BACK_ENDS["memory"](Path(self.folder.name))
        self.real = BACK_ENDS[self.back_end](Path(self.folder.name))
        self.now = NOW
        self.claims: list[Pair] = []
        self.seen: Halves = {}
        self.both("set_destinations", [RED, BLUE])

    def teardown(self) -> None:
        self.real.close()
        self.folder.cleanup()

    def both(self, method: str, *args: Any, **more: Any) -> None:
        expected, found = (attrgetter(method)(outbox)(*args, **more) for outbox in (self.model, self.real))
        assert found == expected, f"{method}{args}: {found} instead of {expected}"

    @rule(step=STEPS)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(
        numbers=st.lists(NUMBERS, min_size=1, max_size=4),
        unique=st.booleans(),
        held=st.just(set[str]()) | st.sets(WAITS),
        offered=st.booleans(),
    )
    def put(self, numbers: list[int], unique: bool, held: set[str], offered: bool) -> None:
        key = {} if unique else {"unique": None}
        for number in numbers:
            self.both("put", new(number, held=tuple(held), offered=offered, **key), now=self.now)

    @rule(destination=DESTINATIONS, limit=st.integers(0, 4))
    def claim(self, destination: str, limit: int) -> None:
        self.claims += self.claimed(destination, limit)

    @rule(back=st.integers(1, 6), state=STATES, reason=REASONS, due=st.none() | STEPS, tried=st.booleans())
    def settle(self, back: int, state: Any, reason: str, due: timedelta | None, tried: bool) -> None:
        """One of the latest claims; its lease may be over or lost."""
        due_at = None if due is None else self.now + due
        self.settled(self.claims[-back : len(self.claims) - back + 1], state, reason, due_at, tried)

    @rule(destinations=st.lists(DESTINATIONS, min_size=1, unique=True), state=STATES, reason=REASONS)
    def work(self, destinations: list[str], state: Any, reason: str) -> None:
        """A worker's whole pass: everything due is claimed and ends alike."""
        for destination in destinations:
            claims = self.claimed(destination, limit=20)
            self.only_listed_moves_are_made()
            self.settled(claims, state, reason, self.now + timedelta(minutes=1), True)

    def claimed(self, destination: str, limit: int) -> list[Pair]:
        expected, found = (one.claim(destination, now=self.now, limit=limit) for one in (self.model, self.real))
        assert [described(claim) for claim in found] == [described(claim) for claim in expected]
        return [(destination, *pair) for pair in zip(expected, found, strict=True)]

    def settled(self, claims: list[Pair], state: Any, reason: str, due_at: datetime | None, tried: bool) -> None:
        for destination, *pair in claims:
            expected, found = (
                outbox.settle(
                    destination, [Settlement(one.row.seq, one.lease, state, reason, due_at, tried)], now=self.now
                )
                for outbox, one in zip((self.model, self.real), pair, strict=True)
            )
            assert found == expected

    @rule(ids=IDS, reason=WAITS, renew=st.booleans())
    def release(self, ids: list[str], reason: str, renew: bool) -> None:
        rewrite = (lambda record: record[:20] + reason.encode()) if renew else None
        self.both("release", ids, reason, now=self.now, rewrite=rewrite, occurred_at=self.now if renew else None)

    @rule(ids=IDS)
    def rewrite(self, ids: list[str]) -> None:
        self.both("rewrite", ids, lambda record: record[:20] + b"rewritten")

    @rule(number=NUMBERS, text=st.binary(max_size=3))
    def note(self, number: int, text: bytes) -> None:
        self.both("notes.keep", "kind", str(number), text, now=self.now)

    @rule(number=NUMBERS)
    def forget(self, number: int) -> None:
        self.both("notes.forget", "kind", str(number))

    @rule(number=NUMBERS, text=st.binary(max_size=3))
    def amend(self, number: int, text: bytes) -> None:
        self.both("notes.amend", "kind", str(number), text)

    @rule(ids=IDS)
    def cancel(self, ids: list[str]) -> None:
        self.both("cancel", ids, now=self.now, reason="cancelled")

    @rule(seq=st.integers(1, 8))
    def give_up(self, seq: int) -> None:
        self.both("give_up", seq)

    @rule(ids=IDS)
    def offer(self, ids: list[str]) -> None:
        self.both("offer", ids, now=self.now)

    @rule(ids=IDS)
    def retract(self, ids: list[str]) -> None:
        self.both("retract", ids)

    @rule(number=NUMBERS, fired=st.sets(DESTINATIONS), blocked=st.sets(DESTINATIONS))
    def acknowledge(self, number: int, fired: set[str], blocked: set[str]) -> None:
        self.both("acknowledge", f"id-{number}", sorted(fired), blocked=sorted(blocked), now=self.now)

    @rule(seq=st.integers(1, 8), reopens=st.sampled_from([None, "no_match_key", ""]))
    def fill(self, seq: int, reopens: str | None) -> None:
        self.both("fill", seq, b"filled", now=self.now, reopens=reopens)

    @rule(destination=st.none() | DESTINATIONS, ids=st.none() | IDS, states=RETRIED)
    def retry(self, destination: str | None, ids: list[str] | None, states: set[str]) -> None:
        self.both("retry", now=self.now, destination=destination, ids=ids, states=states)

    @rule(destination=DESTINATIONS, keeps=st.binary(max_size=2) | st.none())
    def share(self, destination: str, keeps: bytes | None) -> None:
        self.both("share", destination, lambda kept: keeps and (kept or b"")[:1] + keeps)

    @rule(leap=LEAPS)
    def purge(self, leap: timedelta) -> None:
        self.now += leap
        self.both("purge", now=self.now)

    @rule(back=STEPS)
    def rouse(self, back: timedelta) -> None:
        """By a clock that is late, or was set back."""
        self.both("rouse", now=self.now - back)

    @rule(destinations=st.sets(DESTINATIONS))
    def set_destinations(self, destinations: set[str]) -> None:
        self.both("set_destinations", sorted(destinations))

    @invariant()
    def nothing_differs(self) -> None:
        self.both("deliveries", limit=1000)
        self.both("counts")
        self.both("next_due", [RED, BLUE], now=self.now)
        self.both("shared")
        self.both("heard", "Purchase")
        for destination in (RED, BLUE):
            self.both("oldest", destination)
        for after in (None, 2):
            self.both("open_rows", after=after, limit=3)
        self.both("get", [f"id-{number}" for number in range(6)])
        for number in range(6):
            self.both("notes.find", "kind", str(number), now=self.now)

    @invariant()
    def only_listed_moves_are_made(self) -> None:
        before, self.seen = self.seen, halves(self.real)
        assert forbidden_moves(before, self.seen) == []


def described(claim: Claim) -> tuple[object, ...]:
    """A claim without its lease, which is random."""
    return claim.row, claim.attempts, claim.browser, claim.browser_at, claim.put_at


@pytest.mark.parametrize("back_end", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_a_back_end_does_what_the_outbox_in_memory_does(back_end: str) -> None:
    """Whatever happens in whatever order, a back end answers like the model and makes no move that is not listed."""
    machine = type("SideBySide", (SideBySide,), {"back_end": back_end})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(100),
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
