"""What a visitor says later, of what waits for it: it goes with his answer, or nobody is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixeltwin import Consent, rows
from tests.samples import purchase, visitor
from tests.test_tracker import GRANTED, tracker

SNAP_ALONE = Consent.denied(platforms={"snap": "granted"})


def test_who_refuses_some_and_has_yet_to_answer_about_others_has_not_refused_everything() -> None:
    """What waits for his answer goes on waiting for the rest of it, and follows it."""
    ours = tracker()
    held = ours.track(purchase(), visitor=visitor(), consent=Consent.pending())
    ours.remember("2", visitor=visitor(), consent=Consent.pending())
    for answer, state in ((Consent.denied(platforms={"snap": "pending"}), "held"), (SNAP_ALONE, "pending")):
        ours.consented([held.id], answer, keys=["2"])
        assert {one.state for one in ours.outbox.deliveries()} == {state}
        (row,) = ours.outbox.get([held.id])
        assert rows.consent(row.record or b"") == (SNAP_ALONE if state == "pending" else Consent.pending())
    assert ours.track(purchase("2"), visitor=None, consent=None).consent == SNAP_ALONE


def test_an_answer_that_is_no_news_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page brings the visitor's answer: what has it already is not written again."""
    ours = tracker()
    known = ours.track(purchase(), visitor=visitor(), consent=replace(GRANTED, who="ada"))
    monkeypatch.setattr(ours.outbox, "rewrite", lambda *args: pytest.fail("written again"))
    ours.consented([known.id], replace(GRANTED, who="ada"))
