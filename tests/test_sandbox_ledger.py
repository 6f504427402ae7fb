"""Which halves the ledger takes for one conversion, under a rule small enough to be seen through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.contract import EventName, Platform
from pixeltwin.dedup import Half, Verdict
from pixeltwin.emulation import Rejection
from pixeltwin.sandbox.arrival import LONGEST_PAYLOAD
from pixeltwin.sandbox.bell import Bell
from pixeltwin.sandbox.index import Index
from pixeltwin.sandbox.ledger import Ledger
from pixeltwin.sandbox.record import MOST_ARRIVALS
from pixeltwin.strictjson import decode, encode
from pixeltwin.visitor import sha256

NOW = datetime(2026, 8, 20, 12, 0, tzinfo=timezone.utc)
CERTAIN, GREY = timedelta(hours=24), timedelta(hours=48)


class Plain(Platform):
    """One account, one event, one id, within a day; up to two days nobody knows. Or one browser within a minute."""

    kind = "plain"
    title = "Plain"
    event_names = {  # noqa: RUF012 - a platform's table is declared so
        "Purchase": EventName("buy", "BUY"),
        "Lead": EventName("join", "JOIN"),
        "SignUp": EventName("join", "JOIN"),
        "StartTrial": EventName("own", "OWN"),
        "CustomEvent": EventName("own", "OWN"),
    }

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        apart = second.received_at - first.received_at
        assert apart >= timedelta(0), "the half that was received first comes first"
        if (first.account, first.event) != (second.account, second.event):
            return Verdict(2, True, "account or event differ.")
        if first.id is None and second.id is None:
            near = first.keys.get("uuid") == second.keys.get("uuid") and apart <= timedelta(minutes=1)
            return Verdict(1, True, "one uuid, no ids.") if near and first.keys else Verdict(2, True, "no ids.")
        if first.id != second.id:
            return Verdict(2, True, "the ids differ.")
        if apart <= CERTAIN:
            return Verdict(1, True, "one id, in time.")
        return Verdict(2, apart > GREY, "one id, too late." if apart > GREY else "one id, perhaps too late.")


Side = Literal["browser", "server"]


def half(side: Side, id: str | None = "c-1", event: str = "BUY", *, after: float = 0, **fields: Any) -> Half:
    """A half that is received `after` seconds."""
    moment = NOW + timedelta(seconds=after)
    return Half(side, event, id, **{"occurred_at": moment, "received_at": moment, **fields})


def ledger(*halves: Half, **limits: Any) -> Ledger:
    played: Any = {"plain": Plain}  # no instance of it is needed, so it has no more than the ledger asks for
    made = Ledger(played, Bell(), **limits)
    for one in halves:
        made.add("plain", [one])
    return made


def records(ledger: Ledger) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decode(encode(ledger.changes().records))
    return found


def verdicts(*halves: Half) -> list[tuple[str, int]]:
    return [(record["verdict"], record["counted"]) for record in records(ledger(*halves))]


# --- which belong together -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_pixels_with_one_id_are_two_conversions(order: Sequence[int]) -> None:
    """A shop with two pixels sends one ID to both; each merges its own two halves, in whatever order they come."""
    halves = [half(side, account=account) for account in ("A", "B") for side in ("browser", "server")]
    assert verdicts(*(halves[index] for index in order)) == [("merged", 1), ("merged", 1)]


def test_a_pixel_and_an_api_of_two_accounts_count_twice() -> None:
    """When the two halves went to two accounts they are shown as one record that is counted twice."""
    [record] = records(ledger(half("browser", account="A"), half("server", account="B")))
    assert (record["verdict"], record["counted"], record["reason"]) == ("counted twice", 2, "Account or event differ.")


def test_one_order_with_two_ids_counts_twice() -> None:
    """Halves of one order whose IDs differ are one record, counted twice: the commonest mistake."""
    [record] = records(ledger(half("browser", "c-1", order_id="7"), half("server", "c-2", order_id="7")))
    assert (record["verdict"], record["counted"], record["reason"]) == ("counted twice", 2, "The ids differ.")
    assert (record["browser"]["id"], record["server"]["id"]) == ("c-1", "c-2")


def test_the_true_twin_displaces_the_likely_one() -> None:
    """A half that was put beside another for its order makes room when the half with the right ID arrives."""
    found = records(
        ledger(half("browser", order_id="7"), half("server", "c-2", order_id="7"), half("server", order_id="7"))
    )
    assert [(one["verdict"], one["id"]) for one in found] == [("merged", "c-1"), ("server only", "c-2")]


def test_one_order_on_one_side_is_two_records() -> None:
    """Two calls of one side with two IDs are two conversions even where they name one order."""
    assert (
        verdicts(half("browser", "c-1", order_id="7"), half("browser", "c-2", order_id="7"))
        == [("browser only", 1)] * 2
    )


def test_an_id_that_one_side_hashed_is_found() -> None:
    """An ID and its SHA-256 are put together, so that the rule's reason for counting them twice can be read."""
    [record] = records(ledger(half("browser", "c-1"), half("server", sha256("c-1"))))
    assert (record["verdict"], record["counted"]) == ("counted twice", 2)
    assert len(records(ledger(half("browser", "c-1"), half("server", sha256("c-2"))))) == 2


