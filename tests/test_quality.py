"""Match quality: what the conversions that a platform took carried, scored by what its vendor recommends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Conversion, Tracker, Visitor
from pixeltwin.cli.quality import quality_command
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.insight.match import SIGNALS, carried
from pixeltwin.insight.quality import Quality, quality, quality_of
from pixeltwin.outbox import open_outbox
from pixeltwin.outbox.tallies import Tally
from pixeltwin.platforms import installed
from pixeltwin.sending.tally import ALL, WRITE_EVERY, Tallying
from pixeltwin.visitor import VISITOR_FIELDS
from tests.local_vendor import NOW, Local, Vendor, says
from tests.observed import Shop
from tests.samples import AGENT, purchase
from tests.sandboxed import KINDS, platform
from tests.strategies import visitors

DAY = NOW.date()
WELL_KNOWN = Visitor(
    email="ada@example.com",
    phone="+49 30 901820",
    external_id="42",
    ip_address="203.0.113.7",
    user_agent=AGENT,
    click_ids=dict.fromkeys(KINDS, "c1"),
    browser_ids=dict.fromkeys(KINDS, "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90"),
)


class Picky(Local):
    recommended = ("email", "phone", "click_ids")


def tallied(**counts: int) -> list[Quality]:
    """The quality of purchases of which so many carried what."""
    tallies = [Tally(DAY, "local:a1", "Purchase", what, many) for what, many in counts.items()]
    return quality([Picky(account="a1", access_token="t" * 30)], tallies)


# --- what is carried ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_well_known_carries_all_that_is_recommended(kind: str) -> None:
    """Each platform's recommended signals are ones that a visitor can have, and that the platform is told."""
    one = platform(kind)
    assert set(one.recommended) <= set(VISITOR_FIELDS)
    assert set(one.recommended) <= carried(one, WELL_KNOWN)
    assert carried(one, WELL_KNOWN) == carried(one, one.sealed(WELL_KNOWN))


@given(st.sampled_from(KINDS), visitors())
def test_what_is_missed_is_recommended_and_not_carried(kind: str, visitor: Visitor) -> None:
    """Whatever a platform's losses call a recommended signal is recommended here, and is not carried."""
    one = platform(kind)
    said = Conversion(event=purchase(), id="x", occurred_at=NOW, visitor=visitor, source_url="https://shop.example/")
    missed = {loss.field for loss in one.losses(said) if loss.reason == "recommended_signal"}
    assert missed <= set(one.recommended)
    assert not missed & carried(one, visitor)


@given(st.sampled_from(KINDS), st.sets(st.sampled_from(VISITOR_FIELDS)))
def test_what_is_withheld_is_not_carried(kind: str, withheld: set[str]) -> None:
    """A signal that a site keeps from a platform is not counted as told to it."""
    assert not carried(platform(kind, withhold=withheld), WELL_KNOWN) & withheld


def test_every_platform_recommends_something() -> None:
    """No platform of ours goes without a score."""
    assert all(one.recommended for one in installed().values()) and set(SIGNALS) <= set(VISITOR_FIELDS)


# --- the score ------------------------------------------------------------------------------------------------------


def test_the_score_is_the_mean_of_what_the_site_has_a_hand_in() -> None:
    """Click ids are shown and do not lower the score: only who comes from an ad has one."""
    (found,) = tallied(all=10, email=10, phone=5, click_ids=1, screen=3)
    assert found.score == 75 and found.conversions == 10
    assert dict(found.shares) == {"email": 1.0, "phone": 0.5, "click_ids": 0.1, "screen": 0.3}
    assert found.advice == ()


def test_what_few_carry_has_advice() -> None:
    """A signal that is missing from most conversions is named with what to do about it."""
    (found,) = tallied(all=100, email=10)
    assert len(found.advice) == 3 and found.score == 5
    assert "email=" in found.advice[0] and "phone=" in found.advice[1] and "doctor --url" in found.advice[2]


@given(st.dictionaries(st.sampled_from([ALL, *VISITOR_FIELDS]), st.integers(0, 1000)))
def test_a_score_is_a_percentage_whatever_is_counted(counts: dict[str, int]) -> None:
    """Counts of any kind give shares within 0 and 1, and none gives none."""
    for found in tallied(**counts):
        assert found.score is not None and 0 <= found.score <= 100
        assert all(0 <= share <= 1 for share in found.shares.values())
    assert bool(tallied(**counts)) is bool(counts.get(ALL))


# --- counting -------------------------------------------------------------------------------------------------------


