"""The doctor on settings, keys, mode, store and queue: what is wrong, why it matters, how to mend it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Tracker
from pixeltwin.cli import main
from pixeltwin.config import Settings
from pixeltwin.doctor import SEVERITIES, Finding, examination, worst
from pixeltwin.doctor.secrets import key_faults, token_faults
from pixeltwin.flask import PixelTwin
from pixeltwin.outbox import open_outbox
from tests.local_vendor import NOW, Vendor
from tests.observed import ADA
from tests.samples import SNAP_PIXEL, Clock, purchase

GOOD_TOKEN = "Zq81-" + "k3Vb9x" * 8
SHOP: Mapping[str, str] = {
    "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop",
    "PIXELTWIN_REDDIT_ACCESS_TOKEN": GOOD_TOKEN,
    "PIXELTWIN_SECRET_KEYS": "b5f1c2d3e4a5968778695a4b3c2d1e0f",
}


def used(folder: Path) -> str:
    """The URL of an outbox in this folder that is there, as one is where a site runs."""
    url = f"sqlite:///{folder / 'x.db'}"
    if not (folder / "x.db").exists():
        made = open_outbox(url)
        made.migrate()
        made.close()
    return url


def examined(folder: Path, *, tracker: Any = None, **changes: str) -> list[Finding]:
    """What the doctor finds offline for these settings."""
    settings = Settings({}, {**SHOP, "PIXELTWIN_OUTBOX": used(folder), **changes})
    steps = examination(settings, tracker or settings.tracker, ask=False)
    return [finding for step in steps for finding in step.findings()]


def bad(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity in ("fault", "warning")]


def run(folder: Path, *arguments: str, **changes: str) -> Result:
    """The command, typed."""
    environ = {"PIXELTWIN_OUTBOX": used(folder), "COLUMNS": "200", **SHOP, **changes}
    gone = {name: None for name in os.environ if name.startswith("PIXELTWIN_")}
    return CliRunner(env={**gone, **environ}).invoke(main, ["doctor", *arguments])


# --- settings -------------------------------------------------------------------------------------------------------


def test_a_healthy_site_has_nothing_to_mend(tmp_path: Path) -> None:
    """Well-formed settings, good keys and a writable outbox give not one warning."""
    found = examined(tmp_path)
    assert not bad(found)
    assert {one.check for one in found} == {"settings", "mode", "outbox", "worker"}


@pytest.mark.parametrize(
    ("token", "word"),
    [
        (f"Bearer {GOOD_TOKEN}", "Bearer"),
        (f'"{GOOD_TOKEN}"', "quotes"),
        (f"{GOOD_TOKEN[:20]} {GOOD_TOKEN[20:]}", "blanks"),
        (f"{GOOD_TOKEN[:20]}\n{GOOD_TOKEN[20:]}", "line breaks"),
        (f"{GOOD_TOKEN}…", "dots"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0", "cut off"),
        ("<your access token>", "stand-in"),
        ("Zq81", "4 characters"),
        ("tökén" * 10, "characters that no token has"),
    ],
)
def test_a_token_that_was_pasted_wrong_is_a_fault_that_names_no_token(tmp_path: Path, token: str, word: str) -> None:
    """Each way to paste a token wrong is named by its setting, whatever the platform would have made of it."""
    for kind, ids in (
        ("REDDIT", {}),
        ("SNAP", {"PIXELTWIN_SNAP_PIXEL_ID": SNAP_PIXEL}),
        ("PINTEREST", {"PIXELTWIN_PINTEREST_TAG_ID": "2612345678901"}),
    ):
        name = f"PIXELTWIN_{kind}_ACCESS_TOKEN"
        first = examined(tmp_path, **ids, **{name: token})[0]
        assert first.severity == "fault" and first.platform == kind.lower()
        assert first.what.startswith(name) and word in first.what and first.why and first.do
        assert GOOD_TOKEN[:12] not in repr(first)


def test_a_sandbox_takes_any_token(tmp_path: Path) -> None:
    """Where both halves go to a sandbox, a made-up token is as good as any and no fault."""
    made_up = {"PIXELTWIN_REDDIT_ACCESS_TOKEN": "Zq81", "PIXELTWIN_SANDBOX": "http://127.0.0.1:8100"}
    assert "fault" not in {one.severity for one in examined(tmp_path, **made_up) if one.check == "settings"}


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'`.<>{}*"), min_size=20))
def test_a_plain_token_is_not_doubted(token: str) -> None:
    """Whatever is long, printable and free of blanks and quotes may be a token."""
    lower = token.lower()
    if not any(word in lower for word in ("xxxx", "change", "token", "key", "secret")) and not token.startswith("eyJ"):
        assert not list(token_faults(token))


def test_one_token_for_two_platforms_is_a_fault(tmp_path: Path) -> None:
    """A token that was pasted into two settings belongs to one of them at most."""
    found = examined(tmp_path, PIXELTWIN_SNAP_PIXEL_ID=SNAP_PIXEL, PIXELTWIN_SNAP_ACCESS_TOKEN=GOOD_TOKEN)
    (fault,) = bad(found)
    assert "PIXELTWIN_SNAP_ACCESS_TOKEN is also PIXELTWIN_REDDIT_ACCESS_TOKEN" in fault.what


def test_a_tag_and_an_ad_account_that_are_mixed_up_are_told(tmp_path: Path) -> None:
    """A number in the wrong one of two settings is recognised by its form, with where the right one stands."""
    mixed = {"PIXELTWIN_PINTEREST_TAG_ID": "549755885175", "PIXELTWIN_PINTEREST_AD_ACCOUNT_ID": "2612345678901"}
    found = [one for one in bad(examined(tmp_path, **mixed)) if "looks like" in one.what]
    assert [one.platform for one in found] == ["pinterest"] * 2
    assert "ad account ID" in found[0].what and "Conversions" in found[0].do


def test_a_platform_that_is_set_by_half_and_a_misspelt_setting_are_told(tmp_path: Path) -> None:
    """What keeps a platform from being used at all is a fault; a setting that nothing reads has its likely name."""
    found = bad(examined(tmp_path, PIXELTWIN_SNAP_ACCESS_TOKEN=GOOD_TOKEN[::-1], PIXELTWIN_SANDBX="1"))
    assert [one.severity for one in found] == ["warning", "fault"]
    assert "PIXELTWIN_SANDBOX?" in found[0].what and "PIXELTWIN_SNAP_PIXEL_ID" in found[1].what


def test_without_any_platform_it_says_what_to_set(tmp_path: Path) -> None:
    """No platform is one fault, with the settings of each."""
    settings = Settings({}, {"PIXELTWIN_OUTBOX": f"sqlite:///{tmp_path / 'x.db'}"})
    (only,) = [one for step in examination(settings, settings.tracker) for one in step.findings()]
    assert only.severity == "fault" and "PIXELTWIN_REDDIT_PIXEL_ID" in only.do


def test_without_a_key_the_application_is_named_as_who_may_have_one(tmp_path: Path) -> None:
    """The environment without a key is no proof that the application has none: a fault says what was read, and how to
    ask the application, whatever else is wrong."""
    for changes in ({}, {"PIXELTWIN_REDDIT_ACCESS_TOKEN": "Zq81"}):
        answer = run(tmp_path, "--offline", PIXELTWIN_SECRET_KEYS="", FLASK_SECRET_KEY="k" * 32, **changes)
        said = " ".join(answer.output.split())
        assert answer.exit_code == 1 and "no secret key is set" in said
        assert "flask --app yourapp pixeltwin" in said and "With these settings alone" in said


def test_a_platform_that_cannot_be_made_is_no_crash(tmp_path: Path) -> None:
    """Where a token was pasted wrong and the rest of its platform is missing, the rest is left out with a note."""
    found = examined(tmp_path, PIXELTWIN_SNAP_ACCESS_TOKEN=f"Bearer {GOOD_TOKEN[::-1]}")
    assert [one.severity for one in found] == ["fault", "note"] and "flask --app" in found[1].do


def test_a_platform_without_a_token_is_a_warning(tmp_path: Path) -> None:
    """A browser half alone works, and what it loses is said."""
    (only,) = bad(examined(tmp_path, PIXELTWIN_REDDIT_ACCESS_TOKEN=""))
    assert only.severity == "warning" and "browser half only" in only.what


@pytest.mark.parametrize(
    ("keys", "doubted"),
    [
        (("dev",), True),
        (("short",), True),
        (("<your secret key>",), True),
        (("k" * 32, "k" * 32), True),
        (("k" * 32,), False),
    ],
)
def test_weak_secret_keys_are_told(keys: tuple[str, ...], doubted: bool) -> None:
    """Keys that can be guessed, are short, or are listed twice are named as such."""
    assert bool(list(key_faults(keys))) is doubted


# --- mode, store, queue ---------------------------------------------------------------------------------------------


def test_a_mode_in_which_nothing_counts_is_a_warning(tmp_path: Path) -> None:
    """Test mode left on, delivery off and a sandbox are each told with the setting that ends it."""
    clock = Clock(NOW)

    def testing() -> Tracker:
        made = Settings({}, dict(SHOP)).platforms()
        until = NOW + timedelta(hours=3)
        return Tracker(made, secret_keys=["k" * 32], outbox=used(tmp_path), test_until=until, clock=clock)

    for changes, tracker, word in (
        ({}, testing, "TEST_UNTIL"),
        ({"PIXELTWIN_DELIVERY": "off"}, None, "DELIVERY=live"),
        ({"PIXELTWIN_SANDBOX": "http://127.0.0.1:8100"}, None, "SANDBOX"),
    ):
        found = [one for one in bad(examined(tmp_path, tracker=tracker, **changes)) if one.check == "mode"]
        assert len(found) == 1 and word in found[0].do


def test_an_outbox_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    """A file that is no database, or a folder that is not there, is told with what to do."""
    (tmp_path / "x.db").write_bytes(b"this is no database" * 100)
    found = [one for one in examined(tmp_path) if one.severity == "fault"]
    assert any(one.check in ("outbox", "doctor", "settings") and "x.db" in one.what for one in found)


def test_an_outbox_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    """The doctor makes no file, even when it asks the platforms: it names the one it looked for, and where that could
    not be made, that is a fault."""
    with Vendor() as vendor:

        def tracker() -> Tracker:
            url = f"sqlite:///{tmp_path / 'shop' / 'y.db'}"
            return Tracker([vendor.platform()], secret_keys=["k" * 32], outbox=url, clock=lambda: NOW)

        def look() -> list[Finding]:
            return [one for step in examination(Settings({}, SHOP), tracker) for one in step.findings()]

        (fault,) = [one for one in look() if one.check == "outbox"]
        (tmp_path / "shop").mkdir()
        found = look()
        (warning,) = [one for one in found if one.check == "outbox"]
        assert (fault.severity, warning.severity) == ("fault", "warning")
        assert str(tmp_path / "shop" / "y.db") in fault.what and str(tmp_path / "shop" / "y.db") in warning.what
        assert "credentials" in {one.check for one in found}
        assert not list((tmp_path / "shop").iterdir())


def test_an_outbox_in_memory_is_a_warning(tmp_path: Path) -> None:
    """What would be lost with the process is said."""
    (only,) = bad(examined(tmp_path, PIXELTWIN_OUTBOX="memory:"))
    assert only.check == "outbox" and "in memory" in only.what


def test_a_queue_without_a_worker_and_an_old_row_are_told(tmp_path: Path) -> None:
    """Rows that nobody takes are a fault once they should be gone, with how to start a worker."""
    clock = Clock(NOW)
    with Vendor() as vendor:

        def tracker() -> Tracker:
            outbox = f"sqlite:///{tmp_path / 'x.db'}"
            return Tracker([vendor.platform()], secret_keys=["k" * 32], outbox=outbox, clock=clock)

        ours = tracker()
        ours.track(purchase(), visitor=ADA, consent=Consent.granted())
        ours.close()
        clock.advance(minutes=5)
        (fault,) = [one for one in examined(tmp_path, tracker=tracker) if one.severity == "fault"]
        assert fault.check == "worker" and "no worker" in fault.what and "pixeltwin deliver" in fault.do
        assert "1 conversion" in fault.why


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_tells_what_why_and_how_in_this_order_and_fails_on_a_fault(tmp_path: Path) -> None:
    """The exit status is 1 for a fault alone, and a finding's sentences stand in the order in which they are read."""
    healthy = run(tmp_path, "--offline")
    assert healthy.exit_code == 0 and "All is well." in healthy.output
    warned = run(tmp_path, "--offline", PIXELTWIN_DELIVERY="off")
    assert warned.exit_code == 0 and "with reservations" in warned.output
    broken = run(tmp_path, "--offline", PIXELTWIN_REDDIT_ACCESS_TOKEN=f"Bearer {GOOD_TOKEN}")
    assert broken.exit_code == 1 and "Something is broken." in broken.output
    places = [broken.output.index(word) for word in ("begins with", "will refuse it", "Paste what stands behind")]
    assert places == sorted(places) and GOOD_TOKEN not in broken.output


