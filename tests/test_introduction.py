"""A worker asks each platform about settings that are new, so that health knows within seconds of a pasted token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from pixeltwin import Consent, Tracker
from pixeltwin.config import Settings
from pixeltwin.flask import PixelTwin
from tests.local_vendor import Vendor, says
from tests.observed import ADA
from tests.samples import purchase


@pytest.fixture(name="vendor")
def local_vendor() -> Iterator[Vendor]:
    with Vendor() as vendor:
        yield vendor


def site(vendor: Vendor, folder: Path, **options: Any) -> Tracker:
    """A process of a site whose workers introduce themselves."""
    token = options.pop("token", "token-one-Zq81")
    platform = vendor.platform(access_token=token)
    settings = {"secret_keys": ["k"], "outbox": f"sqlite:///{folder / 'x.db'}", "introduces": True, **options}
    return Tracker([platform], **settings)


def becomes(tracker: Tracker, status: str) -> bool:
    """Whether the site's health is so within seconds."""
    end = time.monotonic() + 10
    while tracker.health().status != status and time.monotonic() < end:
        time.sleep(0.01)
    return tracker.health().status == status


def test_a_good_and_a_bad_token_are_told_apart_before_the_first_conversion(vendor: Vendor, tmp_path: Path) -> None:
    """Starting is enough: a right token is healthy and a wrong one unhealthy, with nothing tracked."""
    good = site(vendor, tmp_path)
    good.start_worker()
    assert becomes(good, "healthy")
    good.close()
    vendor.script = says(401, b"revoked")
    rotated = site(vendor, tmp_path, token="token-two-Zq82")
    rotated.start_worker()
    assert becomes(rotated, "unhealthy") and "revoked" in rotated.health().platforms[0].finding.why
    rotated.close()


def test_settings_are_asked_about_once_and_not_by_each_process(vendor: Vendor, tmp_path: Path) -> None:
    """Ten processes with the same settings ask once; one with another token asks again."""
    ours = [site(vendor, tmp_path) for _ in range(10)]
    for one in ours:
        one.delivery.introduce("local:a1", one.clock())
    assert len(vendor.requests) == 1
    other = site(vendor, tmp_path, token="token-two-Zq82")
    other.delivery.introduce("local:a1", other.clock())
    other.delivery.introduce("local:a1", other.clock())
    assert len(vendor.requests) == 2
    for one in (*ours, other):
        one.close()


def test_who_got_no_answer_leaves_the_question_to_the_next(vendor: Vendor, tmp_path: Path) -> None:
    """A platform that could not answer is asked again by whoever starts next."""
    for script, many in ((says(503), 1), (lambda events: "reset", 2), (says(200, b'["ok"]'), 3), (says(503), 3)):
        vendor.script = script
        one = site(vendor, tmp_path)
        one.delivery.introduce("local:a1", one.clock())
        assert len(vendor.requests) == many
        one.close()


def test_a_rotated_token_ends_a_pause_without_a_conversion(vendor: Vendor, tmp_path: Path) -> None:
    """What a revoked token held goes as soon as a process starts with the new one."""
    vendor.script = says(401, b"revoked")
    old = site(vendor, tmp_path)
    old.track(purchase(), visitor=ADA, consent=Consent.granted())
    old.deliver()
    assert old.health().status == "unhealthy"
    old.close()
    vendor.script = lambda events: (200, {}, json.dumps(["ok"] * len(events)).encode())
    new = site(vendor, tmp_path, token="token-two-Zq82")
    new.start_worker()
    end = time.monotonic() + 10
    while new.outbox.counts() != {"local:a1": {"delivered": 1}} and time.monotonic() < end:
        time.sleep(0.01)
    assert new.outbox.counts() == {"local:a1": {"delivered": 1}} and new.health().status == "healthy"
    new.close()


@pytest.mark.parametrize("options", [{"live": False}, {"introduces": False}])
def test_nobody_is_asked_where_nothing_is_sent(vendor: Vendor, tmp_path: Path, options: dict[str, Any]) -> None:
    """Delivery that is off stays silent, and so does a tracker that was not told to ask."""
    one = site(vendor, tmp_path, **options)
    one.delivery.introduce("local:a1", one.clock() + timedelta(seconds=1))
    assert vendor.requests == []
    one.close()


def test_a_site_asks_its_platforms_and_never_a_sandbox(tmp_path: Path) -> None:
    """Configured from settings a worker introduces itself, but where a sandbox stands for the platforms."""
    environ = {
        "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop",
        "PIXELTWIN_SECRET_KEYS": "k" * 32,
        "PIXELTWIN_OUTBOX": f"sqlite:///{tmp_path / 'x.db'}",
    }
    for more, asks in (({}, True), ({"PIXELTWIN_SANDBOX": "http://127.0.0.1:8100"}, False)):
        tracker = Settings({}, {**environ, **more}).tracker()
        assert tracker.introduces is asks
        tracker.close()


def test_the_health_page_of_a_started_site_knows_at_once(vendor: Vendor, tmp_path: Path) -> None:
    """From its first request on, a site's health document says of a pasted token whether it is good, and why not."""
    vendor.script = says(401, b"revoked")
    app = Flask(__name__)
    app.config.update(PIXELTWIN_HEALTH_TOKEN="t" * 20, PIXELTWIN_CONSENT="granted")
    tracker = site(vendor, tmp_path)
    PixelTwin(app, tracker=tracker)
    client, allowed = app.test_client(), {"Authorization": f"Bearer {'t' * 20}"}
    end = time.monotonic() + 10
    while client.get("/_pixeltwin/health", headers=allowed).status_code != 503 and time.monotonic() < end:
        time.sleep(0.02)
    said = client.get("/_pixeltwin/health", headers=allowed)
    assert said.status_code == 503 and "revoked" in said.get_json()["platforms"][0]["why"]
    tracker.close()