def test_what_a_platform_took_is_counted_and_nothing_else() -> None:
    """Delivered conversions are counted once each with what they carried; refused, waiting and tested ones are not."""
    with Vendor() as vendor:
        shop = Shop(vendor)
        shop.order("1")
        shop.order("2")
        shop.deliver()
        vendor.script = says(503)
        shop.clock.advance(minutes=1)
        shop.order("3")
        shop.deliver()
        shop.tracker.delivery.close()
        (found,) = quality_of(shop.tracker)
        assert found.event == "Purchase" and found.conversions == 2 and found.shares["email"] == 1.0
        shop.tracker.close()
    with Vendor() as vendor:
        testing = Shop(vendor, test_until=NOW + timedelta(hours=1))
        testing.order()
        testing.deliver()
        testing.tracker.delivery.close()
        assert testing.tracker.outbox.counts() == {"local:a1": {"delivered": 1}} and quality_of(testing.tracker) == []
        testing.tracker.close()


def test_counts_outlive_the_personal_data_and_hold_none() -> None:
    """After delivery and purge the visitor is gone, and the tallies have neither his address nor its digest."""
    with Vendor() as vendor:
        shop = Shop(vendor)
        conversion = shop.order()
        shop.deliver()
        shop.clock.advance(days=3)
        shop.tracker.outbox.purge(now=shop.clock.now)
        (row,) = shop.tracker.outbox.get([conversion.id])
        assert row.visitor is None and row.record is None
        (found,) = quality_of(shop.tracker)
        assert found.conversions == 1 and "ada" not in repr(shop.tracker.outbox.tallies.listed(since=DAY))
        shop.tracker.close()


def test_counts_are_written_now_and_then_and_survive_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write costs the store one transaction in ten seconds, and one that fails loses no count."""
    outbox = open_outbox("memory:")
    tally = Tallying(outbox, "red")

    def written() -> dict[str, int]:
        return {one.what: one.many for one in outbox.tallies.listed(since=DAY)}

    tally.count(("Purchase", frozenset({"email"})), NOW)
    tally.write(NOW)
    assert written() == {"all": 1, "email": 1}
    tally.count(("Purchase", frozenset()), NOW)
    tally.write(NOW + WRITE_EVERY - timedelta(seconds=1))
    assert written()["all"] == 1

    def fail(*_: Any) -> None:
        raise OutboxUnavailable("locked")

    with monkeypatch.context() as patch:
        patch.setattr(outbox.tallies, "add", fail)
        tally.write(NOW + WRITE_EVERY)
    tally.write()
    assert written() == {"all": 2, "email": 1}


def test_an_idle_worker_writes_what_was_counted_last() -> None:
    """After the last conversion of a day nobody has to come before its counts are in the outbox."""
    with Vendor() as vendor:
        shop = Shop(vendor)
        shop.order("1")
        shop.deliver()
        shop.clock.advance(seconds=2)
        shop.order("2")
        shop.deliver()
        assert [one.conversions for one in quality_of(shop.tracker)] == [1]
        shop.clock.now += WRITE_EVERY + timedelta(seconds=1)
        shop.tracker.delivery.watch(shop.clock.now)
        assert [one.conversions for one in quality_of(shop.tracker)] == [2]
        shop.tracker.close()


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_shows_shares_score_and_advice(tmp_path: Path) -> None:
    """A table a platform, its advice below it; as JSON the same numbers."""

    def tracker() -> Tracker:
        outbox = f"sqlite:///{tmp_path / 'x.db'}"
        return Tracker([Picky(account="a1", access_token="t" * 30)], secret_keys=["k"], outbox=outbox)

    command, runner = quality_command(tracker), CliRunner(env={"COLUMNS": "120"})
    assert "No platform has taken a conversion" in runner.invoke(command, []).output
    ours = tracker()
    today = ours.clock().date()
    ours.outbox.tallies.add(today, "local:a1", {("Purchase", "all"): 4, ("Purchase", "email"): 3})
    ours.outbox.tallies.add(today - timedelta(days=7), "local:a1", {("Purchase", "all"): 100})
    ours.close()
    said = runner.invoke(command, []).output
    for words in ("local", "click id", "75%", "38%", "Purchase: Few carry a phone"):
        assert words in said, said
    for columns in ("40", "60", "80"):
        narrow = CliRunner(env={"COLUMNS": columns}).invoke(command, []).output
        assert all(word in narrow for word in ("Purchase ", "email", "75%", "38%")), narrow
        assert max(map(len, narrow.splitlines())) <= int(columns)
    (found,) = json.loads(runner.invoke(command, ["--json"]).output)
    assert found["conversions"] == 4 and found["score"] == 38 and found["shares"]["email"] == 0.75
    assert json.loads(runner.invoke(command, ["--json", "--days", "8"]).output)[0]["conversions"] == 104