def test_a_rule_without_ids_is_asked_too() -> None:
    """Halves without any ID merge where the platform's rule knows them by something else."""
    keys = {"uuid": "u-1"}
    [record] = records(ledger(half("browser", None, keys=keys), half("server", None, after=30, keys=keys)))
    assert (record["verdict"], record["id"]) == ("merged", None)
    assert len(records(ledger(half("browser", None, keys=keys), half("server", None, after=90, keys=keys)))) == 2
    assert len(records(ledger(half("browser", None), half("server", None)))) == 2


def test_the_grey_zone_is_uncertain_and_counts_two() -> None:
    """Between the window that is certain and the one that is possible, two are counted and the record says so."""
    for hours, certain in ((23, True), (25, False), (49, True)):
        [record] = records(ledger(half("browser"), half("server", after=hours * 3600)))
        assert record["certain"] is certain
        assert record["counted"] == (1 if hours < 24 else 2)


def test_halves_that_would_displace_each_other_for_ever_are_placed_once() -> None:
    """Two pairs of one ID and one order, days apart, are each taken in, though either could hold the other's place."""
    hours: list[tuple[Side, int, str | None]] = [
        ("server", 0, "7"),
        ("browser", 22, None),
        ("browser", 44, "7"),
        ("server", 53, "7"),
    ]
    halves = [half(side, after=hour * 3600, order_id=order) for side, hour, order in hours]
    found = records(ledger(*halves))
    assert sum(len(record["arrivals"]) for record in found) == 4
    assert sum(record["counted"] for record in found) == 2


@st.composite
def traffic(draw: st.DrawFn) -> list[Half]:
    moments = sorted(draw(st.lists(st.integers(0, 72), min_size=1, max_size=12)))
    return [
        half(
            draw(st.sampled_from(["browser", "server"])),
            draw(st.sampled_from(["c-1", "c-2", None])),
            draw(st.sampled_from(["BUY", "JOIN"])),
            after=hours * 3600,
            account=draw(st.sampled_from(["A", "B"])),
            order_id=draw(st.sampled_from([None, "7"])),
        )
        for hours in moments
    ]


@given(traffic())
def test_records_count_what_the_rule_counts(halves: list[Half]) -> None:
    """However halves are grouped, all records together count as many conversions as the rule does, and lose no half."""
    counted: list[Half] = []
    for one in halves:
        if not any(Plain.dedup(other, one).counted == 1 for other in counted):
            counted.append(one)
    found = records(ledger(*halves))
    assert sum(record["counted"] for record in found) == len(counted)
    assert sum(len(record["arrivals"]) for record in found) == len(halves)
    for record in found:
        assert (record["counted"] > 1) == (record["verdict"] == "counted twice")
        assert record["reason"][0].isupper()
        assert record["reason"].endswith((".", "?"))


# --- refused, repeated, alone ----------------------------------------------------------------------------------------


def test_a_refused_repeat_changes_no_verdict() -> None:
    """A repeat that is refused leaves a merged record as it was."""
    made = ledger(half("browser"), half("server"))
    made.add("plain", [], [Rejection(half("server", after=1), "too old")])
    [record] = records(made)
    assert (record["verdict"], record["counted"]) == ("merged", 1)
    assert [one["outcome"] for one in record["arrivals"]] == ["counted", "merged", "refused"]


def test_a_refused_half_waits_for_its_twin() -> None:
    """A refused server half is joined by the browser half that comes after it, which alone counts."""
    made = ledger()
    made.add("plain", [], [Rejection(half("server"), "no match key")])
    [record] = records(made)
    assert (record["verdict"], record["counted"]) == ("rejected", 0)
    assert record["reason"] == "Plain refused the server half: no match key. It counts nothing."
    made.add("plain", [half("browser", after=1)])
    [record] = records(made)
    assert (record["verdict"], record["counted"]) == ("rejected", 1)
    assert record["reason"].endswith("It counts the browser half alone.")


def test_countless_repeats_are_a_number() -> None:
    """Of a call that is repeated for ever only so many are kept, and all are counted as repeats."""
    [record] = records(ledger(*(half("browser", after=number) for number in range(200))))
    assert (record["verdict"], record["counted"], record["repeats"]) == ("browser only", 1, 199)
    assert len(record["arrivals"]) <= MOST_ARRIVALS


