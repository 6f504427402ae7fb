"""Asking each platform whether token and account are right: over real HTTP, of the sandbox and of servers that
misbehave in just one way; nothing is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, Response, request

from pixeltwin import Consent, Tracker
from pixeltwin.contract import Platform
from pixeltwin.doctor import Finding
from pixeltwin.doctor.credentials import credentials
from pixeltwin.emulation import Incoming
from pixeltwin.sandbox import create_sandbox
from tests.courier import Courier
from tests.local_vendor import Vendor, says
from tests.observed import ADA, Shop
from tests.samples import purchase
from tests.sandboxed import KINDS, Callers, platform, serving

FAULTY = ("token", "account")


@pytest.fixture(name="box", scope="module")
def running_sandbox() -> Iterator[Callers]:
    """A sandbox on a port of its own."""
    with serving(create_sandbox()) as box:
        yield box


@pytest.fixture(autouse=True)
def _empty(box: Callers) -> None:
    box.post("/api/reset")


def tracker(one: Platform, **settings: Any) -> Tracker:
    return Tracker([one], secret_keys=["k" * 32], **{"outbox": "memory:", **settings})


def asked(ours: Tracker) -> list[Finding]:
    """What the doctor finds when it asks the only platform."""
    (one,) = ours.platforms
    return list(credentials(ours, one))


def base(box: Callers) -> str:
    return f"http://127.0.0.1:{box.port}"


# --- every platform, against the sandbox ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_token_is_told_and_nothing_is_counted(box: Callers, kind: str) -> None:
    """A platform that takes token and account is healthy within one request, and its ledger counts no conversion."""
    ours = tracker(platform(kind, base(box)))
    assert ours.health().status == "unknown"
    found = asked(ours)
    assert [one.severity for one in found] == ["ok", "ok"] and [one.check for one in found] == ["credentials", "clock"]
    assert ours.health().status == "healthy"
    assert not [one for one in box.records() if one["verdict"] != "rejected"]
    assert sum(one["counted"] for one in box.records()) == 0
    ours.close()


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_test_id_is_known_the_test_mode_is_asked(box: Callers, kind: str) -> None:
    """With a test id every platform is asked in its own test mode, and not even a refused event is left behind."""
    ours = tracker(platform(kind, base(box)), test_ids={kind: "t2_doctor"})
    assert asked(ours)[0].severity == "ok"
    assert box.records() == []
    ours.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_revoked_token_and_a_foreign_account_are_told_apart(box: Callers, kind: str) -> None:
    """401 is the token's fault, 403 that of a token of another account; both make the platform unhealthy at once."""
    ours = tracker(platform(kind, base(box)))
    for fault, word in (("401", "refuses the access token"), ("403", "not for this pixel or account")):
        box.fault(kind, fault)
        (found, *_) = asked(ours)
        assert found.severity == "fault" and word in found.what and found.why and found.do
        assert ours.health().status == "unhealthy"
        assert f"token-of-{kind}-Zq81" not in repr(found)
    box.fault(kind, None)
    assert asked(ours)[0].severity == "ok"
    assert ours.health().status == "healthy"
    ours.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_says_nothing_of_the_token(box: Callers, kind: str) -> None:
    """A platform that takes nothing now is a warning, and changes nothing of what is known of it."""
    ours = tracker(platform(kind, base(box)))
    asked(ours)
    for fault in ("503", "429"):
        box.fault(kind, fault, retry_after=1)
        (found, *_) = asked(ours)
        assert found.severity == "warning" and "takes nothing now" in found.what
        assert ours.health().status == "healthy"
    box.fault(kind, None)
    ours.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_probe_names_nobody_and_is_void_only_where_it_must(kind: str) -> None:
    """The question shows no secret, and is one that must be refused only where the test mode needs an id."""
    one = platform(kind)
    probe = one.probe(datetime(2026, 8, 20, tzinfo=timezone.utc))
    assert "Zq81" not in repr(probe)
    assert probe.void is one.test_needs_id
    assert one.probe(datetime(2026, 8, 20, tzinfo=timezone.utc), "t2_x").void is False


@pytest.mark.parametrize("one", [*(platform(kind) for kind in KINDS), Courier(bag="b1", access_token="key-Zq84")])
def test_every_platforms_own_emulator_answers_the_probe_and_counts_nothing(one: Platform) -> None:
    """Whoever's platform it is: its question is taken for what it is by its own rules, and brings no half."""
    now = datetime(2026, 8, 20, tzinfo=timezone.utc)
    probe = one.probe(now)
    url, base = urlsplit(probe.request.url), urlsplit(one.api_url)
    path = type(one).emulator().api_path + url.path.removeprefix(base.path)
    headers = {name.lower(): value for name, value in probe.request.headers.items()}
    emulator = type(one).emulator()
    answer = emulator.answer(Incoming("POST", path, url.query, headers, probe.request.body), now)
    assert one.read_probe(probe, answer.status, answer.headers or {}, answer.body).verdict == "accepted"
    assert answer.halves == ()
    for status, verdict in ((401, "token"), (403, "account")):
        trouble = emulator.trouble(status)
        assert one.read_probe(probe, trouble.status, trouble.headers or {}, trouble.body).verdict == verdict


