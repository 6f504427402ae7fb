"""Click ids over visits: what a landing brought is remembered for a year, with its time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Reddit
from pixeltwin.attribution import CLICK_LIFE, LONGEST_CLICK_ID, landed, remembered
from pixeltwin.contract import Platform
from pixeltwin.conversion import Signer
from tests.samples import KEY, NOW, Clock, platforms

LANDING = {platform.click_parameter: f"{platform.kind}-1" for platform in platforms()}
AT = int(NOW.timestamp())


def test_a_landing_is_remembered_for_every_platform_it_names() -> None:
    """Each platform's click id is found under its own parameter and kept with the time of the landing."""
    clicks = landed(platforms(), {**LANDING, "utm_source": "x", "email": "ada@example.com"}, NOW)
    assert clicks == {platform.kind: (f"{platform.kind}-1", AT) for platform in platforms()}


def test_a_page_without_click_ids_brings_none() -> None:
    """An ordinary page, or an empty parameter, is no landing."""
    assert landed(platforms(), {"page": "2"}, NOW) == {}
    assert landed(platforms(), dict.fromkeys(LANDING, ""), NOW) == {}


def test_two_pixels_of_one_platform_share_the_click() -> None:
    """The visitor came from the platform, whichever of its pixels is told."""
    pixels = [Reddit(pixel_id="a2_one"), Reddit(pixel_id="a2_two", name="second")]
    assert landed(pixels, LANDING, NOW) == {"reddit": ("reddit-1", AT)}


@pytest.mark.parametrize("platform", platforms(), ids=lambda platform: platform.kind)
@pytest.mark.parametrize(("length", "known"), [(200, True), (LONGEST_CLICK_ID + 1, False)])
def test_a_click_id_that_is_too_long_is_nobodys(platform: Platform, length: int, known: bool) -> None:
    """A link cannot fill a visitor's cookies: what no platform would issue is not remembered."""
    click = "x" * length
    found = landed([platform], {platform.click_parameter: click}, NOW)
    assert found == ({platform.kind: (click, AT)} if known else {})


@given(
    st.dictionaries(st.sampled_from(["reddit", "snap"]), st.text(min_size=1, max_size=8)),
    st.integers(0, 2 * 365 * 86400),
)
def test_a_click_is_remembered_for_a_year(clicks: dict[str, str], later: int) -> None:
    """What was put into the signed cookie is read from it until the click is a year old."""
    signer = Signer([KEY], "clicks", clock=Clock())
    kept = {kind: (click, AT) for kind, click in clicks.items()}
    now = NOW + timedelta(seconds=later)
    found = remembered(signer.read(signer.sign(kept), max_age=CLICK_LIFE), now)
    assert found == (kept if now <= NOW + CLICK_LIFE else {})


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(shapes)
def test_another_shape_is_nothing(value: Any) -> None:
    """A cookie of an older or a foreign version gives only what is a click, and never an error."""
    for kind, (click, at) in remembered(value, NOW).items():
        assert isinstance(kind, str)
        assert isinstance(click, str)
        assert at >= (NOW - CLICK_LIFE).timestamp()


@pytest.mark.parametrize(
    "value", [None, "reddit", ["reddit"], {"reddit": "r1"}, {"reddit": ["r1"]}, {"reddit": [1, AT]}]
)
def test_no_click_is_made_up(value: Any) -> None:
    """Without an id and a time there is no click."""
    assert remembered(value, NOW) == {}


def test_one_expired_click_does_not_take_the_others_with_it() -> None:
    """Each platform's click has its own age."""
    old = int((NOW - CLICK_LIFE).timestamp()) - 1
    cookie = json.loads(json.dumps({"reddit": ("r1", old), "snap": ("s1", AT)}))
    assert remembered(cookie, NOW) == {"snap": ("s1", AT)}
