"""Platforms of other packages that do not work: who uses one is told what is wrong, and it takes down no other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string

from pixeltwin import Consent, Lead, Purchase, Reddit, Tracker, Visitor, platforms
from pixeltwin.config import Settings
from pixeltwin.doctor.settings import written
from pixeltwin.errors import ConfigurationError
from pixeltwin.flask import PixelTwin
from pixeltwin.pages.withdrawal import stopped
from pixeltwin.strictjson import decode
from pixeltwin.tracking.losses import Losses
from tests import pages
from tests.courier import Courier
from tests.test_flask import PAGE

REDDIT = {"PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop"}
COURIER = "from tests.courier import Courier\nclass X(Courier): "
FAULTS = {
    "missing": ("parcel = nowhere_to_be_found:X", "", "No module named 'nowhere_to_be_found'"),
    "raises": ("parcel = parcels:X", "raise RuntimeError('no network')", "RuntimeError: no network"),
    "no such name": ("parcel = parcels:X", "", "has no attribute 'X'"),
    "no platform": ("parcel = parcels:X", "class X: kind = 'parcel'", "no class made from pixeltwin.contract.Platform"),
    "an object": ("parcel = parcels:x", f"{COURIER}kind = 'parcel'\nx = X()", "no class made from"),
    "by half": (
        "parcel = parcels:X",
        "from pixeltwin.contract import Platform\nclass X(Platform): kind = 'parcel'",
        "lacks title",
    ),
    "no settings": ("parcel = parcels:X", f"{COURIER}kind, settings = 'parcel', ('bag',)", "no Setting"),
    "another name": ("parcel = parcels:X", f"{COURIER}pass", "has the kind 'courier'"),
}
Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs the package "parcels" with an entry point and its code."""

    def installed(entry: str, code: str) -> None:
        metadata = tmp_path / "parcels-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parcels\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(f"[{platforms.ENTRY_POINTS}]\n{entry}\n", encoding="utf-8")
        (tmp_path / "parcels.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        invalidate_caches()
        platforms.offered.cache_clear()

    yield installed
    monkeypatch.undo()
    sys.modules.pop("parcels", None)
    platforms.offered.cache_clear()


@pytest.mark.parametrize(("entry", "code", "said"), FAULTS.values(), ids=FAULTS)
def test_who_does_not_use_a_faulty_platform_has_all_others(
    install: Install, caplog: pytest.LogCaptureFixture, entry: str, code: str, said: str
) -> None:
    """The log says once which package is at fault, and why; the site's own platforms are told."""
    install(entry, code)
    found = [Settings(REDDIT, {}).platforms() for _ in range(2)]
    assert [[platform.kind for platform in one] for one in found] == [["reddit"], ["reddit"]]
    [warning] = [one for one in caplog.messages if "parcels" in one]
    assert warning.startswith(f"the platform 'parcel' of the package parcels ({entry}) ") and said in warning
    [finding] = [one for one in written(Settings(REDDIT, {})) if one.platform == "parcel"]
    assert finding.severity == "warning" and said in finding.what


@pytest.mark.parametrize(("entry", "code", "said"), FAULTS.values(), ids=FAULTS)
def test_who_uses_a_faulty_platform_is_told_what_to_mend(install: Install, entry: str, code: str, said: str) -> None:
    """Its setting is not called unknown: the error names the package, what is wrong with it, and what to do."""
    install(entry, code)
    settings = Settings({**REDDIT, "PIXELTWIN_PARCEL_BAG": "b1"}, {})
    with pytest.raises(ConfigurationError, match=r"of the package parcels .*; mend or uninstall") as caught:
        settings.platforms()
    assert said in str(caught.value)
    assert settings.unknown() == []
    [finding] = written(settings)
    assert finding.severity == "fault" and "PIXELTWIN_PARCEL_BAG" in finding.why


def test_two_platforms_of_one_name_are_told_apart_by_whoever_uses_it(install: Install) -> None:
    """A package that offers Reddit again is named, with the Reddit there is; a site without Reddit goes on."""
    install("reddit = parcels:X", "from pixeltwin import Reddit\nclass X(Reddit): pass")
    with pytest.raises(ConfigurationError, match=r"'reddit' of the package parcels .* as pixeltwin\.platforms\.reddit"):
        Settings(REDDIT, {}).platforms()
    snap: dict[str, Any] = {"PIXELTWIN_SNAP_PIXEL_ID": "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"}
    assert [platform.kind for platform in Settings(snap, {}).platforms()] == ["snap"]


# --- one that fails while it is used ---------------------------------------------------------------------------------


def failing(*_: Any, **__: Any) -> Any:
    raise ValueError("ada@example.com")


@pytest.mark.parametrize("part", ["honours", "init_calls", "window", "noscript_images", "read_signals"])
def test_a_platform_that_fails_takes_down_no_page_and_no_other(part: str, caplog: pytest.LogCaptureFixture) -> None:
    """Reddit is told all of a purchase and on every page, whatever Courier's code raises; the fault has its name."""
    broken: type[Courier] = type("Broken", (Courier,), {part: failing})
    tracker = Tracker(
        [broken(access_token="made-up"), Reddit(pixel_id="a2_shop", access_token="made-up")],
        secret_keys=["k"],
        outbox="memory:",
    )
    app = Flask("shop")
    app.config["PIXELTWIN_WORKER"], app.config["PIXELTWIN_CONSENT"] = "off", "granted"
    twin = PixelTwin(app, tracker=tracker)

    @app.get("/thanks")
    def thanks() -> str:
        twin.track(Purchase(order_id="1001", value="59.90", currency="EUR"), email="ada@example.com")
        return render_template_string(PAGE)

    @app.post("/subscribe")
    def subscribe() -> str:
        twin.track(Lead())
        return ""

    app.add_url_rule("/", view_func=lambda: render_template_string(PAGE))
    client = app.test_client()
    shown, plain = (client.get(url) for url in ("/thanks?rdt_cid=r1&courier_id=c1", "/"))
    client.post("/subscribe")
    for page in (shown, client.get("/")):
        assert "reddit" in [call.platform for call in pages.fired(page.text)]
    assert "reddit" in [name for name, _ in pages.Page(plain.text).data["pixels"]]
    assert client.get_cookie("pixeltwin_clicks") is not None
    [_, id] = dict.fromkeys(half.id for half in tracker.outbox.deliveries(destination="reddit:a2_shop"))
    kept = decode(tracker.outbox.get([id])[0].visitor or b"{}")
    assert kept["click_ids"]["reddit"] == "r1" and any(name.startswith("email") for name in kept["sealed"])
    assert tracker.losses.snapshot()["courier", "fault: mapping"] >= 1
    assert "tracking fault (courier): ValueError" in caplog.text and "ada@" not in caplog.text


def test_a_platform_that_cannot_say_whether_it_keeps_to_limited_use_is_told_nothing() -> None:
    """It counts as refused, on both halves, and the other one is told."""
    broken: type[Courier] = type("Broken", (Courier,), {"honours": failing})
    tracker = Tracker([broken(), Reddit(pixel_id="a2_shop")], secret_keys=["k"], outbox="memory:")
    told = tracker.track(Lead(), visitor=Visitor(email="ada@example.com"), consent=Consent.limited())
    assert [platform.state(told.consent) for platform in tracker.platforms] == ["denied", "limited"]


def test_a_pixel_that_cannot_say_how_it_stops_keeps_no_other_running() -> None:
    """What a page is told to stop has the others, and the fault is counted."""
    broken: type[Courier] = type("Broken", (Courier,), {"stop_calls": failing})
    losses = Losses()
    found = stopped([broken(), Reddit(pixel_id="a2_shop")], Consent.denied(), fault=losses.fault)
    assert [name for name, *_ in found] == ["reddit"]
    assert losses.snapshot() == {("courier", "fault: mapping"): 1}


def test_a_platform_that_fails_leaves_a_policy_the_hosts_of_the_others() -> None:
    """Only its own pixel is blocked, for nobody knows where it comes from."""
    broken: type[Courier] = type("Broken", (Courier,), {"csp_sources": failing})
    tracker = Tracker([broken(), Reddit(pixel_id="a2_shop")], secret_keys=["k"], outbox="memory:")
    app = Flask("shop")
    twin = PixelTwin(app, tracker=tracker)
    with app.app_context():
        assert "https://www.redditstatic.com" in twin.csp_sources()["script-src"]
    assert tracker.losses.snapshot()["courier", "fault: mapping"] == 1


def test_a_setting_of_our_own_is_not_taken_for_one_of_a_faulty_platform(install: Install) -> None:
    """A package that calls its platform like the first word of one is used by nobody who set that one."""
    install("page = parcels:X", "raise RuntimeError('no network')")
    assert Settings({**REDDIT, "PIXELTWIN_PAGE_VIEWS": "off"}, {}).platforms()