def test_as_json_it_has_every_field_and_nothing_else(tmp_path: Path) -> None:
    """Programs read one document: the worst severity and the findings."""
    answer = run(tmp_path, "--offline", "--json", PIXELTWIN_DELIVERY="off")
    said = json.loads(answer.stdout)
    assert said["status"] == "warning" and answer.exit_code == 0
    assert all(set(one) == {"check", "severity", "platform", "what", "why", "do"} for one in said["findings"])
    assert {one["severity"] for one in said["findings"]} <= set(SEVERITIES)


def test_what_is_to_be_typed_is_not_broken_between_lines(tmp_path: Path) -> None:
    """The command that makes a key stands on one line of a terminal of 80 columns, and no line is wider."""
    command = 'python -c "import secrets; print(secrets.token_hex(32))"'
    for keys in ("dev", ""):
        answer = run(tmp_path, "--offline", PIXELTWIN_SECRET_KEYS=keys, COLUMNS="80")
        assert command in answer.output and max(map(len, answer.output.splitlines())) <= 80


def test_an_application_is_examined_with_its_own_settings(tmp_path: Path) -> None:
    """`flask pixeltwin doctor` reads the application's configuration and its tracker."""
    app = Flask(__name__)
    app.config.update(SHOP, PIXELTWIN_OUTBOX=f"sqlite:///{tmp_path / 'x.db'}", PIXELTWIN_SECRET_KEYS="")
    app.config["SECRET_KEY"] = "dev"
    app.config["PIXELTWIN_WORKER"] = "off"
    PixelTwin(app)
    answer = app.test_cli_runner().invoke(args=["pixeltwin", "doctor", "--offline"])
    assert "that anybody would guess" in " ".join(answer.output.split()) and answer.exit_code == 0


@given(st.lists(st.sampled_from(SEVERITIES)))
def test_the_worst_finding_speaks_for_all(severities: list[Any]) -> None:
    """No finding is better than the verdict."""
    verdict = worst(Finding("x", one, "y") for one in severities)
    assert all(SEVERITIES.index(verdict) <= SEVERITIES.index(one) for one in severities)
    assert verdict == "ok" if not severities else verdict in severities
