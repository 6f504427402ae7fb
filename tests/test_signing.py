"""Signed values: what passes through a browser comes back as it went, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.conversion import Signer
from pixeltwin.errors import BadToken
from tests.samples import KEY, Clock

DAY = timedelta(days=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def signer(*keys: str, purpose: str = "pending", clock: Clock | None = None) -> Signer:
    return Signer(keys or [KEY], purpose, clock=clock or Clock())


@given(values)
def test_a_signed_value_is_read_as_it_was_written(value: Any) -> None:
    """Whatever JSON is signed comes back, from a token that a cookie and a URL can hold."""
    token = signer().sign(value)
    assert signer().read(token, max_age=DAY) == value
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert token.isascii()


def test_a_token_is_good_for_its_purpose_only() -> None:
    """A value that was signed for one use is refused in any other."""
    token = signer(purpose="pending").sign(["1"])
    with pytest.raises(BadToken):
        signer(purpose="clicks").read(token, max_age=DAY)


def test_the_newest_key_signs_and_the_old_ones_still_verify() -> None:
    """A key is rotated without a break: what the old one signed is read until it is taken off the list."""
    old = signer("old").sign("1")
    both = signer("old", "new")
    assert both.read(old, max_age=DAY) == "1"
    assert signer("new").read(both.sign("2"), max_age=DAY) == "2"
    for reader, token in ((signer("new"), old), (signer("old"), both.sign("2"))):
        with pytest.raises(BadToken):
            reader.read(token, max_age=DAY)


@given(st.integers(-3600, 10**6))
def test_a_token_ages(seconds: int) -> None:
    """A token is good until it is older than allowed; one from the future is nobody's."""
    clock = Clock()
    ours = signer(clock=clock)
    token = ours.sign("1")
    clock.advance(seconds=seconds)
    if 0 <= seconds <= DAY.total_seconds():
        assert ours.read(token, max_age=DAY) == "1"
    else:
        with pytest.raises(BadToken):
            ours.read(token, max_age=DAY)


@given(st.text() | st.text(st.characters(categories=("Cs", "Ll"))))
def test_what_nobody_signed_is_refused(forged: str) -> None:
    """Any text may come in a cookie; none that we did not sign gets past, and the error does not repeat it."""
    with pytest.raises(BadToken, match=r"^the signed value cannot be used: \w+$"):
        signer().read(forged, max_age=DAY)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    """No character of a token can be exchanged for another."""
    token = signer().sign(["0123456789", 42])
    place = data.draw(st.integers(0, len(token) - 2))  # the last one has bits that base64 does not use
    other = data.draw(st.sampled_from("abcXYZ012-_.").filter(lambda one: one != token[place]))
    with pytest.raises(BadToken):
        signer().read(token[:place] + other + token[place + 1 :], max_age=DAY)


def test_without_a_clock_the_system_dates_the_signature() -> None:
    """A signer can do without a clock of the caller's."""
    assert Signer([KEY], "pending").read(Signer([KEY], "pending").sign("1"), max_age=DAY) == "1"


@given(st.text(max_size=70), st.text(max_size=70), st.integers(0, 3 * 86400))
def test_a_stamp_is_borne_by_its_own_value_alone_for_its_time(value: str, other: str, later: int) -> None:
    """Beside another value, for another purpose, under another key or after its time a stamp says nothing."""
    clock = Clock()
    signer = Signer([KEY], "a", clock=clock)
    stamp = signer.stamp(value)
    assert signer.bears(value, stamp, max_age=DAY)
    assert signer.bears(other, stamp, max_age=DAY) == (other == value)
    assert not Signer([KEY], "b", clock=clock).bears(value, stamp, max_age=DAY)
    assert not Signer(["another"], "a", clock=clock).bears(value, stamp, max_age=DAY)
    assert Signer([KEY, "a newer one"], "a", clock=clock).bears(value, stamp, max_age=DAY)
    assert not signer.bears(value, other, max_age=DAY)
    clock.now += timedelta(seconds=later)
    assert signer.bears(value, stamp, max_age=DAY) == (later <= DAY.total_seconds())


@pytest.mark.parametrize("value", ["order.2", "order", "..", "a.b.c"])
def test_a_value_with_dots_does_not_lend_its_stamp_to_its_beginning(value: str) -> None:
    """Wherever else a value and its stamp are cut in two, the one part does not prove the other."""
    signer = Signer([KEY], "a", clock=Clock())
    whole = f"{value}.{signer.stamp(value)}"
    cuts = [place for place, character in enumerate(whole) if character == "."]
    borne = [place for place in cuts if signer.bears(whole[:place], whole[place + 1 :], max_age=DAY)]
    assert borne == [len(value)]


def test_a_signed_value_is_no_stamp_and_a_stamp_no_signed_value() -> None:
    """What one form proves cannot be shown as the other."""
    signer = Signer([KEY], "a", clock=Clock())
    payload, _, rest = signer.sign("id-1").partition(".")
    assert not signer.bears(payload, rest, max_age=DAY)
    with pytest.raises(BadToken):
        signer.read(f"{payload}.{signer.stamp(payload)}", max_age=DAY)
