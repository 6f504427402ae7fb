"""What every outbox promises, asked of each of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from pixeltwin.errors import ConfigurationError
from pixeltwin.outbox import Heard, Outbox, Settlement, open_outbox
from pixeltwin.outbox.contract import (
    FURTHEST,
    KEEP_HELD,
    KEEP_KEYED,
    KEEP_OTHERS,
    KEEP_PERSONAL,
    KEEP_RECORD,
    LEASE,
    UNDECIDED,
)
from pixeltwin.outbox.states import ServerState
from pixeltwin.replies import LONGEST_WAIT
from pixeltwin.sending.backoff import CAP
from pixeltwin.sending.outbound import ASK_AGAIN, TEST_ID_AGAIN
from tests.outboxes import BACK_ENDS, BLUE, NOW, RED, after, new, put, settle_all, states

Found = TypeVar("Found")


@pytest.fixture(params=BACK_ENDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    made = BACK_ENDS[request.param](tmp_path)
    made.set_destinations([RED, BLUE])
    yield made
    made.close()


def at_once(work: Callable[[int], Found], threads: int = 8) -> list[Found]:
    """What `work` gives in threads that all begin together."""
    barrier = threading.Barrier(threads)

    def one(number: int) -> Found:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


# --- putting and finding ---------------------------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_put(outbox: Outbox) -> None:
    """What was put is found by its natural key and by its id, byte for byte."""
    given = new(record=b"\x00\xff{}", visitor=b"", held=("payment", "consent"))
    made = outbox.put(given, now=NOW)
    assert made.created
    assert made.row.held == ("consent", "payment")
    assert outbox.find("shop:Purchase:1") == made.row
    assert outbox.get(["unknown", "id-1"]) == [made.row]
    assert (made.row.id, made.row.record, made.row.visitor) == (given.id, given.record, given.visitor)
    assert outbox.find("shop:Purchase:2") is None


def test_a_natural_key_makes_one_row(outbox: Outbox) -> None:
    """Tracking the same natural key again writes nothing and answers with the row that is known."""
    first = outbox.put(new(), now=NOW)
    again = outbox.put(new(id="another", record=b"changed"), now=after(days=300))
    assert not again.created
    assert again.row == first.row
    assert outbox.get(["another"]) == []


def test_a_natural_key_makes_one_row_in_parallel(outbox: Outbox) -> None:
    """Of many threads that put one natural key at the same moment, one makes the row and all see it."""
    answers = at_once(lambda number: outbox.put(new(id=f"from-{number}"), now=NOW))
    assert sum(answer.created for answer in answers) == 1
    assert len({(answer.row.seq, answer.row.id) for answer in answers}) == 1


def test_without_a_natural_key_each_call_is_its_own_row(outbox: Outbox) -> None:
    """Two rows without a natural key are two conversions, even under one id; they come in order of arrival."""
    seqs = [*put(outbox, 1, 1, unique=None), *put(outbox, 2)]
    assert [row.seq for row in outbox.get(["id-2", "id-1", "id-1"])] == seqs == sorted(set(seqs))


# --- claiming and settling -------------------------------------------------------------------------------------------


def test_claims_come_oldest_first_and_once(outbox: Outbox) -> None:
    """A claim takes the oldest rows, up to its limit; what one worker has no other gets."""
    seqs = put(outbox, 1, 2, 3)
    first = outbox.claim(RED, now=NOW, limit=2)
    second = outbox.claim(RED, now=NOW, limit=2)
    assert [claim.row.seq for claim in first + second] == seqs
    assert {claim.lease for claim in first}.isdisjoint(claim.lease for claim in second)
    assert outbox.claim(RED, now=NOW, limit=2) == []
    assert (first[0].row.record, first[0].row.visitor) == (new(1).record, new(1).visitor)
    assert (first[0].attempts, first[0].browser, first[0].browser_at) == (0, "none", None)


def test_a_large_claim_comes_whole(outbox: Outbox) -> None:
    """Hundreds of rows of one claim come in order of arrival, each with what was put, and what is due again first."""
    seqs = put(outbox, *range(450))
    settle_all(outbox, RED, "waiting", due_at=after(seconds=1))
    new_seqs = put(outbox, *range(450, 500), now=after(seconds=1))
    claims = outbox.claim(RED, now=after(seconds=2), limit=480)
    assert [claim.row.seq for claim in claims] == seqs + new_seqs[:30]
    assert [claim.row.record for claim in claims] == [new(number).record for number in range(480)]


def test_each_destination_has_its_own_claim(outbox: Outbox) -> None:
    """Every conversion is claimed for every destination, whatever became of it at the others."""
    put(outbox, 1)
    settle_all(outbox, RED, "refused")
    assert [claim.row.id for claim in outbox.claim(BLUE, now=NOW, limit=10)] == ["id-1"]


def test_no_row_is_claimed_twice_in_parallel(outbox: Outbox) -> None:
    """Workers that claim side by side get every row, and each row exactly one of them."""
    seqs = put(outbox, *range(60))

    def drain(_: int) -> list[int]:
        taken: list[int] = []
        while claims := outbox.claim(RED, now=NOW, limit=7):
            taken += [claim.row.seq for claim in claims]
        return taken

    taken = Counter(seq for one in at_once(drain, threads=4) for seq in one)
    assert taken == Counter(seqs)


def test_a_lease_that_was_not_settled_returns(outbox: Outbox) -> None:
    """What a dead worker had claimed is due again when its lease ends, and not a moment before."""
    put(outbox, 1)
    (dead,) = outbox.claim(RED, now=NOW, limit=10)
    just_before = NOW + LEASE - timedelta(microseconds=1)
    assert outbox.claim(RED, now=just_before, limit=10) == []
    assert outbox.next_due([RED], now=just_before) == NOW + LEASE
    (heir,) = outbox.claim(RED, now=NOW + LEASE, limit=10)
    assert heir.row.seq == dead.row.seq
    assert heir.lease != dead.lease


def test_a_settlement_whose_lease_was_lost_is_ignored(outbox: Outbox) -> None:
    """A worker that comes back after its lease went to another changes nothing."""
    put(outbox, 1)
    (late,) = outbox.claim(RED, now=NOW, limit=1)
    (heir,) = outbox.claim(RED, now=NOW + LEASE, limit=1)
    now = NOW + LEASE
    assert outbox.settle(RED, [Settlement(late.row.seq, late.lease, "refused")], now=now) == 0
    assert outbox.settle(RED, [Settlement(heir.row.seq, heir.lease, "delivered")], now=now) == 1
    assert outbox.settle(RED, [Settlement(heir.row.seq, heir.lease, "refused")], now=now) == 0
    assert outbox.settle(BLUE, [Settlement(heir.row.seq, heir.lease, "refused")], now=now) == 0
    assert states(outbox)["id-1"] == {RED: "delivered", BLUE: "pending"}


def test_of_two_ends_under_one_lease_the_first_counts(outbox: Outbox) -> None:
    """Whatever is settled beside it, and alike it, a lease that comes twice ends as it was said first."""
    put(outbox, 1)
    put(outbox, 2)
    one, two = outbox.claim(RED, now=NOW, limit=9)
    refused = [Settlement(claim.row.seq, claim.lease, "refused") for claim in (one, two)]
    assert outbox.settle(RED, [refused[1], Settlement(one.row.seq, one.lease, "delivered"), refused[0]], now=NOW) == 2
    assert [state.state for state in outbox.deliveries(destination=RED, id="id-1")] == ["delivered"]


def test_what_is_held_between_claimed_rows_is_still_counted_and_listed(outbox: Outbox) -> None:
    """Rows that are not due are passed by in a claim, and forgotten by nobody."""
    for number in (1, 2, 3):
        put(outbox, number, held=("payment",) if number == 2 else ())
    assert len(outbox.claim(RED, now=NOW, limit=9)) == 2
    assert outbox.counts()[RED] == {"claimed": 2, "held": 1}
    assert [state.state for state in outbox.deliveries(destination=RED, id="id-2")] == ["held"]


def test_a_lease_nobody_took_over_may_be_settled_late(outbox: Outbox) -> None:
    """An outcome that arrives after the lease ended still counts while nobody else has claimed the row."""
    put(outbox, 1)
    (claim,) = outbox.claim(RED, now=NOW, limit=1)
    assert outbox.settle(RED, [Settlement(claim.row.seq, claim.lease, "delivered")], now=after(hours=1)) == 1


def test_a_waiting_half_comes_back_when_it_is_due(outbox: Outbox) -> None:
    """A half that waits is claimed again at its time, before newer rows, and its attempts are counted."""
    put(outbox, 1, 2)
    (claim,) = outbox.claim(RED, now=NOW, limit=1)
    due = after(seconds=30)
    outbox.settle(RED, [Settlement(claim.row.seq, claim.lease, "waiting", "HTTP 500", due)], now=NOW)
    assert [one.row.id for one in outbox.claim(RED, now=NOW, limit=10)] == ["id-2"]
    assert outbox.next_due([RED], now=NOW) == due
    put(outbox, 3)
    (again,) = outbox.claim(RED, now=due, limit=1)
    assert (again.row.id, again.attempts) == ("id-1", 1)


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=300)])
def test_what_waits_does_not_sleep_until_a_clock_that_was_set_back_has_caught_up(
    outbox: Outbox, back: timedelta
) -> None:
    """Halves that are due further away than anything could be are due now, at every destination, however many there
    are; those that can be wait for their time."""
    put(outbox, *range(600))
    for destination in (RED, BLUE):
        settle_all(outbox, destination, "waiting", due_at=after(hours=1))
    assert outbox.rouse(now=after(hours=-1)) == 0
    now = NOW - back
    assert outbox.claim(RED, now=now, limit=1) == []
    assert outbox.rouse(now=now) == 1200
    assert outbox.rouse(now=now) == 0
    assert outbox.next_due([RED, BLUE], now=now) == now
    assert [len(outbox.claim(one, now=now, limit=1000)) for one in (RED, BLUE)] == [600, 600]


def test_a_lease_by_another_clock_is_left_its_time(outbox: Outbox) -> None:
    """A lease that ends further away than any can ends when it was seen so for as long as a lease is: a worker that
    lives by the other clock is not overtaken by who lives by this one, nor by those who share its own."""
    put(outbox, 1)
    ahead = after(days=1)
    (claim,) = outbox.claim(RED, now=ahead, limit=1)
    just_before = NOW + LEASE - timedelta(microseconds=1)
    for seen_at in (NOW, after(seconds=30), just_before):
        outbox.rouse(now=seen_at)
        assert outbox.claim(RED, now=seen_at, limit=1) == []
        assert outbox.claim(RED, now=ahead + LEASE / 2, limit=1) == []
    outbox.rouse(now=NOW + LEASE)
    (heir,) = outbox.claim(RED, now=NOW + LEASE, limit=1)
    now = NOW + LEASE
    assert outbox.settle(RED, [Settlement(claim.row.seq, claim.lease, "delivered")], now=now) == 0
    assert outbox.settle(RED, [Settlement(heir.row.seq, heir.lease, "delivered")], now=now) == 1


def test_a_lease_that_was_lost_counts_as_an_attempt(outbox: Outbox) -> None:
    """Its worker may have sent: whatever becomes of the half without another request, that stays known."""
    put(outbox, 1)
    outbox.claim(RED, now=NOW, limit=1)
    (heir,) = outbox.claim(RED, now=NOW + LEASE, limit=1)
    outbox.settle(RED, [Settlement(heir.row.seq, heir.lease, "cancelled", tried=False)], now=NOW + LEASE)
    assert [(one.state, one.attempts) for one in outbox.deliveries(destination=RED)] == [("cancelled", 1)]


def test_nothing_waits_so_long_that_it_is_taken_for_another_clocks() -> None:
    """All waits and leases end within half of what counts as impossible, so that clocks may differ by the rest."""
    longest = max(LEASE, ASK_AGAIN, TEST_ID_AGAIN, *(timedelta(seconds=one) for one in (LONGEST_WAIT, CAP)))
    assert longest <= FURTHEST / 2


def test_the_longest_due_goes_first(outbox: Outbox) -> None:
    """Of the halves that are due again those go first that have been due for longest."""
    put(outbox, 1, 2)
    one, two = outbox.claim(RED, now=NOW, limit=2)
    outbox.settle(RED, [Settlement(one.row.seq, one.lease, "waiting", due_at=after(minutes=2))], now=NOW)
    outbox.settle(RED, [Settlement(two.row.seq, two.lease, "waiting", due_at=after(minutes=1))], now=NOW)
    assert [claim.row.id for claim in outbox.claim(RED, now=after(hours=1), limit=1)] == ["id-2"]


def test_a_half_given_back_untried_is_due_at_once(outbox: Outbox) -> None:
    """A claim that is given back costs the conversion no attempt and no time."""
    put(outbox, 1)
    (claim,) = outbox.claim(RED, now=NOW, limit=1)
    outbox.settle(RED, [Settlement(claim.row.seq, claim.lease, "pending", tried=False)], now=NOW)
    assert outbox.next_due([RED], now=NOW) == NOW
    assert [one.attempts for one in outbox.claim(RED, now=NOW, limit=1)] == [0]


def test_next_due_says_when_a_worker_is_needed(outbox: Outbox) -> None:
    """Nothing waits: None; something new: now; only later: the earliest moment of the destinations asked for."""
    assert outbox.next_due([RED, BLUE], now=NOW) is None
    put(outbox, 1)
    assert outbox.next_due([RED, BLUE], now=NOW) == NOW
    settle_all(outbox, RED, "waiting", due_at=after(seconds=90))
    settle_all(outbox, BLUE, "waiting", due_at=after(seconds=40))
    assert outbox.next_due([RED, BLUE], now=NOW) == after(seconds=40)
    assert outbox.next_due([RED], now=NOW) == after(seconds=90)
    assert outbox.next_due([RED], now=after(hours=1)) == after(hours=1)


def test_an_unknown_destination_is_an_error(outbox: Outbox) -> None:
    """A destination that was never set is told, for nothing would ever be delivered to it."""
    with pytest.raises(ConfigurationError, match=r"green:3.*set_destinations"):
        outbox.claim("green:3", now=NOW, limit=1)


def test_a_new_destination_gets_no_old_rows(outbox: Outbox) -> None:
    """A pixel that is added later is told only of what happens from then on."""
    put(outbox, 1)
    outbox.set_destinations([RED, BLUE, "green:3"])
    put(outbox, 2)
    assert [claim.row.id for claim in outbox.claim("green:3", now=NOW, limit=10)] == ["id-2"]
    assert len(outbox.claim(RED, now=NOW, limit=10)) == 2


def test_a_destination_that_is_left_out_keeps_its_rows(outbox: Outbox) -> None:
    """A pixel that was taken away still gets what was put for it, and nothing newer, even if it comes back."""
    put(outbox, 1)
    outbox.set_destinations([RED])
    put(outbox, 2)
    settle_all(outbox, RED, "delivered")
    assert [row.visitor is None for row in outbox.get(["id-1", "id-2"])] == [False, True]
    outbox.set_destinations([RED, BLUE])
    put(outbox, 3)
    assert states(outbox)["id-2"] == {RED: "delivered"}
    assert [claim.row.id for claim in outbox.claim(BLUE, now=NOW, limit=10)] == ["id-1", "id-3"]


# --- holding, releasing, cancelling ----------------------------------------------------------------------------------


def test_a_held_row_is_neither_claimed_nor_offered(outbox: Outbox) -> None:
    """What waits for consent or payment goes nowhere; rows behind it do."""
    put(outbox, 1, held=("consent",))
    put(outbox, 2)
    assert [claim.row.id for claim in outbox.claim(RED, now=NOW, limit=1)] == ["id-2"]
    assert outbox.offer(["id-1"], now=NOW) == []
    assert outbox.next_due([RED], now=NOW) == NOW + LEASE
    assert states(outbox)["id-1"] == {RED: "held", BLUE: "held"}


@pytest.mark.parametrize("order", [("consent", "payment"), ("payment", "consent")])
def test_a_row_becomes_pending_when_the_last_thing_is_lifted(outbox: Outbox, order: tuple[str, str]) -> None:
    """A row that waits for two things goes when both are there, in whatever order, with the record that came along."""
    put(outbox, 1, held=order)
    outbox.claim(RED, now=NOW, limit=1)  # one destination has looked at it before, the other has not
    first, last = order
    assert outbox.release(["id-1"], first, now=NOW, rewrite=lambda record: b"new") == []
    assert outbox.claim(RED, now=NOW, limit=1) == []
    assert outbox.release(["id-1"], first, now=NOW, rewrite=lambda record: b"ignored") == []
    assert outbox.release(["id-1", "unknown"], last, now=NOW) == ["id-1"]
    for destination in (RED, BLUE):
        assert [claim.row.record for claim in outbox.claim(destination, now=NOW, limit=1)] == [b"new"]


def test_a_release_makes_the_new_record_of_the_old_one(outbox: Outbox) -> None:
    """Two things lifted at the same moment both leave their mark in the record: none overwrites the other's."""
    put(outbox, 1, held=("consent", "payment"))

    def lift(number: int) -> list[str]:
        mark = b"C" if number else b"P"
        return outbox.release(
            ["id-1"], "consent" if number else "payment", now=NOW, rewrite=lambda record: record + mark
        )

    assert sorted(at_once(lift, threads=2)) == [[], ["id-1"]]
    (row,) = outbox.get(["id-1"])
    assert row.record in (new(1).record + b"CP", new(1).record + b"PC")


