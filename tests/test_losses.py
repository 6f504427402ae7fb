"""Losses: counted always, from any thread, and said once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.contract import Loss
from pixeltwin.tracking.losses import Losses

reports = st.lists(
    st.builds(
        Loss,
        platform=st.sampled_from(["snap", "reddit"]),
        field=st.sampled_from(["phone", "event"]),
        reason=st.sampled_from(["no_region", "too_old"]),
        detail=st.just("why"),
    ),
    max_size=8,
)


@given(reports)
def test_every_loss_is_counted_by_platform_and_reason(lost: list[Loss]) -> None:
    """No loss is dropped, however often the same one comes."""
    losses = Losses()
    for loss in lost:
        losses.report(loss)
    kinds = {(loss.platform, loss.reason) for loss in lost}
    assert losses.snapshot() == {kind: sum((loss.platform, loss.reason) == kind for loss in lost) for kind in kinds}


def test_advice_on_a_loss_is_given_once(caplog: pytest.LogCaptureFixture) -> None:
    """What is to be done about a loss is logged at the first one of its kind; all are counted."""
    losses = Losses()
    for _ in range(3):
        losses.count("", "hidden", said="look there")
    assert losses.snapshot() == {("", "hidden"): 3} and caplog.text.count("look there") == 1


def test_a_loss_is_said_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    """The log hears of each field and reason once, not at every request."""
    losses = Losses()
    with caplog.at_level(logging.WARNING, logger="pixeltwin"):
        for field in ("phone", "phone", "email", "phone"):
            losses.report(Loss("snap", field, "unusable_value", f"{field} cannot be used"))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["snap", "snap"]
    assert "snap: phone: phone cannot be used" in caplog.text
    assert losses.snapshot() == {("snap", "unusable_value"): 4}


def test_counting_is_safe_from_any_thread() -> None:
    """Requests on many threads lose no count among themselves."""
    losses = Losses()

    def lose() -> None:
        for _ in range(1000):
            losses.count("snap", "consent_denied")

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(lose)
    assert losses.snapshot() == {("snap", "consent_denied"): 8000}


def test_a_snapshot_stands_still() -> None:
    """What was read is not changed by what happens later."""
    losses = Losses()
    before = losses.snapshot()
    losses.count("", "conflict")
    assert (before, losses.snapshot()) == ({}, {("", "conflict"): 1})
