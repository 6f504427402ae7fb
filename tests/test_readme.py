"""The README is true: its code runs, type-checks, and names every setting, event and command there is."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pixeltwin.cli import main
from pixeltwin.config import OPTIONS, PREFIX
from pixeltwin.events import EVENT_TYPES
from pixeltwin.platforms import installed
from tests.test_flask import SETTINGS, fired

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICKSTART, DOCTEST, WEBHOOK, LATER, WITHOUT_FLASK, OWN_TESTS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def quickstart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """The quickstart, run as a program in an empty folder with the environment the README describes."""
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        if name.startswith("PIXELTWIN_") and name not in ("PIXELTWIN_CONSENT", "PIXELTWIN_OUTBOX"):
            monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("FLASK_SECRET_KEY", "a secret for tests")
    namespace: dict[str, Any] = {"__name__": "quickstart"}
    exec(compile(QUICKSTART, "README.md", "exec"), namespace)
    return namespace


def test_the_quickstart_shows_the_purchase_on_the_page_after_the_redirect(quickstart: dict[str, Any]) -> None:
    """The ten lines do what the README says: three pixels on the thank-you page, once."""
    client = quickstart["app"].test_client()
    assert client.post("/checkout").status_code == 302
    page = client.get("/thanks")
    assert sorted(platform for platform, _ in fired(page)) == ["pinterest", "reddit", "snap"]
    assert fired(client.get("/thanks")) == []
    assert Path("pixeltwin.db").exists()
    quickstart["app"].extensions["pixeltwin"].tracker.close()


def test_the_webhook_example_stores_an_off_page_purchase(quickstart: dict[str, Any]) -> None:
    """The webhook of the README stores a server half and answers 204."""
    exec(compile(WEBHOOK, "README.md", "exec"), quickstart)
    assert quickstart["app"].test_client().post("/payment-webhook").status_code == 204
    tracker = quickstart["app"].extensions["pixeltwin"].tracker
    assert len(tracker.outbox.deliveries()) == 3
    tracker.close()


def test_the_example_of_a_payment_that_settles_later_tells_once(quickstart: dict[str, Any]) -> None:
    """An order is held, its payment confirmed, the pixels fire once, and a cancellation says who may have counted."""
    exec(compile(LATER, "README.md", "exec"), quickstart)
    client = quickstart["app"].test_client()
    webhook = quickstart["app"].test_client()
    client.post("/order")
    assert fired(client.get("/thanks")) == []
    assert [webhook.post("/paid").status_code for _ in range(2)] == [204, 204]
    assert len(fired(client.get("/thanks"))) == 3
    assert fired(client.get("/thanks")) == []
    assert set(webhook.post("/not-paid").get_json().values()) == {"may be counted"}
    quickstart["app"].extensions["pixeltwin"].tracker.close()


def test_the_error_in_the_readme_is_the_one_that_is_raised() -> None:
    """The message quoted in the README is the real one."""
    test = doctest.DocTestParser().get_doctest(DOCTEST, {}, "README.md", "README.md", 0)
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert results.attempted == 2 and results.failed == 0


def test_the_example_without_flask_runs() -> None:
    """Tracker, snippet and server event work as shown."""
    namespace: dict[str, Any] = {}
    source = WITHOUT_FLASK.replace('"…"', '"token"')
    exec(compile(source, "README.md", "exec"), namespace)
    assert namespace["conversion"].stored
    assert namespace["conversion"].id in namespace["html"]
    assert namespace["body"]["metadata"]["conversion_id"] == namespace["conversion"].id


def test_the_example_of_a_test_passes_on_the_quickstart(quickstart: dict[str, Any], pixeltwin_recorder: Any) -> None:
    """The test that the README shows holds for the shop that it shows."""
    exec(compile(OWN_TESTS, "README.md", "exec"), quickstart)
    quickstart["test_a_purchase_is_counted_once"](quickstart["app"].test_client(), pixeltwin_recorder)
    quickstart["app"].extensions["pixeltwin"].tracker.close()


@pytest.mark.slow
def test_the_examples_type_check(tmp_path: Path) -> None:
    """A strict type checker accepts every example as it stands."""
    for number, source in enumerate((QUICKSTART + WEBHOOK + LATER, WITHOUT_FLASK)):
        (tmp_path / f"example_{number}.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--allow-untyped-defs", *map(str, tmp_path.glob("*.py"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_setting_is_in_the_readme_and_nothing_else_is() -> None:
    """Each setting, and each platform setting that is needed to go live, stands in the table."""
    there = set(re.findall(r"`(PIXELTWIN_\w+)`", README.partition("## Settings")[2].partition("## Commands")[0]))
    own = {PREFIX + option.name for option in OPTIONS}
    all_settings = {
        f"{PREFIX}{kind.upper()}_{setting.name.upper()}": setting.required or setting.secret
        for kind, platform in installed().items()
        for setting in platform.settings
    }
    needed = {name for name, goes_live in all_settings.items() if goes_live}
    assert own | needed <= there <= own | set(all_settings)


def test_every_event_is_in_the_readme() -> None:
    """The list of events is complete."""
    assert all(f"`{name}`" in README for name in EVENT_TYPES)


def test_every_command_of_the_readme_exists_and_every_command_is_in_it() -> None:
    """What the README tells to type can be typed, and no command is left out."""
    told = set(re.findall(r"^\$ pixeltwin (\w+)", README, re.MULTILINE))
    assert told == set(main.commands)
    for command in told:
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


def test_every_link_into_the_repository_leads_somewhere() -> None:
    """Files that the README points to are there."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