def test_a_release_may_change_when_it_happened(outbox: Outbox) -> None:
    """A row that is released with another time happened at that time, and one that waits for something else did not."""
    put(outbox, 1, held=("payment",))
    put(outbox, 2, held=("consent",))
    outbox.release(["id-1", "id-2"], "payment", now=after(hours=2), occurred_at=after(hours=1))
    assert {one.id: one.occurred_at for one in outbox.deliveries()} == {"id-1": after(hours=1), "id-2": NOW}


def test_a_release_that_fails_changes_nothing(outbox: Outbox) -> None:
    """When a new record cannot be made, the row waits on as it was, and can be released later."""
    put(outbox, 1, held=("payment",))
    with pytest.raises(ZeroDivisionError):
        outbox.release(["id-1"], "payment", now=NOW, rewrite=lambda record: bytes(1 // 0))
    (row,) = outbox.get(["id-1"])
    assert (row.held, row.record) == (("payment",), new(1).record)
    assert outbox.release(["id-1"], "payment", now=NOW) == ["id-1"]


def test_a_record_is_replaced_until_its_browser_half_is_offered(outbox: Outbox) -> None:
    """What is known since goes into a row, whatever it waits for; what a page has shown stays as it was shown."""
    put(outbox, 1, held=("payment",))
    put(outbox, 2)
    put(outbox, 3, offered=True)
    outbox.claim(RED, now=NOW, limit=1)
    outbox.rewrite(["id-1", "id-2", "id-3", "unknown"], lambda record: record + b"!")
    assert [row.record for row in outbox.get(["id-1", "id-2", "id-3"])] == [
        new(1).record + b"!",
        new(2).record + b"!",
        new(3).record,
    ]
    assert states(outbox)["id-1"] == {RED: "held", BLUE: "held"}
    with pytest.raises(ZeroDivisionError):
        outbox.rewrite(["id-1", "id-2"], lambda record: b"new" if b"1" in record else bytes(1 // 0))
    assert outbox.get(["id-1"])[0].record == new(1).record + b"!"


def test_a_record_that_is_erased_is_not_replaced(outbox: Outbox) -> None:
    """What a page takes back after the record has gone leaves nothing to fill in."""
    put(outbox, 1, offered=True)
    settle_all(outbox, RED, "delivered")
    settle_all(outbox, BLUE, "delivered")
    outbox.purge(now=after(days=50))
    outbox.retract(["id-1"])
    outbox.rewrite(["id-1"], lambda record: record + b"!")
    assert [row.record for row in outbox.get(["id-1"])] == [None]


def test_a_record_is_replaced_and_released_at_once(outbox: Outbox) -> None:
    """A payment and an answer that come at the same moment both leave their mark."""
    put(outbox, 1, held=("payment",))

    def change(number: int) -> None:
        if number:
            outbox.rewrite(["id-1"], lambda record: record + b"C")
        else:
            outbox.release(["id-1"], "payment", now=NOW, rewrite=lambda record: record + b"P")

    at_once(change, threads=2)
    assert outbox.get(["id-1"])[0].record in (new(1).record + b"CP", new(1).record + b"PC")


def test_cancelling_ends_what_has_not_gone(outbox: Outbox) -> None:
    """A cancelled conversion is never claimed, offered or released again, and its personal data is erased at once."""
    put(outbox, 1, held=("payment",))
    put(outbox, 2)
    assert outbox.cancel(["id-1", "id-2"], now=NOW, reason="not paid") == 2
    assert outbox.claim(RED, now=NOW, limit=10) == []
    assert outbox.offer(["id-1", "id-2"], now=NOW) == []
    assert outbox.release(["id-1"], "payment", now=NOW) == []
    assert [row.visitor for row in outbox.get(["id-1", "id-2"])] == [None, None]
    assert {(one.state, one.reason, one.browser) for one in outbox.deliveries()} == {
        ("cancelled", "not paid", "suppressed")
    }
    assert outbox.cancel(["id-1"], now=NOW, reason="again") == 0


def test_a_row_that_has_ended_can_give_up_its_natural_key(outbox: Outbox) -> None:
    """The next report under the key is a new row with a life of its own; a row that is open keeps its key."""
    (seq,) = put(outbox, 1, held=("payment",))
    outbox.give_up(seq)
    assert not outbox.put(new(1), now=NOW).created
    outbox.cancel(["id-1"], now=NOW, reason="declined")
    outbox.give_up(seq)
    assert outbox.find(new(1).unique or "") is None
    again = outbox.put(new(1), now=NOW)
    assert again.created and again.row.seq > seq
    assert [claim.row.seq for claim in outbox.claim(RED, now=NOW, limit=10)] == [again.row.seq]
    assert [row.seq for row in outbox.offer(["id-1"], now=NOW)] == [again.row.seq]


def test_cancelling_stops_only_what_has_not_gone(outbox: Outbox) -> None:
    """What was delivered stays so, what waits for another try is cancelled; the count tells who came too late."""
    put(outbox, 1, 2)
    settle_all(outbox, RED, "delivered")
    (claim, _) = outbox.claim(BLUE, now=NOW, limit=10)
    outbox.settle(BLUE, [Settlement(claim.row.seq, claim.lease, "waiting", due_at=after(hours=1))], now=NOW)
    assert outbox.cancel(["id-1"], now=NOW, reason="consent withdrawn") == 1
    assert outbox.cancel(["id-2"], now=NOW, reason="consent withdrawn") == 0
    assert states(outbox) == {
        "id-1": {RED: "delivered", BLUE: "cancelled"},
        "id-2": {RED: "delivered", BLUE: "claimed"},
    }
    assert outbox.claim(BLUE, now=after(hours=2), limit=10)[0].row.visitor is None


# --- the browser half ------------------------------------------------------------------------------------------------


def test_a_browser_half_is_offered_once(outbox: Outbox) -> None:
    """A browser half is handed out to one request, whatever happens in parallel."""
    seqs = put(outbox, *range(5))
    ids = [f"id-{number}" for number in range(5)]
    offered = at_once(lambda _: [row.seq for row in outbox.offer(ids, now=NOW)])
    assert sorted(seq for one in offered for seq in one) == seqs


def test_a_browser_half_is_offered_after_delivery(outbox: Outbox) -> None:
    """A fast worker does not take the pixel away: the record is still there when the page comes."""
    put(outbox, 1)
    for destination in (RED, BLUE):
        settle_all(outbox, destination, "delivered")
    (row,) = outbox.offer(["id-1"], now=after(hours=20))
    assert (row.record, row.visitor) == (new(1).record, None)


def test_a_half_that_was_on_no_page_is_offered_again(outbox: Outbox) -> None:
    """What is retracted can be offered once more, however it was offered; what a browser acknowledged cannot."""
    put(outbox, 1, offered=True)
    put(outbox, 2)
    put(outbox, 3, offered=True)
    outbox.offer(["id-2"], now=NOW)
    outbox.acknowledge("id-3", ["red"], now=NOW)
    outbox.retract(["id-1", "id-2", "id-3", "id-4"])
    assert [row.id for row in outbox.offer(["id-1", "id-2", "id-3"], now=after(seconds=1))] == ["id-1", "id-2"]
    outbox.retract([])
    assert outbox.offer(["id-1"], now=NOW) == []


def test_what_was_cancelled_is_not_offered_again(outbox: Outbox) -> None:
    """A half on a page that never went out is not taken up again once its conversion was cancelled."""
    put(outbox, 1, offered=True)
    outbox.cancel(["id-1"], now=NOW, reason="refunded")
    outbox.retract(["id-1"])
    assert outbox.offer(["id-1"], now=NOW) == []


def test_a_half_that_went_out_with_its_request_is_not_offered(outbox: Outbox) -> None:
    """A row whose browser half is out already is not handed out again."""
    put(outbox, 1, offered=True)
    assert outbox.offer(["id-1"], now=NOW) == []
    (claim,) = outbox.claim(RED, now=NOW, limit=1)
    assert (claim.browser, claim.browser_at) == ("offered", NOW)


def test_the_worker_sees_what_the_browser_acknowledged(outbox: Outbox) -> None:
    """An acknowledgement is kept by destination, with the time of the first one; a fired pixel had been offered."""
    put(outbox, 1)
    outbox.acknowledge("id-1", [RED], now=after(seconds=5))
    outbox.acknowledge("id-1", [RED], now=after(seconds=9))
    outbox.acknowledge("unknown", [RED], now=NOW)
    (red,) = outbox.claim(RED, now=after(seconds=9), limit=1)
    (blue,) = outbox.claim(BLUE, now=after(seconds=9), limit=1)
    assert (red.browser, red.browser_at) == ("acknowledged", after(seconds=5))
    assert (blue.browser, blue.browser_at) == ("offered", after(seconds=5))
    assert outbox.offer(["id-1"], now=NOW) == []


def test_a_blocked_pixel_may_fire_after_all_and_a_fired_one_stays_so(outbox: Outbox) -> None:
    """What the browser said last of a pixel counts, but that it fired is never taken back; the listing shows it."""
    put(outbox, 1)
    outbox.acknowledge("id-1", [RED], blocked=[BLUE], now=after(seconds=5))
    assert {one.browser for one in outbox.deliveries(destination=BLUE)} == {"blocked"}
    outbox.acknowledge("id-1", [], blocked=[RED, BLUE], now=after(seconds=6))
    (blue,) = outbox.claim(BLUE, now=after(seconds=6), limit=1)
    assert (blue.browser, blue.browser_at) == ("blocked", after(seconds=5))
    outbox.acknowledge("id-1", [BLUE], blocked=[BLUE], now=after(seconds=7))
    said = {one.destination: (one.browser, one.browser_at) for one in outbox.deliveries()}
    assert said == {RED: ("acknowledged", after(seconds=5)), BLUE: ("acknowledged", after(seconds=7))}


def test_a_blocked_half_was_on_a_page(outbox: Outbox) -> None:
    """What a browser said was blocked is not offered or taken back any more; nothing said changes nothing."""
    put(outbox, 1, 2)
    outbox.acknowledge("id-1", [], blocked=[RED], now=NOW)
    outbox.acknowledge("id-2", [], now=NOW)
    outbox.retract(["id-1"])
    assert [row.id for row in outbox.offer(["id-1", "id-2"], now=NOW)] == ["id-2"]


def test_what_no_page_shows_any_more_is_not_acknowledged(outbox: Outbox) -> None:
    """A conversion that was called off before a page showed it stays suppressed, whatever a browser says."""
    put(outbox, 1)
    outbox.cancel(["id-1"], now=NOW, reason="cancelled")
    outbox.acknowledge("id-1", [RED], blocked=[BLUE], now=NOW)
    assert {one.browser for one in outbox.deliveries()} == {"suppressed"}
    assert outbox.heard("Purchase") == Heard(0, {}, {})


def test_what_browsers_said_is_counted_by_pixel(outbox: Outbox) -> None:
    """Of the newest conversions of an event: how many of each pixel fired or were blocked, and of how many that were
    shown nothing was heard."""
    put(outbox, 1)
    put(outbox, *range(2, 6), offered=True)
    put(outbox, 6, event="PageView", offered=True)
    for number in (2, 3, 4, 6):
        outbox.acknowledge(f"id-{number}", [RED], blocked=[BLUE] if number < 4 else [], now=NOW)
    assert outbox.heard("Purchase") == Heard(1, {RED: 3}, {BLUE: 2})
    assert outbox.heard("Purchase", newest=3) == Heard(1, {RED: 1}, {})
    assert outbox.heard("PageView") == Heard(0, {RED: 1}, {})
    assert outbox.heard("Lead") == Heard(0, {}, {})


# --- filling and reopening -------------------------------------------------------------------------------------------


def test_a_visitor_is_filled_until_a_worker_has_the_row(outbox: Outbox) -> None:
    """Signals that come late are taken while no half may have left, and refused afterwards."""
    (seq,) = put(outbox, 1)
    assert outbox.fill(seq, b"fuller", now=NOW)
    (claim,) = outbox.claim(RED, now=NOW, limit=1)
    assert claim.row.visitor == b"fuller"
    assert not outbox.fill(seq, b"too late", now=NOW)
    outbox.settle(RED, [Settlement(seq, claim.lease, "pending", tried=False)], now=NOW)
    assert outbox.fill(seq, b"in time", now=NOW)
    assert outbox.get(["id-1"])[0].visitor == b"in time"
    assert not outbox.fill(seq + 1, b"nobody", now=NOW)


def test_a_half_refused_for_missing_signals_is_reopened_by_them(outbox: Outbox) -> None:
    """Signals reopen what was refused for want of them, and nothing that was refused for another reason."""
    (seq,) = put(outbox, 1)
    settle_all(outbox, RED, "refused", reason="no_match_key: nothing to match by")
    settle_all(outbox, BLUE, "refused", reason="unknown pixel")
    assert not outbox.fill(seq, b"fuller", now=NOW)
    assert outbox.fill(seq, b"fuller", now=NOW, reopens="no_match_key")
    assert states(outbox)["id-1"] == {RED: "pending", BLUE: "refused"}
    assert [claim.row.visitor for claim in outbox.claim(RED, now=NOW, limit=1)] == [b"fuller"]


def test_erased_personal_data_does_not_come_back(outbox: Outbox) -> None:
    """A visitor that was erased is not filled in again."""
    (seq,) = put(outbox, 1)
    outbox.cancel(["id-1"], now=NOW, reason="consent withdrawn")
    assert not outbox.fill(seq, b"back", now=NOW, reopens="")
    assert outbox.get(["id-1"])[0].visitor is None


def test_retry_makes_waiting_halves_due_and_reopens_refused_ones(outbox: Outbox) -> None:
    """A retry by hand reaches waiting and refused halves, of one destination or of certain conversions if asked."""
    put(outbox, 1, 2)
    settle_all(outbox, RED, "waiting", due_at=after(hours=5))
    settle_all(outbox, BLUE, "refused", reason="bad pixel")
    assert outbox.retry(now=NOW, ids=["id-2"], destination=RED) == 1
    assert [claim.row.id for claim in outbox.claim(RED, now=NOW, limit=10)] == ["id-2"]
    assert outbox.retry(now=NOW, ids=["id-2"]) == 1
    assert outbox.retry(now=NOW) == 2
    assert [claim.row.id for claim in outbox.claim(BLUE, now=NOW, limit=10)] == ["id-1", "id-2"]
    assert outbox.retry(now=NOW) == 0
    assert [claim.attempts for claim in outbox.claim(RED, now=NOW, limit=10)] == [1]


def test_what_expired_is_replayed_only_when_it_is_asked_for(outbox: Outbox) -> None:
    """A half that expired is taken up again where "expired" is named, while its personal data is there."""
    put(outbox, 1, 2)
    settle_all(outbox, RED, "expired", reason="too_old")
    settle_all(outbox, BLUE, "delivered")
    assert outbox.retry(now=NOW) == 0
    assert outbox.retry(now=NOW, ids=["id-2"], states=["expired"]) == 1
    assert [claim.row.id for claim in outbox.claim(RED, now=NOW, limit=10)] == ["id-2"]
    outbox.purge(now=NOW + KEEP_PERSONAL)
    assert outbox.retry(now=NOW + KEEP_PERSONAL, states=["expired"]) == 0
    assert outbox.get(["id-1"])[0].visitor is None


# --- what workers share ----------------------------------------------------------------------------------------------


def test_what_workers_share_is_kept_by_destination(outbox: Outbox) -> None:
    """What is shared of a destination is there for everybody until it is changed or taken away."""
    assert outbox.shared() == {}
    assert outbox.share(RED, lambda kept: None if kept else b"\x00\xff") == b"\x00\xff"
    assert outbox.share(BLUE, lambda kept: kept) is None
    assert outbox.shared() == {RED: b"\x00\xff"}
    assert outbox.share(RED, lambda kept: (kept or b"") + b"2") == b"\x00\xff2"
    assert outbox.share(RED, lambda kept: None) is None
    assert outbox.shared() == {}
    with pytest.raises(ConfigurationError, match="set_destinations"):
        outbox.share("green:3", lambda kept: b"")


def test_one_caller_at_a_time_changes_what_is_shared(outbox: Outbox) -> None:
    """Of many callers at the same moment each one sees what the one before it left."""

    def count(_: int) -> None:
        for _ in range(10):
            outbox.share(RED, lambda kept: b"%d" % (int(kept or 0) + 1))

    at_once(count)
    assert outbox.shared() == {RED: b"80"}


def test_a_change_that_fails_changes_nothing(outbox: Outbox) -> None:
    """An error while something shared is changed reaches the caller, leaves what was kept, and blocks nobody."""
    outbox.share(RED, lambda kept: b"kept")
    with pytest.raises(ZeroDivisionError):
        outbox.share(RED, lambda kept: b"%d" % (1 // 0))
    assert outbox.share(RED, lambda kept: kept) == b"kept"


# --- how far behind it is --------------------------------------------------------------------------------------------


def test_the_backlog_is_what_no_worker_has_looked_at(outbox: Outbox) -> None:
    """The backlog counts the rows from the first that is new to a destination, also while no row is for it any more."""
    assert not any(outbox.backlog().values())
    put(outbox, *range(10))
    assert outbox.backlog() == {RED: 10, BLUE: 10}
    settle_all(outbox, RED, "delivered")
    outbox.claim(BLUE, now=NOW, limit=4)
    assert outbox.backlog() == {RED: 0, BLUE: 6}
    outbox.set_destinations([RED])
    put(outbox, 10)
    assert outbox.backlog()[BLUE] == 7
    settle_all(outbox, RED, "delivered")
    assert outbox.backlog() == {RED: 0, BLUE: 7}
    outbox.claim(BLUE, now=NOW, limit=100)
    assert outbox.backlog() == {RED: 0, BLUE: 0}


@pytest.mark.parametrize("waiting", [6, 0], ids=["drained in whole batches", "drained before"])
def test_a_queue_that_was_drained_is_empty_whatever_comes_for_others(outbox: Outbox, waiting: int) -> None:
    """Once all that is for a destination was claimed its backlog is 0, however large the claims were, and while it is
    left out; it begins anew with the first row that is for it again."""
    put(outbox, *range(waiting))
    assert outbox.next_due([BLUE], now=NOW) == (NOW if waiting else None)
    outbox.set_destinations([RED])
    put(outbox, *range(10, 18))
    put(outbox, 18, held=("payment",))
    for _ in range(waiting // 3):
        assert len(outbox.claim(BLUE, now=NOW, limit=3)) == 3
    settle_all(outbox, RED, "waiting", due_at=after(hours=1))
    assert outbox.next_due([BLUE], now=NOW) == (NOW + LEASE if waiting else None)
    assert outbox.backlog() == {RED: 0, BLUE: 0}
    outbox.set_destinations([RED, BLUE])
    put(outbox, 20, held=("payment",))
    outbox.purge(now=NOW)
    put(outbox, 21, 22)
    outbox.purge(now=NOW)
    assert outbox.backlog() == {RED: 2, BLUE: 2}
    assert outbox.release(["id-20"], "payment", now=NOW) == ["id-20"]
    claimed = [claim.row.id for claim in outbox.claim(BLUE, now=NOW, limit=9)]
    assert sorted(claimed) == ["id-20", "id-21", "id-22"]
    assert outbox.backlog() == {RED: 2, BLUE: 0}


def test_open_rows_are_read_page_by_page(outbox: Outbox) -> None:
    """What a worker has not looked at, what waits and what is on its way are all found, in order of arrival; what is
    held or has ended is not."""
    outbox.set_destinations([RED])
    put(outbox, 1, 2)
    settle_all(outbox, RED, "delivered")
    put(outbox, 3, 4)
    settle_all(outbox, RED, "waiting", due_at=after(hours=1))
    put(outbox, 5, held=("payment",))
    put(outbox, 6)
    outbox.claim(RED, now=NOW, limit=1)
    put(outbox, 7)
    pages = [outbox.open_rows(after=None, limit=2)]
    while pages[-1]:
        pages.append(outbox.open_rows(after=pages[-1][-1].seq, limit=2))
    assert [[row.id for row in page] for page in pages] == [["id-3", "id-4"], ["id-6", "id-7"], []]
    assert pages[0] == outbox.get(["id-3", "id-4"])


def test_the_oldest_open_half_is_known(outbox: Outbox) -> None:
    """How far behind a destination is, is told by the oldest of its pending, claimed or waiting halves."""
    assert outbox.oldest(RED) is None
    put(outbox, 1, occurred_at=after(minutes=-9), held=("payment",))
    for number in (2, 3, 4):
        put(outbox, number, occurred_at=after(minutes=number))
    assert outbox.oldest(RED) == after(minutes=2)
    two, three = outbox.claim(RED, now=NOW, limit=2)
    assert outbox.oldest(RED) == after(minutes=2)
    outbox.settle(RED, [Settlement(two.row.seq, two.lease, "delivered")], now=NOW)
    assert outbox.oldest(RED) == after(minutes=3)
    outbox.settle(RED, [Settlement(three.row.seq, three.lease, "waiting", due_at=after(days=1))], now=NOW)
    assert outbox.oldest(RED) == after(minutes=3)
    outbox.release(["id-1"], "payment", now=NOW)
    assert outbox.oldest(RED) == after(minutes=-9)
    assert outbox.oldest(BLUE) == after(minutes=-9)
    outbox.cancel([f"id-{number}" for number in range(5)], now=NOW, reason="cancelled")
    assert outbox.oldest(RED) is None
    with pytest.raises(ConfigurationError, match="set_destinations"):
        outbox.oldest("green:3")


# --- erasing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["delivered", "suppressed"])
def test_personal_data_goes_with_the_last_delivery(outbox: Outbox, last: str) -> None:
    """A visitor is erased the moment his conversion needs him nowhere any more, and not before."""
    put(outbox, 1)
    settle_all(outbox, RED, "delivered")
    assert outbox.get(["id-1"])[0].visitor is not None
    settle_all(outbox, BLUE, last)
    (row,) = outbox.get(["id-1"])
    assert (row.record, row.visitor) == (new(1).record, None)


@pytest.mark.parametrize("state", ["refused", "expired"])
def test_personal_data_goes_seven_days_after_a_refusal(outbox: Outbox, state: str) -> None:
    """What was refused can be tried again for seven days; then its personal data is erased."""
    put(outbox, 1, 2)
    settle_all(outbox, RED, "delivered")
    settle_all(outbox, BLUE, state)
    outbox.purge(now=NOW + KEEP_PERSONAL - timedelta(microseconds=1))
    assert outbox.get(["id-1"])[0].visitor is not None
    assert outbox.purge(now=NOW + KEEP_PERSONAL) == 2
    assert outbox.get(["id-1"])[0].visitor is None
    assert outbox.retry(now=NOW + KEEP_PERSONAL) == 0


def test_a_row_for_no_destination_never_has_personal_data(outbox: Outbox) -> None:
    """Where no platform has a server half, the visitor is not even stored, and the browser half can be offered."""
    outbox.set_destinations([])
    assert outbox.put(new(1), now=NOW).row.visitor is None
    (row,) = outbox.offer(["id-1"], now=after(hours=1))
    assert (row.record, row.visitor) == (new(1).record, None)
    assert outbox.purge(now=NOW + KEEP_RECORD) == 1


def test_a_held_row_for_no_destination_waits_for_its_release(outbox: Outbox) -> None:
    """Where only the browser half waits for consent, it is offered whenever consent comes within seven days."""
    outbox.set_destinations([])
    put(outbox, 1, held=("consent",))
    outbox.purge(now=after(hours=1))
    outbox.purge(now=after(days=6))
    assert outbox.release(["id-1"], "consent", now=after(days=6)) == ["id-1"]
    (row,) = outbox.offer(["id-1"], now=after(days=6))
    assert (row.record, outbox.get(["id-1"])[0].visitor) == (new(1).record, None)


def test_a_settled_row_becomes_a_tombstone_that_still_remembers(outbox: Outbox) -> None:
    """Two days after delivery nothing is left of a conversion but what makes a second report known."""
    put(outbox, 1)
    for destination in (RED, BLUE):
        settle_all(outbox, destination, "delivered")
    assert outbox.purge(now=NOW + KEEP_RECORD - timedelta(microseconds=1)) == 0
    assert outbox.purge(now=NOW + KEEP_RECORD) == 1
    row = outbox.find("shop:Purchase:1")
    assert row is not None
    assert (row.id, row.record, row.visitor) == ("id-1", None, None)
    assert not outbox.put(new(1), now=after(days=399)).created
    assert outbox.offer(["id-1"], now=NOW) == []
    assert states(outbox)["id-1"] == {RED: "delivered", BLUE: "delivered"}


@pytest.mark.parametrize(("unique", "kept"), [("order", KEEP_KEYED), (None, KEEP_OTHERS)])
def test_tombstones_go_after_their_time(outbox: Outbox, unique: str | None, kept: timedelta) -> None:
    """Natural keys are remembered for 400 days, other conversions for 38; the newest row stays for the numbering."""
    put(outbox, 1, unique=unique)
    put(outbox, 2, unique="newest")
    for destination in (RED, BLUE):
        settle_all(outbox, destination, "delivered")
    outbox.purge(now=NOW + KEEP_RECORD)
    assert outbox.purge(now=NOW + kept - timedelta(microseconds=1)) == 0
    assert outbox.purge(now=NOW + kept) == 1
    assert [row.id for row in outbox.get(["id-1", "id-2"])] == ["id-2"]
    later = NOW + KEEP_KEYED
    outbox.purge(now=later)
    put(outbox, 3, now=later)
    assert [claim.row.id for claim in outbox.claim(RED, now=later, limit=10)] == ["id-3"]


def test_a_hold_that_is_never_lifted_expires(outbox: Outbox) -> None:
    """What nobody releases for seven days expires, with its personal data, and can no longer be released."""
    put(outbox, 1, held=("consent",))
    outbox.purge(now=NOW + KEEP_HELD - timedelta(microseconds=1))
    assert states(outbox)["id-1"] == {RED: "held", BLUE: "held"}
    outbox.purge(now=NOW + KEEP_HELD)
    assert {(one.state, one.reason) for one in outbox.deliveries()} == {("expired", "never_released: consent")}
    (row,) = outbox.get(["id-1"])
    assert (row.record, row.visitor, row.held) == (None, None, ())
    assert outbox.release(["id-1"], "consent", now=NOW + KEEP_HELD) == []


def test_nothing_stays_open_for_ever(outbox: Outbox) -> None:
    """A half that no worker ever took, or that a dead one had, expires after the longest window of all platforms."""
    put(outbox, 1, 2)
    outbox.claim(RED, now=NOW, limit=1)
    outbox.purge(now=NOW + KEEP_OTHERS - timedelta(microseconds=1))
    assert outbox.get(["id-2"])[0].visitor is not None
    outbox.purge(now=NOW + KEEP_OTHERS)
    assert {one.state for one in outbox.deliveries()} == {"expired"}
    assert [row.visitor for row in outbox.get(["id-1", "id-2"])] == [None, None]


def test_purge_handles_any_number_of_rows(outbox: Outbox) -> None:
    """A purge that comes late, after thousands of rows, erases them all in one call."""
    put(outbox, *range(1200), unique=None)
    for destination in (RED, BLUE):
        while settle_all(outbox, destination, "delivered"):
            pass
    assert outbox.purge(now=NOW + KEEP_RECORD) == 1200
    assert outbox.purge(now=NOW + KEEP_OTHERS) == 1199


# --- people ----------------------------------------------------------------------------------------------------------


def test_counts_add_up_to_every_conversion_at_every_destination(outbox: Outbox) -> None:
    """The counts say where everything is, also what no worker has seen yet."""
    put(outbox, 1, 2, 3)
    put(outbox, 4, held=("consent",))
    outbox.claim(RED, now=NOW, limit=1)
    assert outbox.counts() == {RED: {"claimed": 1, "pending": 2, "held": 1}, BLUE: {"pending": 3, "held": 1}}
    assert outbox.counts(due=True) == {RED: {"claimed": 1, "pending": 2}, BLUE: {"pending": 3}}


def test_counts_of_what_is_due_leave_out_what_ended_or_is_held(outbox: Outbox) -> None:
    """Whatever has happened to them, halves that may go or wait are counted alike with and without the history."""
    states: list[ServerState] = ["delivered", "refused", "waiting", "expired", "pending", "suppressed"]
    put(outbox, *range(1, 10))
    put(outbox, 10, held=("payment",))
    for claim, state in zip(outbox.claim(RED, now=NOW, limit=8), states, strict=False):
        outbox.settle(RED, [Settlement(claim.row.seq, claim.lease, state, "", after(hours=1))], now=NOW)
    outbox.cancel(["id-9"], now=NOW, reason="")
    due = {"pending", "claimed", "waiting"}
    found = {one: {state: n for state, n in row.items() if state in due} for one, row in outbox.counts().items()}
    assert outbox.counts(due=True) == found
    assert found[RED] == {"waiting": 1, "pending": 1, "claimed": 2} and found[BLUE] == {"pending": 8}


def test_counts_of_what_is_due_leave_out_what_waits_for_its_visitor(outbox: Outbox) -> None:
    """No platform is asked for a half whose visitor has not decided; while a worker has it, it is counted."""
    put(outbox, 1)
    settle_all(outbox, RED, "waiting", reason=f"{UNDECIDED}: so", due_at=after(hours=1))
    assert (outbox.counts()[RED], outbox.counts(due=True)[RED]) == ({"waiting": 1}, {})
    outbox.claim(RED, now=after(hours=1), limit=1)
    assert outbox.counts(due=True)[RED] == {"claimed": 1}


def test_deliveries_are_listed_newest_first_and_can_be_chosen(outbox: Outbox) -> None:
    """The list shows what happened to each half, and can be narrowed to a state, a destination or a conversion."""
    put(outbox, 1)
    put(outbox, 2, event="Lead", occurred_at=after(hours=-3))
    settle_all(outbox, RED, "refused", reason="bad pixel")
    newest = outbox.deliveries(limit=1)[0]
    assert (newest.id, newest.destination, newest.event, newest.occurred_at) == ("id-2", BLUE, "Lead", after(hours=-3))
    assert (newest.state, newest.due_at, newest.updated_at, newest.browser) == ("pending", NOW, NOW, "none")
    refused = outbox.deliveries(state="refused")
    assert [(one.id, one.reason, one.attempts, one.due_at) for one in refused] == [
        ("id-2", "bad pixel", 1, None),
        ("id-1", "bad pixel", 1, None),
    ]
    assert [one.state for one in outbox.deliveries(id="id-1", destination=BLUE)] == ["pending"]
    assert outbox.deliveries(id="unknown") == []


def test_an_outbox_can_be_used_again_after_close(outbox: Outbox) -> None:
    """Closing gives back connections and loses nothing."""
    put(outbox, 1)
    outbox.close()
    assert [row.id for row in outbox.get(["id-1"])] == ["id-1"]


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "pixeltwin.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/pixeltwin.db",
        "sqlite:///pixeltwin.db?synchronous=OFF",
        "sqlite:///pixeltwin.db?journal=wal",
        "postgresql+psycopg://localhost/shop",
        "mysql://localhost/shop",
        "mysql://shop:hunter2[@localhost/shop",
    ],
)
def test_a_url_that_names_no_outbox_is_refused_with_advice(url: str) -> None:
    """A URL that cannot be an outbox is refused at once, in words that say what can."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///|synchronous=FULL") as caught:
        open_outbox(url)
    assert "hunter2" not in str(caught.value)
