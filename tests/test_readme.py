"""README and reference pages are true: their code runs, type-checks, and names every setting, event and command."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pixeltwin import Consent, Purchase
from pixeltwin.cli import flask_group, main
from pixeltwin.config import OF_TRACKER, OPTIONS, PREFIX, settings_of
from pixeltwin.contract import COMMON_SETTINGS
from pixeltwin.events import EVENT_TYPES
from pixeltwin.platforms import installed
from tests.test_flask import SETTINGS, fired

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = (
    "README.md",
    *(f"docs/{name}.md" for name in ("settings", "commands", "going-live", "payments", "monitoring")),
)
README, SETTINGS_PAGE, COMMANDS, GOING_LIVE, PAYMENTS, _ = ((ROOT / path).read_text("utf-8") for path in REFERENCE)
QUICKSTART, DOCTEST, WITHOUT_FLASK, OWN_TESTS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(OWN_TRACKER,) = re.findall(r"```python\n(.*?)```", SETTINGS_PAGE, re.DOTALL)
WEBHOOK, LATER = re.findall(r"```python\n(.*?)```", PAYMENTS, re.DOTALL)


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
    assert len(fired(client.get(client.post("/checkout").location))) == 3, "a second order is another one"
    assert Path("pixeltwin.db").exists()
    quickstart["app"].extensions["pixeltwin"].tracker.close()


def test_the_webhook_example_stores_an_off_page_purchase(quickstart: dict[str, Any]) -> None:
    """The webhook of the guide stores a server half and answers 204."""
    exec(compile(WEBHOOK, "payments.md", "exec"), quickstart)
    assert quickstart["app"].test_client().post("/payment-webhook").status_code == 204
    tracker = quickstart["app"].extensions["pixeltwin"].tracker
    assert len(tracker.outbox.deliveries()) == 3
    tracker.close()


def test_the_example_of_a_payment_that_settles_later_tells_once(quickstart: dict[str, Any]) -> None:
    """An order is held, its payment confirmed, the pixels fire once, and a cancellation says who may have counted."""
    exec(compile(LATER, "payments.md", "exec"), quickstart)
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
    """Tracker, snippet and server event work as shown, and no platform would refuse its half."""
    namespace: dict[str, Any] = {}
    exec(compile(WITHOUT_FLASK, "README.md", "exec"), namespace)
    assert namespace["conversion"].stored
    assert namespace["conversion"].id in namespace["html"]
    assert namespace["body"]["metadata"]["conversion_id"] == namespace["conversion"].id
    conversion, now = namespace["conversion"], namespace["conversion"].occurred_at
    assert all(platform.server_event(conversion, now) for platform in namespace["tracker"].platforms)


def test_the_example_of_a_tracker_of_ones_own_tells_each_pixel_what_it_is_to_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its second Snap pixel hears of the trade shop alone, and the page names all settings that it leaves to code."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "shop"}
    exec(compile(OWN_TRACKER, "settings.md", "exec"), namespace)
    told = {}
    for path in ("/trade/thanks", "/thanks"):
        with namespace["app"].test_request_context(path, base_url="https://shop.example"):
            event = Purchase(order_id=path, value="59.90", currency="EUR")
            conversion = namespace["twin"].track(event, email="ada@example.com", consent=Consent.granted())
        told[path] = [one.name for one in namespace["tracker"].platforms if one.prepared(conversion)]
    assert len(namespace["tracker"].outbox.deliveries()) == 6
    assert told == {"/trade/thanks": ["reddit", "snap", "snap-trade"], "/thanks": ["reddit", "snap"]}
    section = SETTINGS_PAGE.partition("## What has no setting")[2].partition("## ")[0]
    assert {PREFIX + name for name in OF_TRACKER} == settings_in(section)
    namespace["tracker"].close()


def test_the_example_of_a_test_passes_on_the_quickstart(quickstart: dict[str, Any], pixeltwin_recorder: Any) -> None:
    """The test that the README shows holds for the shop that it shows."""
    exec(compile(OWN_TESTS, "README.md", "exec"), quickstart)
    quickstart["test_a_purchase_is_counted_once"](quickstart["app"].test_client(), pixeltwin_recorder)
    quickstart["app"].extensions["pixeltwin"].tracker.close()


@pytest.mark.slow
def test_the_examples_type_check(tmp_path: Path) -> None:
    """A strict type checker accepts every example as it stands."""
    for number, source in enumerate((QUICKSTART + WEBHOOK + LATER, WITHOUT_FLASK, OWN_TRACKER)):
        (tmp_path / f"example_{number}.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--allow-untyped-defs", *map(str, tmp_path.glob("*.py"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def settings_in(text: str) -> set[str]:
    return set(re.findall(r"`(PIXELTWIN_\w+)`", text))


def test_every_setting_is_in_the_settings_page_and_nothing_else_is() -> None:
    """Each setting, and each platform setting that is needed to go live, has its line; no page knows another one."""
    there = settings_in("".join(re.findall(r"^\| (.*?) \|", SETTINGS_PAGE, re.MULTILINE)))
    own = {PREFIX + option.name for option in OPTIONS}
    all_settings = {
        PREFIX + name: setting.required or setting.secret
        for kind in installed()
        for name, setting in settings_of(kind).items()
    }
    needed = {name for name, goes_live in all_settings.items() if goes_live}
    assert own | needed <= there <= own | set(all_settings)
    assert settings_in(README + SETTINGS_PAGE + GOING_LIVE) <= own | set(all_settings)
    assert needed <= settings_in(README) & settings_in(GOING_LIVE)
    common = re.findall(r"`PIXELTWIN_<PLATFORM>_(\w+)`", SETTINGS_PAGE)
    assert common == [setting.name.upper() for setting in COMMON_SETTINGS]


def test_every_event_is_in_the_readme() -> None:
    """The list of events is complete."""
    assert all(f"`{name}`" in README for name in EVENT_TYPES)


def test_every_command_is_in_its_page_and_can_be_typed() -> None:
    """What the pages tell to type can be typed, and the page of the commands leaves none out."""
    told = set(re.findall(r"^\$ pixeltwin (\w+)", COMMANDS, re.MULTILINE))
    assert told == set(main.commands)
    applications = set(re.findall(r"^\$ flask --app yourapp pixeltwin (\w+)", README + GOING_LIVE, re.MULTILINE))
    assert applications <= set(flask_group().commands)
    for command in told | set(re.findall(r"^\$ pixeltwin (\w+)", README, re.MULTILINE)):
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


def test_commands_beside_a_sandbox_of_ones_own_are_typed_as_the_pages_say(tmp_path: Path) -> None:
    """With PIXELTWIN_SANDBOX=1 an application's commands need what README and the page of commands add to them."""
    added = "flask --app yourapp --debug pixeltwin"
    assert added in " ".join(README.split()) and added in " ".join(COMMANDS.split())
    (tmp_path / "yourapp.py").write_text(
        "from flask import Flask\nfrom pixeltwin.flask import PixelTwin\n"
        "app = Flask(__name__)\napp.secret_key = 'k' * 32\nPixelTwin(app)\n"
    )
    settings = {"PIXELTWIN_SANDBOX": "1", "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop", "PIXELTWIN_WORKER": "off"}
    words = [sys.executable, "-m", *added.split(), "migrate"]
    done = subprocess.run(words, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_is_read_in_five_minutes() -> None:
    """The README stays short, and leads to every page of the reference and every guide."""
    assert len(README.splitlines()) <= 230
    assert set(re.findall(r"\]\((docs/[\w-]+\.md)", README)) == {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")}


@pytest.mark.parametrize("path", REFERENCE)
def test_every_link_into_the_repository_leads_somewhere(path: str) -> None:
    """Files that the page points to are there."""
    page = ROOT / path
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
