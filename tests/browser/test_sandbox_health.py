"""The sandbox's page in an application shows in real Chromium which platforms it finds healthy, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixeltwin import Consent, Purchase, Visitor
from tests.sandboxed import KINDS, serving
from tests.test_sandbox_mounted import MOUNT, shop

if TYPE_CHECKING:
    from .conftest import Visit

NOBODY, GRANTED = Visitor(user_agent="Mozilla/5.0"), Consent.granted()
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("sandbox-page")]


def test_a_platform_turns_unhealthy_and_healthy_again_before_the_developers_eyes(visit: Visit) -> None:
    """Each tile says what the application's own health says: a refused token with what to do, then that all is well."""
    app = shop(PIXELTWIN_WORKER="off")
    tracker: Any = app.extensions["pixeltwin"].tracker
    with serving(app) as server:
        server.prefix = MOUNT
        page = visit.page()
        page.set_default_timeout(10_000)
        page.goto(f"http://127.0.0.1:{server.port}{MOUNT}/")
        assert page.locator('.tile [data-health="unknown"]').nth(len(KINDS) - 1).inner_text()
        server.fault("snap", "401")
        for platform in tracker.platforms:
            tracker.delivery.check(platform.destination, tracker.clock())
        unhealthy = page.locator('[data-platform="snap"] [data-health="unhealthy"]')
        unhealthy.wait_for()
        said = unhealthy.inner_text()
        assert "refused the access token" in said and "set them anew" in said
        page.locator('[data-platform="reddit"] [data-health="healthy"]').wait_for()
        server.fault("snap", None)
        snap = next(one for one in tracker.platforms if one.kind == "snap")
        tracker.delivery.check(snap.destination, tracker.clock())
        page.locator('[data-platform="snap"] [data-health="healthy"]').wait_for()
        assert visit.foreign == [] and visit.complaints == []


def test_a_tile_says_which_share_of_its_pixels_was_blocked(visit: Visit) -> None:
    """What the pages reported of purchases stands on each platform's tile: how many pixels an ad blocker took."""
    app = shop(PIXELTWIN_WORKER="off")
    tracker: Any = app.extensions["pixeltwin"].tracker
    snap, reddit = (
        next(one.destination for one in tracker.platforms if one.kind == kind) for kind in ("snap", "reddit")
    )
    for number in range(4):
        sold = tracker.track(Purchase(order_id=number, value="5", currency="EUR"), visitor=NOBODY, consent=GRANTED)
        tracker.offer([sold.id])
        took = [reddit] if number else [reddit, snap]
        tracker.outbox.acknowledge(sold.id, took, now=tracker.clock(), blocked=[] if number == 0 else [snap])
    with serving(app) as server:
        page = visit.page()
        page.set_default_timeout(10_000)
        page.goto(f"http://127.0.0.1:{server.port}{MOUNT}/")
        said = page.locator('[data-platform="snap"] [data-blocked]')
        said.wait_for()
        assert said.inner_text() == "3 of 4 pixels blocked (75 %)"
        assert page.locator('[data-platform="reddit"] [data-blocked]').inner_text() == "0 of 4 pixels blocked (0 %)"
        assert page.locator('[data-platform="pinterest"] [data-blocked]').count() == 0
