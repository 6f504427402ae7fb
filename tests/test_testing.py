"""What `pixeltwin.testing` gives to tests: the halves it records are the real ones, and its assertions can fail."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, redirect, render_template_string
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltwin import AddToCart, Consent, Conversion, Lead, Purchase, Tracker
from pixeltwin.contract import Platform
from pixeltwin.errors import CannotSend, ConfigurationError
from pixeltwin.events import EVENT_TYPES
from pixeltwin.flask import PixelTwin
from pixeltwin.platforms import installed
from pixeltwin.testing import (
    FrozenClock,
    Recorder,
    ServedSandbox,
    assert_counted,
    assert_merged,
    assert_nothing_sent,
    assert_nothing_shown,
    assert_twins,
)
from pixeltwin.testing import __all__ as names
from tests import samples
from tests.strategies import conversions
from tests.thoroughness import examples

KINDS = sorted(installed())
PAGES = sorted(set(EVENT_TYPES) - {"Refund"})
PAGE = "<html><head>{{ pixeltwin.head() }}</head></html>"
BUYER: Any = {
    "visitor": samples.visitor(),
    "consent": Consent.granted(),
    "source_url": "https://shop.example/checkout",
}


def shop(**settings: Any) -> Flask:
    """A shop as somebody has it: nothing in it is for tests."""
    app = Flask("shop")
    add_shop(app, **settings)
    return app


def add_shop(app: Flask, **settings: Any) -> None:
    app.config.update({"SECRET_KEY": "a secret for tests", "PIXELTWIN_CONSENT": "granted"})
    app.config.update(settings)
    twin = PixelTwin(app)

    @app.post("/buy")
    def buy() -> Any:
        twin.track(samples.purchase(), email="ada@example.com")
        return redirect("/thanks")

    @app.get("/thanks")
    def thanks() -> str:
        return render_template_string(PAGE)


@pytest.fixture
def app(pixeltwin_recorder: Recorder) -> Flask:
    return shop(**pixeltwin_recorder.settings)


def message(failing: Any, *arguments: Any, **options: Any) -> str:
    """What an assertion that fails has to say."""
    with pytest.raises(AssertionError) as caught:
        failing(*arguments, **options)
    return str(caught.value)


# --- the recorder ----------------------------------------------------------------------------------------------------


def test_an_application_is_recorded_from_its_first_request_on(app: Flask, pixeltwin_recorder: Recorder) -> None:
    """A test that only asks for the fixture sees both halves on every platform, judged, without a line in between."""
    app.test_client().post("/buy", follow_redirects=True)
    for kind in KINDS:
        assert_merged(kind, "Purchase")
        assert_counted(kind, "Purchase", times=1)
    assert sorted(call.platform for call in pixeltwin_recorder.browser_calls) == KINDS
    assert sorted(event.platform for event in pixeltwin_recorder.server_events) == KINDS
    assert len({call.id for call in pixeltwin_recorder.browser_calls}) == 1


@pytest.mark.parametrize("first", ["made before the context", "made within the context"])
def test_an_application_whose_context_was_pushed_before_is_recorded_too(
    pixeltwin_clock: FrozenClock, first: str
) -> None:
    """What a fixture does `with app.app_context()` comes to the test: its requests, and what it tracks without one."""
    from pixeltwin.testing.bench import bench

    app, given = Flask("shop"), samples_settings()
    ready = partial(add_shop, app, **given)
    if first == "made before the context":
        ready()
    with app.app_context(), bench(pixeltwin_clock) as here, Recorder(here).looking():
        if first == "made within the context":
            ready()
            app.test_client().get("/thanks")
        app.extensions["pixeltwin"].tracker.track(samples.purchase(), **BUYER)
        assert_counted("reddit", "Purchase", times=1)
        app.test_client().post("/buy", follow_redirects=True)
        assert_merged("snap", "Purchase")


def test_an_application_that_delivered_before_delivers_to_the_test_alone(
    pixeltwin_clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that an earlier request started for the default outbox has ended, and none is started."""
    from pixeltwin.testing.bench import bench

    monkeypatch.chdir(tmp_path)
    given = {name: value for name, value in samples_settings().items() if not name.endswith(("OUTBOX", "WORKER"))}
    app = shop(**given, PIXELTWIN_SANDBOX="http://127.0.0.1:9")  # where nobody answers
    app.test_client().get("/thanks")
    assert workers()
    with bench(pixeltwin_clock):
        app.test_client().post("/buy")
        assert not workers()


