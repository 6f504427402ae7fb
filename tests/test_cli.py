"""The commands: what they say to a person, and their exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pixeltwin.cli import main, signs
from tests.test_flask import SETTINGS, Shop

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Types a command in an empty folder with a configured environment; keywords change it (None: not set)."""

    def typed(*arguments: str, **changes: str | None) -> Result:
        monkeypatch.chdir(tmp_path)
        settings: dict[str, Any] = {**SETTINGS, "PIXELTWIN_OUTBOX": "sqlite:///x.db", "PIXELTWIN_SECRET_KEYS": "k"}
        for name, value in {**settings, **changes}.items():
            if name.startswith(("PIXELTWIN_", "COLUMNS", "FLASK_")):
                monkeypatch.delenv(name, raising=False)
                if value is not None:
                    monkeypatch.setenv(name, str(value))
        return CliRunner().invoke(main, arguments)

    return typed


def test_a_mistake_in_the_settings_is_one_sentence_and_not_a_traceback(run: Run) -> None:
    """A wrong setting ends a command with status 1 and words that name the setting."""
    answer = run("outbox", PIXELTWIN_SNAP_PIXEL_ID="no uuid")
    assert answer.exit_code == 1
    assert "Snap(pixel_id=)" in answer.output and "Traceback" not in answer.output


def test_nothing_configured_is_said_with_what_to_set(run: Run) -> None:
    """Without any platform a command says which settings there are."""
    nothing = {name: None for name in SETTINGS if name.startswith("PIXELTWIN_")}
    answer = run("deliver", "--once", **nothing)
    assert answer.exit_code == 1 and "PIXELTWIN_REDDIT_PIXEL_ID" in answer.output


def test_deliver_once_with_nothing_waiting_says_so(run: Run) -> None:
    """An empty outbox is no error."""
    answer = run("deliver", "--once")
    assert answer.exit_code == 0
    assert "Nothing was due" in answer.output


def test_without_any_token_there_is_nothing_to_deliver(run: Run) -> None:
    """Browser-only platforms are named as such instead of being served for ever."""
    tokens = {name: None for name in SETTINGS if name.endswith("ACCESS_TOKEN")}
    answer = run("deliver", "--once", **tokens)
    assert answer.exit_code == 1 and "access token" in answer.output


def test_the_outbox_is_listed_with_states_and_without_secrets(tmp_path: Path, run: Run) -> None:
    """What an application tracked is counted by destination and listed, and no token or e-mail is in it."""
    shop = Shop(PIXELTWIN_OUTBOX=f"sqlite:///{tmp_path / 'x.db'}")
    shop.client.post("/buy")
    shop.twin_tracker.close()
    answer = run("outbox")
    assert answer.exit_code == 0
    assert "Purchase" in answer.output and "reddit:a2_shop" in answer.output and "pending" in answer.output
    assert "token" not in answer.output and "ada@" not in answer.output
    assert "No conversion to list" in run("outbox", "--state", "refused").output


def test_an_application_has_the_same_commands_with_its_own_settings() -> None:
    """`flask pixeltwin outbox` looks at the application's outbox."""
    shop = Shop()
    shop.client.post("/buy")
    answer = shop.app.test_cli_runner().invoke(args=["pixeltwin", "outbox"])
    assert answer.exit_code == 0 and "Purchase" in answer.output


LOOKING = (
    "consent export",
    "doctor --offline",
    "health",
    "outbox",
    "outbox purge",
    "outbox retry",
    "outbox watch",
    "quality",
    "reconcile -",
    "why 3f1a7c52",
)


@pytest.mark.parametrize("words", LOOKING)
def test_looking_makes_no_outbox_and_names_the_one_that_was_looked_for(words: str, run: Run, tmp_path: Path) -> None:
    """In the wrong folder, or before the first conversion, a command that looks says so and leaves no file behind."""
    answer = run(*words.split(), COLUMNS="200")
    said = " ".join(answer.output.split())
    assert str(tmp_path / "x.db") in said and "relative to the folder" in said
    assert words.startswith("doctor") or answer.exit_code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["migrate", "deliver --once"])
def test_what_delivers_or_migrates_makes_the_outbox_and_looking_tells_where_it_is(
    words: str, run: Run, tmp_path: Path
) -> None:
    """Once the file is made, the list of what is in it names it whole."""
    assert run(*words.split()).exit_code == 0
    answer = run("outbox")
    assert answer.exit_code == 0 and str(tmp_path / "x.db") in answer.output.splitlines()[0]


@pytest.mark.parametrize("words", ["outbox", "health", "deliver --once", "quality", "consent export", "migrate"])
def test_a_command_that_derives_no_id_asks_for_no_key(words: str, run: Run) -> None:
    """Looking and delivering work where the application alone has the secret key."""
    run("migrate")
    assert run(*words.split(), PIXELTWIN_SECRET_KEYS=None).exit_code == 0


def test_a_command_that_needs_the_key_says_where_an_applications_is(run: Run) -> None:
    """Orders are found by the application's own key, so without it the way to ask the application is told."""
    answer = run("reconcile", "-", PIXELTWIN_SECRET_KEYS=None, FLASK_SECRET_KEY="k" * 32)
    assert answer.exit_code == 1
    assert "PIXELTWIN_SECRET_KEYS" in answer.output and "flask --app yourapp pixeltwin" in answer.output


@pytest.mark.parametrize(
    "words",
    [
        "sandbox --port 99999",
        "sandbox --port -1",
        "outbox list --limit -1",
        "outbox list --limit 0",
        "outbox list --limit 99999999999999999999",
        "outbox watch --every 0",
        "outbox watch --every inf",
        "quality --days 0",
        "quality --days 36",
    ],
)
def test_a_number_out_of_its_range_is_refused(words: str, run: Run) -> None:
    """A number that cannot be meant is a mistake of usage that tells the range, and nothing is done."""
    answer = run(*words.split())
    assert answer.exit_code == 2 and "is not in the range" in answer.output


@pytest.mark.parametrize("charset", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    ("words", "sign", "instead"),
    [("doctor --offline", "✓ outbox", "+ outbox"), ("snippet --event Search search_string=Größe★", "★", "?")],
)
def test_no_encoding_of_the_output_ends_in_a_traceback(
    words: str, sign: str, instead: str, charset: str, run: Run
) -> None:
    """What the encoding cannot say becomes a sign of ASCII or a question mark, whoever has the command."""
    run("migrate")
    ours = CliRunner(charset=charset).invoke(main, words.split())
    flasks = Shop().app.test_cli_runner(charset=charset).invoke(args=["pixeltwin", *words.split()])
    for answer in (ours, flasks):
        assert answer.exception is None or isinstance(answer.exception, SystemExit)
        assert (sign if charset == "utf-8" else instead) in answer.stdout


def test_advice_can_be_followed_in_ascii_too() -> None:
    """What stands for something left out does not become a path."""
    assert "✓ Set it to sqlite:///…".encode("ascii", signs.ASCII) == b"+ Set it to sqlite:///..."


def test_the_version_is_told() -> None:
    """--version names the program and its version."""
    assert CliRunner().invoke(main, ["--version"]).output.startswith("pixeltwin, version ")
