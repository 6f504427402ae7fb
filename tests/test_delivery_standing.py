"""What the workers share of a destination: whatever they do and in whatever order, the rate and the breaker hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pixeltwin.outbox.contract import LEASE
from pixeltwin.replies import LONGEST_WAIT
from pixeltwin.sending.ceiling import EXACT, SLACK
from pixeltwin.sending.standing import FULL, Standing
from tests.local_vendor import NOW
from tests.thoroughness import examples

SECOND = timedelta(seconds=1)
FRACTION = st.floats(0, 1)


@dataclass
class Request:
    """One that some worker has entered and not heard of."""

    at: datetime
    turn: int
    probe: bool


class Workers(RuleBasedStateMachine):
    """Any number of workers at one destination; what they share passes through bytes each time."""

    @initialize(rate=st.sampled_from([0.5, 1.0, 2.5, 10.0, 80.0]))
    def begin(self, rate: float) -> None:
        self.rate, self.now, self.standing = rate, NOW, Standing()
        self.flying: list[Request] = []
        self.made: list[datetime] = []

    def become(self, standing: Standing) -> None:
        assert Standing.from_bytes(standing.to_bytes()) == standing
        self.standing = Standing.from_bytes(standing.to_bytes())

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.0, 30.0, 61.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(tries=st.integers(1, 30))
    def enter(self, tries: int) -> None:
        for _ in range(tries):
            entered = self.standing.entered(self.now, self.rate)
            if entered is None:
                assert self.standing.opens_at(self.now, self.rate) > self.now
                return
            self.become(entered)
            self.flying.append(Request(self.now, entered.turn, entered.state != "open"))
            self.made.append(self.now)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        request = self.take(data)
        self.made.remove(request.at)
        self.become(self.standing.left(request.at, self.rate, turn=request.turn))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), wait=st.sampled_from([None, 0.0, 5.0, 100.0]))
    def answered(self, data: st.DataObject, wait: float | None) -> None:
        before, request = self.standing, self.take(data)
        self.become(before.answered(self.now, turn=request.turn, took=True, wait=wait))
        if before.state != "open" and request.turn != before.turn:
            assert (self.standing.state, self.standing.shut_until) == (before.state, before.shut_until)
        else:
            assert self.standing.state == "open"
            assert wait is None or self.standing.opens_at(self.now, self.rate) >= self.now + wait * SECOND

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), after=st.sampled_from([None, 0.5, 30.0, LONGEST_WAIT]), fraction=FRACTION)
    def failed(self, data: st.DataObject, after: float | None, fraction: float) -> None:
        turn = self.take(data).turn
        self.become(self.standing.failed(self.now, turn=turn, after=after, fraction=fraction, reason="503", heard=True))
        assert self.standing.state != "open"
        assert after is None or self.standing.opens_at(self.now, self.rate) >= self.now + after * SECOND

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), token=st.sampled_from("ab"))
    def paused(self, data: st.DataObject, token: str) -> None:
        self.become(self.standing.paused(self.now, turn=self.take(data).turn, reason="401", settings=token))
        assert self.standing.state != "open"

    @rule(token=st.sampled_from("ab"))
    def reset(self, token: str) -> None:
        self.become(self.standing.reset(token))

    @rule()
    def resume(self) -> None:
        self.become(self.standing.resumed())

    def take(self, data: st.DataObject) -> Request:
        return self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))

    @invariant()
    def no_span_holds_more_than_the_rate(self) -> None:
        most = max(1, int(self.rate))
        span = timedelta(seconds=most / self.rate) + SLACK
        recent = self.made[-most - 60 :]
        for first, last in zip(recent, recent[most:], strict=False):
            assert last - first >= span

    @invariant()
    def one_probe_at_a_time(self) -> None:
        assert sum(one.probe and one.at + LEASE > self.now for one in self.flying) <= 1

    @invariant()
    def trouble_asks_with_one_event(self) -> None:
        assert self.standing.state == "open" or self.standing.size == 1

    @invariant()
    def it_always_opens_again(self) -> None:
        """Whatever became of the workers, one that is left gets in within the longest wait, and ends the trouble."""
        opens = self.standing.opens_at(self.now, self.rate)
        assert opens - self.now <= LONGEST_WAIT * SECOND
        entered = self.standing.entered(opens, self.rate)
        assert entered
        assert entered.answered(opens, turn=entered.turn, took=True).state == "open"

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.standing.sent) <= EXACT + 2


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=examples(100), stateful_step_count=40)


def test_trouble_that_many_see_at_once_is_one_failure() -> None:
    """Eight requests that were under way when a platform went down are one failure of the back-off, not eight."""
    standing = Standing()
    turns: list[int] = []
    for _ in range(8):
        standing = standing.entered(NOW, 100.0) or standing
        turns.append(standing.turn)
    for turn in turns:
        standing = standing.failed(NOW, turn=turn, after=None, fraction=1.0, reason="503", heard=True)
    assert (standing.failures, standing.shut_until) == (1, NOW + SECOND)


def test_an_answer_to_an_older_question_ends_no_wait() -> None:
    """A success that was under way when the platform said "not for 30 seconds" does not shorten these."""
    standing = Standing().entered(NOW, 10.0) or Standing()
    turn = standing.turn
    standing = standing.failed(NOW, turn=turn, after=30.0, fraction=0.0, reason="429", heard=True)
    standing = standing.answered(NOW + SECOND, turn=turn, took=True)
    assert standing.opens_at(NOW + SECOND, 10.0) == NOW + 30 * SECOND
    assert standing.took_at == NOW + SECOND


def test_batches_grow_after_trouble() -> None:
    """After the probe batches grow from one event to as many as the platform takes."""
    standing, sizes = Standing(), [0]
    standing = standing.failed(NOW, turn=0, after=1.0, fraction=0.0, reason="503", heard=False)
    while not standing.clean:
        assert sizes[-1] < standing.size
        sizes.append(standing.size)
        standing = standing.answered(NOW + SECOND, turn=standing.turn, took=True)
    assert sizes[1:4] == [1, 4, 16]
    assert standing.size == FULL


@given(st.floats(0.5, 100), st.integers(1, 200))
def test_a_clock_set_back_shuts_nothing_for_long(rate: float, tries: int) -> None:
    """When clocks jump back a day, a destination that was waiting or probed is asked at once, and its rate begins
    anew."""
    standing = Standing()
    for _ in range(tries):
        standing = standing.entered(NOW, rate) or standing
    standing = standing.failed(NOW, turn=0, after=600.0, fraction=1.0, reason="x", heard=True)
    standing = standing.entered(NOW + 600 * SECOND, rate) or standing
    yesterday = NOW - timedelta(days=1)
    assert standing.opens_at(yesterday, rate) == yesterday


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b"null", b'{"state": "open", "since": 5}', b'{"sent": [3]}'])
def test_what_nobody_can_read_is_a_fresh_start(kept: bytes) -> None:
    """Bytes that are no standing are taken for a destination that was never asked: a damaged note stops no delivery."""
    assert Standing.from_bytes(kept) == Standing()


def test_a_newer_version_may_keep_more() -> None:
    """What a newer version keeps beside is no reason to forget the rest."""
    kept = b'{"state":"paused","reason":"no such account","moon":"full"}'
    assert Standing.from_bytes(kept) == Standing(state="paused", reason="no such account")