def workers() -> list[str]:
    """The threads that deliver to a destination."""
    names = [one.name for one in threading.enumerate()]
    return [name for name in names if name.startswith("pixeltwin-") and ":" in name]


def test_what_is_taken_over_is_given_back(pixeltwin_clock: FrozenClock) -> None:
    """After a test the application has its own tracker, worker and addresses again, and a tracker its own clock."""
    from pixeltwin.testing.bench import bench

    made = shop(**samples_settings())
    tracker = Tracker(samples.platforms(), secret_keys=["k"], outbox="memory:")
    state, clock = made.extensions["pixeltwin"], tracker.clock
    before = (state.site, state.threaded)
    with bench(pixeltwin_clock) as here:
        here.taken.take(tracker)
        made.test_client().post("/buy")
        assert tracker.clock is state.site.tracker.clock is pixeltwin_clock
        assert here.taken.trackers == [tracker, state.site.tracker]
    assert (state.site, state.threaded) == before
    assert (tracker.clock, tracker.transport) == (clock, None)


def samples_settings() -> dict[str, Any]:
    from pixeltwin.testing.bench import bench

    with bench(FrozenClock()) as made:
        return Recorder(made).settings


def test_a_test_never_meets_what_an_earlier_one_left(pixeltwin_clock: FrozenClock, tmp_path: Path) -> None:
    """An application whose outbox nobody chose gets an empty one in each test, and no thread, and writes no file."""
    from pixeltwin.testing.bench import bench

    given = {name: value for name, value in samples_settings().items() if not name.endswith(("OUTBOX", "WORKER"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        made = shop(**given)
        for _ in range(2):
            with bench(pixeltwin_clock) as here, Recorder(here).looking():
                made.test_client().post("/buy", follow_redirects=True)
                assert not workers()
                assert_merged(KINDS[0], "Purchase")
    assert list(tmp_path.iterdir()) == []


def test_an_outbox_that_was_chosen_is_used(pixeltwin_recorder: Recorder, tmp_path: Path) -> None:
    """A shop that keeps conversions beside its orders keeps them there under test, too."""
    path = tmp_path / "orders.db"
    app = shop(**{**pixeltwin_recorder.settings, "PIXELTWIN_OUTBOX": f"sqlite:///{path}"})
    app.test_client().post("/buy", follow_redirects=True)
    assert_merged(KINDS[0], "Purchase")
    assert path.exists()


def test_a_tracker_without_flask_is_recorded_once_it_is_watched(pixeltwin_recorder: Recorder) -> None:
    """A bare tracker's server halves are recorded, and the page that it renders is shown by hand."""
    tracker = pixeltwin_recorder.tracker()
    conversion = tracker.track(samples.purchase(), **BUYER)
    page = tracker.snippet([conversion], visitor=BUYER["visitor"], consent=Consent.granted())
    assert_twins(conversion)
    assert_twins(page)
    assert len(pixeltwin_recorder.show(page)) == 0  # it was shown already, and one browser tells nothing twice
    for kind in KINDS:
        assert_merged(kind, "Purchase")


@settings(max_examples=examples(30))
@given(st.sampled_from(samples.platforms()), conversions(PAGES, ("web",)))
def test_whatever_happened_its_twins_are_twins(platform: Platform, conversion: Conversion) -> None:
    """For any conversion on any platform, the halves that pixeltwin makes pass the assertion on twins."""
    try:
        platform.check(conversion)
        calls = platform.browser_calls(conversion)
    except CannotSend:
        return
    if len(calls) == 1:
        assert_twins(conversion, platforms=[platform])


def test_an_application_with_a_tracker_of_its_own_may_be_made_in_a_test(
    pixeltwin_recorder: Recorder, pixeltwin_sandbox: ServedSandbox
) -> None:
    """What the fixtures lend to applications is no setting that its tracker would ignore; what it sets itself is."""
    app = Flask("own")
    app.config["PIXELTWIN_CONSENT"] = "granted"
    twin = PixelTwin(app, tracker=Tracker(samples.platforms(), secret_keys=[samples.KEY], outbox="memory:"))
    with app.test_request_context("/"):
        twin.track(samples.purchase(), email="ada@example.com")
    assert {one.platform for one in pixeltwin_recorder.server_events} == {"reddit", "snap", "pinterest"}
    other = Flask("other")
    other.config["PIXELTWIN_SANDBOX"] = pixeltwin_sandbox.url
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_SANDBOX: .*tracker="):
        PixelTwin(other, tracker=pixeltwin_recorder.tracker())


# --- time ------------------------------------------------------------------------------------------------------------


def test_late_server_halves_are_judged_without_moving_the_clock(
    app: Flask, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock
) -> None:
    """`after=` asks what a platform makes of a server half that comes so much later; each platform's window decides."""
    before = pixeltwin_clock.now
    app.test_client().post("/buy", follow_redirects=True)
    for kind in KINDS:
        assert_merged(kind, "Purchase", after=timedelta(minutes=50))
        late = message(assert_merged, kind, "Purchase", after=timedelta(days=45))
        assert late.startswith("With the server half 45 days, 0:00:00 later:")
    assert pixeltwin_clock.now == before


def test_the_clock_is_the_platforms_and_the_applications(
    app: Flask, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock
) -> None:
    """What waits for a platform that is down goes when the clock was moved, and nothing waits in real time."""
    pixeltwin_recorder.fault("snap", "503")
    app.test_client().post("/buy", follow_redirects=True)
    assert "snap" not in {event.platform for event in pixeltwin_recorder.server_events}
    pixeltwin_recorder.fault("snap", None)
    pixeltwin_clock.advance(timedelta(hours=1), minutes=30)
    assert_merged("snap", "Purchase")
    with pytest.raises(ValueError, match="forward"):
        pixeltwin_clock.advance(hours=-1)


# --- failures --------------------------------------------------------------------------------------------------------


def test_two_ids_are_shown_side_by_side(pixeltwin_recorder: Recorder) -> None:
    """Halves that were tracked each for itself are shown once, with the sandbox's guess and both ids."""
    tracker = pixeltwin_recorder.tracker("snap")
    tracker.track(Lead(), browser=False, **BUYER)
    shown = tracker.track(Lead(), server=False, **BUYER)
    pixeltwin_recorder.show(tracker.snippet([shown], visitor=BUYER["visitor"], consent=Consent.granted()))
    said = message(assert_merged, "snap", "Lead")
    assert said.count("on Snap:") == 1
    assert "was the ID made twice?" in said
    [line] = [line for line in said.splitlines() if line.split()[:2] == ["≠", "ID"]]
    assert f"client_dedup_id: {shown.id[:12]}…" in line and line.endswith("different")
    assert "Snap counts 2 Lead, not 1." in message(assert_counted, "snap", "Lead")


def test_different_and_missing_fields_are_marked(pixeltwin_recorder: Recorder) -> None:
    """A value that differs and a currency that one half lacks are marked, and no other field of the event is."""
    tracker = pixeltwin_recorder.tracker("snap")
    conversion = tracker.track(samples.purchase(), **BUYER)
    page = tracker.snippet([conversion], visitor=BUYER["visitor"], consent=Consent.granted())
    changed = str(page).replace('"price":59.90', '"price":95.90').replace('"currency":"EUR",', "")
    assert changed.count("95.90") == 1 and "EUR" not in changed
    said = message(assert_twins, changed)
    signs = {line.split()[1]: line.split()[0] for line in said.splitlines() if line.strip()[:1] in ("≠", "!", "=")}
    assert {name for name, sign in signs.items() if sign == "≠"} == {"value"}
    assert signs["currency"] == "!" and signs["ID"] == "="


@pytest.mark.parametrize("platform", KINDS)
def test_no_failure_tells_of_a_person(pixeltwin_recorder: Recorder, platform: str) -> None:
    """What a failure shows has no e-mail address, digest of one, address of a machine, click id or token in it."""
    tracker = pixeltwin_recorder.tracker(platform)
    conversion = tracker.track(samples.purchase(), browser=False, **BUYER)
    said = message(assert_merged, platform, "Purchase") + message(assert_nothing_sent)
    pixel = tracker.platforms[0]
    secrets = [value for values in pixel.wires(conversion.visitor).values() for value in values]
    assert len(secrets) >= 2 and "•••" in said
    assert not [
        one for one in ("example.com", "203.0.113", samples.AGENT, "r1", "s1", "made-up", *secrets) if one in said
    ]


def test_nothing_at_all_is_told_with_what_may_be_why(app: Flask, pixeltwin_recorder: Recorder) -> None:
    """Where nothing of an event arrived the failure says what did, and what pixeltwin counted as lost."""
    app.test_client().post("/buy", follow_redirects=True)
    said = message(assert_merged, "reddit", "AddToCart")
    assert said.startswith("Nothing of AddToCart reached Reddit.")
    assert "What arrived: Purchase on" in said
    tracker = pixeltwin_recorder.tracker("reddit")
    tracker.track(AddToCart(), visitor=None, consent=Consent.granted(), on_error="log")
    assert "reddit: no_match_key" in message(assert_merged, "reddit", "AddToCart")


@pytest.mark.parametrize("words", ["Delivery is off", "TEST MODE"])
def test_a_mode_in_which_nothing_counts_is_named(
    words: str, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock
) -> None:
    """Where delivery is off, or test mode on, a failure for want of halves says so."""
    soon = (pixeltwin_clock.now + timedelta(hours=1)).isoformat()
    setting = {"PIXELTWIN_DELIVERY": "off"} if words == "Delivery is off" else {"PIXELTWIN_TEST_UNTIL": soon}
    page = shop(**pixeltwin_recorder.settings, **setting).test_client().post("/buy", follow_redirects=True)
    assert words in message(assert_merged, "reddit", "Purchase")
    assert words in message(assert_twins, page)


def test_what_cannot_be_asked_says_what_to_do(pixeltwin_recorder: Recorder) -> None:
    """A platform that is none is named with the near one, and without a tracker the advice is to watch one."""
    with pytest.raises(ConfigurationError, match="did you mean 'snap'"):
        assert_merged("Snapp", "Purchase")
    assert "pixeltwin_recorder.watch(tracker)" in message(assert_merged, "snap", "Purchase")


def test_assertions_need_a_fixture() -> None:
    """Without a fixture there is nothing to look at, and the assertion says which to ask for."""
    with pytest.raises(ConfigurationError, match="pixeltwin_recorder"):
        assert_nothing_sent()


# --- consent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["denied", "pending"])
def test_who_did_not_agree_is_told_of_to_nobody(pixeltwin_recorder: Recorder, answer: str) -> None:
    """Without a yes nothing is shown and nothing sent; with one, both assertions fail and name what was."""
    refused = shop(**pixeltwin_recorder.settings, PIXELTWIN_CONSENT=answer)
    page = refused.test_client().post("/buy", follow_redirects=True)
    assert_nothing_shown(page)
    assert_nothing_sent()
    agreed = shop(**pixeltwin_recorder.settings)
    page = agreed.test_client().post("/buy", follow_redirects=True)
    assert "it starts the pixel 'snap'" in message(assert_nothing_shown, page)
    assert "snap: browser half" in message(assert_nothing_sent)


def test_a_vendors_host_in_a_page_is_something_shown() -> None:
    """A pixel that was pasted by hand is seen, too."""
    assert "it names sc-static.net" in message(
        assert_nothing_shown, '<script src="https://sc-static.net/scevent.min.js"></script>'
    )


# --- the sandbox on a port -------------------------------------------------------------------------------------------


def test_an_application_made_in_the_test_sends_to_the_port(
    pixeltwin_recorder: Recorder, pixeltwin_sandbox: ServedSandbox
) -> None:
    """Both halves of an application that knows nothing of tests lead to the test's own sandbox, which can be reset."""
    app = shop(**pixeltwin_recorder.settings)
    urls = [one.api_url for one in app.extensions["pixeltwin"].site.tracker.platforms]
    assert all(url.startswith(pixeltwin_sandbox.url) for url in urls)
    app.test_client().post("/buy", follow_redirects=True)
    assert_merged("snap", "Purchase")
    assert {one["verdict"] for one in pixeltwin_sandbox.conversions()} == {"merged"}
    pixeltwin_sandbox.reset()
    assert_nothing_sent()


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_a_project_that_does_not_use_it_pays_nothing() -> None:
    """Until a fixture is asked for, pytest imports the module with the fixtures and nothing else of the package."""
    code = "import pytest, sys; before = set(sys.modules); import pixeltwin.testing.plugin; "
    code += "print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert [one for one in done.stdout.split() if not one.startswith("_")] == [
        "pixeltwin",
        "pixeltwin.testing",
        "pixeltwin.testing.plugin",
    ]


def test_the_public_names_are_these() -> None:
    """What the documentation imports is exported, and explains itself."""
    import pixeltwin.testing

    assert names == sorted(names)
    assert all(getattr(pixeltwin.testing, name).__doc__ for name in names)


def test_a_purchase_made_twice_is_one(app: Flask, pixeltwin_recorder: Recorder) -> None:
    """A second report of the same order adds no count, and a second order does."""
    client = app.test_client()
    for _ in range(2):
        client.post("/buy", follow_redirects=True)
    assert_counted("reddit", "Purchase", times=1)
    with app.app_context():
        app.extensions["pixeltwin"].tracker.track(Purchase(order_id="1002", value="5", currency="EUR"), **BUYER)
    assert_counted("reddit", "Purchase", times=2)


def test_a_half_that_a_fault_kept_back_is_judged_by_when_it_arrived(
    app: Flask, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock
) -> None:
    """`after=` counts from the attempt that was taken, and not from one that a fault lost."""
    pixeltwin_recorder.fault("snap", "garbage")
    app.test_client().post("/buy", follow_redirects=True)
    assert not [event for event in pixeltwin_recorder.server_events if event.platform == "snap"]
    pixeltwin_recorder.fault("snap", None)
    pixeltwin_clock.advance(hours=30)
    assert_merged("snap", "Purchase", after=timedelta(hours=1))
    assert [one.lost for one in pixeltwin_recorder.bench.sandbox.sent if one.kind == "snap" and one.server][-1:] == [
        False
    ]
    assert any(one.lost for one in pixeltwin_recorder.bench.sandbox.sent)


def test_an_id_that_a_pixel_hashes_is_found_in_its_page(pixeltwin_recorder: Recorder) -> None:
    """A page whose conversion has an id of the shop's own is held against the server events that carry it hashed."""
    tracker = pixeltwin_recorder.tracker("reddit")
    conversion = tracker.track(samples.purchase(), id="order-1001", **BUYER)
    page = tracker.snippet([conversion], visitor=BUYER["visitor"], consent=Consent.granted())
    assert_twins(page)
    told = pixeltwin_recorder.conversions("reddit")[0]
    assert "order-1001" not in (told["browser"]["id"], told["server"]["id"])


def test_nothing_is_no_proof() -> None:
    """That nothing was sent is not said of a test in which nothing was used."""
    from pixeltwin.testing.bench import bench

    with bench(FrozenClock()):
        assert "No application was used" in message(assert_nothing_sent)


OTHER = """
import time
from pixeltwin import Consent, Purchase, Visitor
from pixeltwin.config import Settings

tracker = Settings().tracker(secret_keys=["k"])
tracker.start_worker()
ada = Visitor(email="ada@example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0")
event = Purchase(order_id="1001", value="5", currency="EUR")
tracker.track(event, visitor=ada, consent=Consent.granted(), browser=False, source_url="https://shop.example/")
until = time.monotonic() + 20
while time.monotonic() < until and any(one.state != "delivered" for one in tracker.outbox.deliveries()):
    time.sleep(0.05)
tracker.close()
"""


def test_a_server_of_its_own_is_judged_too(pixeltwin_recorder: Recorder, pixeltwin_sandbox: ServedSandbox) -> None:
    """A program in another process delivers by itself to the test's sandbox, and the assertions see what it sent."""
    environment = {**os.environ, **pixeltwin_recorder.settings, **pixeltwin_sandbox.settings}
    subprocess.run([sys.executable, "-c", OTHER], env=environment, check=True, timeout=60)
    for kind in KINDS:
        assert_counted(kind, "Purchase", times=1)
    assert {one["verdict"] for one in pixeltwin_sandbox.conversions()} == {"server only"}
