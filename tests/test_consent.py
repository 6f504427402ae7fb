"""Consent: what a visitor allowed, by platform, as it was decided, wherever it is read again."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Reddit
from pixeltwin.errors import InvalidInput
from pixeltwin.strictjson import encode

STATES = ("granted", "limited", "denied", "pending")
states = st.sampled_from(STATES)
consents = st.builds(
    Consent,
    states,
    st.dictionaries(st.sampled_from(["reddit", "snap", "second"]), states),
    st.none() | st.sampled_from(["US", "DE"]),
    st.none() | st.sampled_from(["CA", "BY"]),
)


@pytest.mark.parametrize("state", STATES)
def test_a_consent_is_made_by_the_name_of_its_state(state: str) -> None:
    """There are four answers, and each may have exceptions for single platforms."""
    assert getattr(Consent, state)() == Consent(state)  # type: ignore[arg-type]
    made = getattr(Consent, state)(platforms={"snap": "denied"})
    assert (made.default, made.platforms) == (state, {"snap": "denied"})


def test_limited_use_says_where_it_applies() -> None:
    """The country and the state of a limited consent are kept as they were given."""
    limited = Consent.limited(country="US", state="CA")
    assert (limited.country, limited.state) == ("US", "CA")


@given(consents)
def test_a_platform_is_told_when_it_is_granted_or_limited(consent: Consent) -> None:
    """The exception by a pixel's own name comes first, then the platform's, then the answer for all."""
    first, second = Reddit(pixel_id="a2_one"), Reddit(pixel_id="a2_two", name="second")
    exceptions = consent.platforms
    assert first.state(consent) == exceptions.get("reddit", consent.default)
    assert second.state(consent) == exceptions.get("second", exceptions.get("reddit", consent.default))
    for pixel in (first, second):
        assert pixel.allowed(consent) == (pixel.state(consent) in ("granted", "limited"))
        assert pixel.limited(consent) == (pixel.state(consent) == "limited")


@given(consents)
def test_denying_one_platform_leaves_the_others(consent: Consent) -> None:
    """Taking one platform out changes nothing for any other, nor the consent it came from."""
    before = copy.deepcopy(consent)
    without = consent.without("reddit")
    assert Reddit(pixel_id="a2_one").state(without) == "denied"
    assert {**without.platforms, "reddit": None} == {**consent.platforms, "reddit": None}
    assert (without.default, without.country, without.state) == (consent.default, consent.country, consent.state)
    assert consent == before


@given(consents)
def test_a_consent_comes_back_from_the_store_as_it_went(consent: Consent) -> None:
    """The record is plain JSON, and what is read back is the same consent."""
    back = Consent.from_record(json.loads(encode(consent.to_record())))
    assert back == consent == pickle.loads(pickle.dumps(consent))
    assert hash(back) == hash(consent)


def test_a_consent_is_frozen() -> None:
    """An answer that was given cannot be changed afterwards, not through the caller's own mapping either."""
    exceptions: dict[str, Any] = {"snap": "denied"}
    consent = Consent.granted(platforms=exceptions)
    exceptions["snap"] = "granted"
    assert consent.platforms == {"snap": "denied"}
    with pytest.raises(TypeError):
        consent.platforms["snap"] = "granted"  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        consent.default = "granted"  # type: ignore[misc]


@pytest.mark.parametrize("wrong", ["yes", "Granted", "", None, True, 1, ["granted"]])
def test_another_word_is_no_consent(wrong: Any) -> None:
    """A mistyped answer is an error that lists the four, never a silent yes or no."""
    for make in (lambda: Consent(wrong), lambda: Consent.granted(platforms={"snap": wrong})):
        with pytest.raises(InvalidInput, match=r"^Consent: give one of granted, limited, denied, pending$"):
            make()


@pytest.mark.parametrize("wrong", ["snap", ["snap"], None])
def test_exceptions_are_a_mapping(wrong: Any) -> None:
    """Exceptions without an answer for each are refused."""
    with pytest.raises(InvalidInput, match=r"^Consent: platforms: give a mapping"):
        Consent.denied(platforms=wrong)
