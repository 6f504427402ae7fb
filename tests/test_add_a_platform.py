"""The guide "Add a platform" is true: its excerpts are Courier's code, and Courier, once installed, passes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
COURIER = ROOT / "tests" / "courier"
GUIDE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w+ (\S+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
EXCERPTS = [(file, block) for file, block in BLOCKS if file != "pyproject.toml"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python in which Courier is installed, by the entry point of the guide."""
    [toml] = [block for file, block in BLOCKS if file == "pyproject.toml"]
    site = tmp_path_factory.mktemp("site")
    metadata = site / "courier-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: courier\nVersion: 1.0\n", encoding="utf-8")
    group = re.sub(r'\[project\.entry-points\."(.+)"\]', r"[\1]", toml).replace('"', "")
    (metadata / "entry_points.txt").write_text(group, encoding="utf-8")
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path}


def python(environment: dict[str, str], *arguments: str) -> str:
    """What a Python of that environment prints; it must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("file", "block"), EXCERPTS, ids=[f"{file}-{n}" for n, (file, _) in enumerate(EXCERPTS)])
def test_every_excerpt_is_the_couriers_code(file: str, block: str) -> None:
    """A code block of the guide stands in the file it names, letter by letter."""
    assert block in (COURIER / file).read_text(encoding="utf-8")


def test_every_file_of_the_courier_is_in_the_guide_and_no_other() -> None:
    """The table of files is the folder."""
    cells = " ".join(re.findall(r"^\| (`.+?) \|", GUIDE, re.MULTILINE))
    table = set(re.findall(r"`(.+?)`", cells))
    files = {path.name for path in COURIER.iterdir() if path.is_file()}
    assert table == files - {"spelling.py"}


def test_every_link_of_the_guide_leads_somewhere() -> None:
    """Files that the guide points to are there."""
    links = re.findall(r"\]\((?!http)([^)#]+)\)", GUIDE)
    assert len(links) >= 3
    for target in links:
        assert (ROOT / "docs" / target).exists(), target


@pytest.mark.slow
def test_the_courier_passes_the_contract_of_all_platforms(installed: dict[str, str]) -> None:
    """The command of the guide runs the contract over somebody else's platform, and nothing fails."""
    [command] = re.findall(r"^\$ python (-m pytest .*)$", GUIDE, re.MULTILINE)
    told = python(installed, *shlex.split(command), "-q", "-p", "no:cacheprovider")
    counted = re.search(r"(\d+) passed", told)
    assert counted and int(counted[1]) > 100
    assert "failed" not in told and "skipped" not in told


def test_the_sandbox_plays_an_installed_courier(installed: dict[str, str]) -> None:
    """Both halves of a sale reach the sandbox as a delivery and a pixel send them, and it counts them once."""
    told: Any = json.loads(python(installed, "-c", SANDBOX))
    [record] = told["conversions"]
    assert (record["platform"], record["verdict"], record["counted"]) == ("courier", "merged", 1)
    assert (record["name"], record["event"]) == ("Purchase", "PURCHASE")
    assert told["refused"]["parcels"] == [{"taken": False, "why": "unknown key colour"}]
    assert "document.currentScript" in told["script"]


def test_the_couriers_rule_passes_its_cases(installed: dict[str, str]) -> None:
    """The guide's command puts the courier's cases to its rule, and none fails."""
    [command] = re.findall(r"`python (-m pixeltwin.testing.conformance [^`]+)`", GUIDE)
    told = python(installed, *shlex.split(command))
    assert told.count("ok   courier: ") == len(told.splitlines()) > 5


SANDBOX = """
import json
from datetime import datetime, timezone
from urllib.parse import urlsplit
from pixeltwin import Conversion, Purchase, Visitor
from pixeltwin.config import Settings
from pixeltwin.sandbox import create_sandbox

settings = {
    "PIXELTWIN_COURIER_BAG": "b7",
    "PIXELTWIN_COURIER_ACCESS_TOKEN": "t",
    "PIXELTWIN_SANDBOX": "http://127.0.0.1",
}
[courier] = Settings(settings, {}).platforms()
now = datetime.now(timezone.utc)
event = Purchase(order_id="1001", value="59.90", currency="EUR")
said = Conversion(event=event, id="ab" * 32, occurred_at=now, visitor=Visitor(email="ada@example.com"))
visitor = create_sandbox().test_client()

def post(parcel):
    request = courier.server_request([parcel])
    return visitor.post(urlsplit(request.url).path, data=request.body, headers=dict(request.headers)).get_json()

[call] = courier.browser_calls(said)
init = courier.init_calls(said.visitor, said.consent)
hit = courier.emulator().hit(init, call, "https://shop.example/thanks", now)
assert visitor.get(f"/courier{hit.path}?{hit.query}").status_code == 200
post(courier.server_event(said))
conversions = visitor.get("/api/conversions").get_json()["conversions"]
refused = post({**courier.server_event(said), "colour": "red"})
script = visitor.get(urlsplit(courier.script_url).path).get_data(as_text=True)
print(json.dumps({"conversions": conversions, "refused": refused, "script": script}))
"""


def test_the_command_line_knows_an_installed_courier(installed: dict[str, str]) -> None:
    """The guide's `pixeltwin snippet`, as it is typed, shows both halves with the settings of the golden file."""
    [command] = re.findall(r"^\$ pixeltwin (snippet .*)$", GUIDE, re.MULTILINE)
    told = python(installed, "-m", "pixeltwin", *shlex.split(command))
    browser, server = told.split("\nserver")
    assert 'courier("open", "b1", {' in browser and '"name": "PURCHASE"' in server