def test_a_void_event_that_is_taken_is_no_doubt_of_the_token() -> None:
    """Whatever a platform makes of the event, an answer that takes it took the token first."""
    one = platform("reddit")
    probe = one.probe(datetime(2026, 8, 20, tzinfo=timezone.utc))
    taken = one.read_probe(probe, 200, {}, b'{"data":{"message":"Successfully processed 1 conversion events."}}')
    assert taken.verdict == "accepted"


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (b'{"status":"INVALID","reason":"Invalid access token"}', "token"),
        (b'{"status":"INVALID","reason":"The token has expired"}', "token"),
        (b'{"status":"INVALID","reason":"no permission for this asset id"}', "account"),
    ],
)
def test_words_decide_where_the_status_does_not(words: bytes, verdict: str) -> None:
    """A platform that answers 400 for everything is told by its words: what it says of tokens, and of permissions."""
    one = platform("snap")
    probe = one.probe(datetime(2026, 8, 20, tzinfo=timezone.utc))
    assert one.read_probe(probe, 400, {}, words).verdict == verdict


# --- servers that misbehave -----------------------------------------------------------------------------------------


def test_a_host_that_cannot_be_reached_is_named_with_its_port() -> None:
    """Nobody listens: the fault names host and port, not the URL with its token."""
    ours = tracker(platform("snap", "http://127.0.0.1:9"))
    (found,) = asked(ours)
    assert found.severity == "fault" and "127.0.0.1 cannot be reached" in found.what and "port 9" in found.do
    assert "Zq81" not in repr(found)
    assert ours.health().status == "unknown"
    ours.close()


@pytest.mark.parametrize("fault", ["reset", "short"])
def test_a_connection_that_is_cut_is_no_verdict(fault: str) -> None:
    """Who cuts the connection has said nothing of token and account."""
    with Vendor(lambda events: fault) as vendor:
        ours = tracker(vendor.platform())
        assert asked(ours)[0].severity == "fault" and "cannot be reached" in asked(ours)[0].what
        ours.close()


def test_a_refusal_of_the_made_up_event_is_a_warning_in_the_platforms_words() -> None:
    """A platform may know the token and dislike the event: its words are shown, and nobody is accused."""
    with Vendor(says(400, b'{"error": "buy is no event of yours"}')) as vendor:
        ours = tracker(vendor.platform())
        (found,) = asked(ours)
        assert found.severity == "warning" and "buy is no event of yours" in found.what
        ours.close()


def test_a_token_that_cannot_be_fetched_is_said_without_its_secrets() -> None:
    """Where the site's own function for the token fails, there is no question, and its message is not quoted."""

    def broken() -> str:
        raise RuntimeError("refresh_token=Zq99-secret was refused")

    with Vendor() as vendor:
        ours = tracker(vendor.platform(access_token=broken))
        (found,) = asked(ours)
        assert found.severity == "warning" and "cannot be asked" in found.what and "Zq99" not in repr(found)
        assert vendor.requests == []
        ours.close()


@pytest.mark.parametrize(("seconds", "severity"), [(0, "ok"), (300, "fault"), (-300, "fault")])
def test_a_clock_that_is_wrong_is_told_from_the_answers_date(seconds: int, severity: str) -> None:
    """Minutes between this clock and the platform's are a fault with a way to mend it; seconds are none."""
    with Vendor() as vendor:
        ours = tracker(vendor.platform())
        told = format_datetime(ours.clock() + timedelta(seconds=seconds), usegmt=True)
        vendor.script = says(200, b'["ok"]', Date=told)
        clock = next(one for one in asked(ours) if one.check == "clock")
        assert clock.severity == severity
        assert severity == "ok" or (("ahead of" if seconds < 0 else "behind") in clock.what and "NTP" in clock.do)
        ours.close()


def test_a_rotated_token_opens_the_queue_again() -> None:
    """After a pause, the doctor's good answer lets what waits go at once, without a command or a wait."""
    with Vendor(says(401, b"token expired")) as vendor:
        shop = Shop(vendor)
        shop.order()
        shop.deliver()
        assert shop.tracker.health().status == "unhealthy"
        vendor.script = lambda events: (200, {}, json.dumps(["ok"] * len(events)).encode())
        (platform_,) = shop.tracker.platforms
        assert next(iter(credentials(shop.tracker, platform_))).severity == "ok"
        shop.deliver()
        assert shop.tracker.outbox.counts() == {"local:a1": {"delivered": 1}}
        shop.tracker.close()


def test_a_token_that_echoes_is_masked() -> None:
    """A server that repeats the token and the visitor has neither in what the doctor says."""
    app = Flask(__name__)

    @app.post("/<path:rest>")
    def echo(rest: str) -> Response:
        return Response(f"no: {request.headers.get('Authorization')} {request.get_data(as_text=True)}", 401)

    with serving(app) as server:
        for kind in KINDS:
            ours = tracker(platform(kind, f"http://127.0.0.1:{server.port}"))
            said = repr(asked(ours)[0])
            assert "Zq81" not in said and "192.0.2.1" not in said
            ours.close()


def test_every_verdict_has_its_words() -> None:
    """Whatever an answer can say, there is a finding for it."""
    from typing import get_args, get_type_hints

    from pixeltwin.doctor.credentials import _SAID
    from pixeltwin.sending.checkup import Checked

    verdicts: Mapping[str, Any] = get_type_hints(Checked)
    assert {*_SAID, "accepted"} == set(get_args(verdicts["verdict"]))


def test_a_conversion_is_delivered_as_ever_after_a_question(box: Callers) -> None:
    """Asking takes nothing from the platform's rate that a conversion would miss, and leaves no trace in its twin."""
    ours = tracker(platform("pinterest", base(box)))
    asked(ours)
    ours.track(purchase(), visitor=ADA, consent=Consent.granted())
    ours.deliver()
    assert box.record("pinterest")["verdict"] == "server only"
    ours.close()