def test_a_twin_that_came_without_id_is_pointed_out() -> None:
    """A lone half tells of a lone half of the other side that may be its twin, and what kept them apart."""
    first, second = records(ledger(half("browser", None), half("server", "c-1", after=2)))
    assert "carries no ID in a field that Plain reads" in first["reason"]
    assert "arrived 2 s later with an ID: is it the twin?" in first["reason"]
    assert "arrived 2 s earlier without an ID that Plain reads" in second["reason"]
    first, second = records(ledger(half("browser", "c-1"), half("server", "c-2")))
    assert "at the same time under another ID" in first["reason"]
    first, second = records(ledger(half("browser", event="BUY"), half("server", event="JOIN")))
    assert "with the same ID arrived as JOIN" in first["reason"]
    assert "with the same ID arrived as BUY" in second["reason"]


def test_a_twin_that_was_found_is_pointed_out_no_more() -> None:
    """The hint goes when the other half turns out to be somebody else's, and the change is told."""
    made = ledger(half("browser", "c-1"), half("server", "c-2"))
    seen = made.changes().version
    made.add("plain", [half("server", "c-1", after=1)])
    changed = made.changes(seen).records
    assert {record["verdict"] for record in changed} == {"merged", "server only"}
    assert not [record for record in changed if "?" in record["reason"]]


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "custom_name", "name"),
    [
        ("BUY", "", "Purchase"),
        ("JOIN", "", None),
        ("OWN", "StartTrial", "StartTrial"),
        ("OWN", "Quiz", "CustomEvent"),
        ("OTHER", "", None),
    ],
)
def test_events_have_their_neutral_names(event: str, custom_name: str, name: str | None) -> None:
    """A platform's event is called by its neutral name wherever only one can be meant."""
    [record] = records(ledger(half("browser", event=event, custom_name=custom_name)))
    assert (record["name"], record["event"]) == (name, event)


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_only_the_newest_records_are_kept() -> None:
    """The ledger keeps its number of records and says which is the oldest; what it forgot begins anew."""
    made = ledger(*(half("browser", f"c-{number}", after=number) for number in range(10)), limit=3)
    assert [record["id"] for record in records(made)] == ["c-7", "c-8", "c-9"]
    assert made.changes().oldest == records(made)[0]["key"]
    made.add("plain", [half("server", "c-0", after=10)])
    assert records(made)[-1]["verdict"] == "server only"


def test_payloads_are_bounded() -> None:
    """One payload too large to be kept is cut, and all payloads together stay below their limit."""
    large = {"text": "x" * (LONGEST_PAYLOAD + 1)}
    [record] = records(ledger(half("browser", payload=large)))
    assert len(encode(record["browser"]["payload"])) < 2000
    many = [half("browser", f"c-{number}", payload={"text": "x" * 1000}) for number in range(10)]
    assert len(records(ledger(*many, payloads=5000))) == 4


@pytest.mark.parametrize("payload", [{"text": "\ud800"}, {"number": 2**70}, {"\udfff": [float("nan")]}, object(), None])
def test_any_payload_can_be_shown(payload: Any) -> None:
    """What is no JSON, such as half a surrogate pair, is shown as near as can be and breaks nothing."""
    [record] = records(ledger(half("browser", "\ud800", payload=payload, order_id="\udfff")))
    assert record["verdict"] == "browser only"


def test_forgetting_leaves_nothing_behind() -> None:
    """When records are forgotten, what was kept to find them goes with them."""
    made = ledger(
        *(half("browser", f"c-{number}", f"E{number}", order_id=f"{number}") for number in range(50)), limit=2
    )
    assert kept(made) <= 2 * 6  # two records, each with its traces and the spellings of its id
    made.reset()
    assert kept(made) == 0


def test_nobody_looks_for_the_twin_of_what_is_merged() -> None:
    """Once a record is merged, its payloads' identifiers lead nowhere: a visitor's many events stay cheap."""
    visitor = {"click": "click-1001"}
    made = ledger(half("browser", payload=visitor))
    assert kept(made) > 2
    made.add("plain", [half("server", payload=visitor)])
    assert records(made)[0]["verdict"] == "merged"
    assert kept(made) == 1


def kept(ledger: Ledger) -> int:
    """The largest of the ledger's own tables."""
    holders: list[Any] = [ledger, next(value for value in vars(ledger).values() if isinstance(value, Index))]
    tables: list[dict[Any, Any]] = [one for holder in holders for one in vars(holder).values() if isinstance(one, dict)]
    own = [table for table in tables if "plain" not in table]
    assert len(own) >= 3
    return max(len(table) for table in own)
