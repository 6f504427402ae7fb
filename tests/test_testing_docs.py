"""docs/testing.md is true: its tests run as they stand, and the failure it shows is the one that is shown."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pixeltwin.testing import __all__ as names
from pixeltwin.testing import plugin

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python ([^\n]+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
[SHOWN] = re.findall(r"^```text\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
MISTAKE = "shop.py, with a mistake"
BROWSER = "test_browser.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the guide's files, but for the one that needs a browser."""
    for name, code in BLOCKS.items():
        if name not in (MISTAKE, BROWSER):
            (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    return tmp_path


def printed(project: Path, *arguments: str) -> str:
    """What pytest prints of the project."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def without_ids(text: str) -> str:
    """The text with one ID for all, for they are made anew each time."""
    return re.sub(r"[0-9a-f]{12}…", "0123456789ab…", text)


@pytest.mark.slow
def test_the_tests_of_the_guide_pass(project: Path) -> None:
    """Every test that the guide shows passes against the shop that it shows."""
    assert "4 passed" in printed(project)


@pytest.mark.slow
def test_the_mistake_fails_as_shown(project: Path) -> None:
    """With the guide's mistake in the shop its first test prints what the guide shows, line by line."""
    path = project / "shop.py"
    right, _, _ = path.read_text(encoding="utf-8").partition('@app.post("/newsletter")')
    path.write_text(right + BLOCKS[MISTAKE], encoding="utf-8")
    said = printed(project, "test_shop.py")
    lines = [line[1:] for line in said.splitlines() if line.startswith("E ")]
    real = textwrap.dedent("".join(f"{line.rstrip()}\n" for line in lines))
    assert without_ids(real) == without_ids(SHOWN), f"put this into docs/testing.md:\n{real}"


def test_every_fixture_and_assertion_is_explained() -> None:
    """The guide has a line for each fixture and for each assertion there is, and for no other."""
    fixtures = {name for name in vars(plugin) if name.startswith("pixeltwin_")}
    assert set(re.findall(r"^\| `(pixeltwin_\w+)` \|", GUIDE, re.MULTILINE)) == fixtures
    assertions = set(re.findall(r"^\| `(assert_\w+)\(", GUIDE, re.MULTILINE))
    assert assertions == {name for name in names if name.startswith("assert_")}


def test_every_link_of_the_guide_leads_somewhere() -> None:
    """Files and sections that the guide points to are there, and README points to the guide."""
    for file, _, section in re.findall(r"\]\((?!http)([^)#]+)(#([^)]+))?\)", GUIDE):
        text = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert not section or section in text.lower().replace(" ", "-")
    assert "(docs/testing.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
