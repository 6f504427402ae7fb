"""What the shop's developer wants to be sure of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from mugs import app

from pixeltwin.testing import (
    FrozenClock,
    Recorder,
    assert_counted,
    assert_merged,
    assert_nothing_sent,
    assert_nothing_shown,
    assert_twins,
)

PLATFORMS = ["reddit", "snap"]


@pytest.fixture
def client() -> FlaskClient:
    client = app.test_client()
    client.set_cookie("cookies", "yes")
    return client


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_purchase_is_counted_once(client: FlaskClient, pixeltwin_recorder: Recorder, platform: str) -> None:
    """Each platform counts a purchase once, even if the server half is a day late."""
    client.post("/buy", follow_redirects=True)
    assert_merged(platform, "Purchase", after=timedelta(hours=23))


def test_both_halves_say_the_same(client: FlaskClient, pixeltwin_recorder: Recorder) -> None:
    """Browser and server tell each platform the same of a purchase."""
    assert_twins(client.post("/buy", follow_redirects=True))
    assert [call.platform for call in pixeltwin_recorder.browser_calls] == PLATFORMS


def test_a_subscription_is_counted_once(client: FlaskClient, pixeltwin_recorder: Recorder) -> None:
    """Who subscribes is one lead, however often he looks at the page."""
    client.post("/newsletter", follow_redirects=True)
    client.get("/subscribed")
    for platform in PLATFORMS:
        assert_counted(platform, "Lead", times=1)


def test_an_outage_loses_nothing(
    client: FlaskClient, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock
) -> None:
    """A purchase outlives an outage of a platform."""
    pixeltwin_recorder.fault("snap", "503")
    client.post("/buy", follow_redirects=True)
    assert not [event for event in pixeltwin_recorder.server_events if event.platform == "snap"]
    pixeltwin_recorder.fault("snap", None)
    pixeltwin_clock.advance(hours=2)
    assert_merged("snap", "Purchase")


def test_who_says_no_is_told_of_to_nobody(pixeltwin_recorder: Recorder) -> None:
    """Without a yes nothing is shown and nothing is sent."""
    page = app.test_client().post("/buy", follow_redirects=True)
    assert_nothing_shown(page)
    assert_nothing_sent()
