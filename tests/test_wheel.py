"""What is shipped: wheel and sdist are built, installed as a user does, and used with the sources out of reach."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

ROOT = Path(__file__).resolve().parent.parent
MADE_BY_TOOLS = shutil.ignore_patterns("__pycache__", "*.py[cod]", "*.egg-info", "*.db*", ".*")

# Run by the fresh environment, far from the checkout. The first argument lists what has to be there, below the package.
SHIPPED = """
import json, sys
from importlib.resources import files

import pixeltwin

assert sys.prefix in pixeltwin.__file__, pixeltwin.__file__
missing = [name for name in json.loads(sys.argv[1]) if not files("pixeltwin").joinpath(name).is_file()]
assert not missing, missing
assert files("pixeltwin.pixel_templates").joinpath("__init__.py").is_file()
"""

RENDERS = """
from datetime import datetime, timezone

from pixeltwin import Consent, Conversion, Item, Pinterest, Purchase, Reddit, Snap, Tracker, Visitor

tracker = Tracker(
    [
        Reddit(pixel_id="a2_abcdefgh1234"),
        Snap(pixel_id="11111111-2222-4333-8444-555555555555"),
        Pinterest(tag_id="2612345678901", ad_account_id="549755885175"),
    ],
    secret_keys=["a key of the test, which is long enough"],
    site="shop",
    outbox="memory:",
)
visitor = Visitor(email="ada@example.com")
conversion = Conversion(
    event=Purchase(order_id="1001", value="59.90", currency="EUR", items=[Item(id="sku-1", price="29.95", quantity=2)]),
    id="c0ffee" * 10 + "cafe",
    occurred_at=datetime.now(timezone.utc),
    visitor=visitor,
    source_url="https://shop.example/thanks",
    action_source="web",
    consent=Consent.granted(),
)
print(tracker.snippet([conversion], visitor=visitor, consent=Consent.granted()))
"""


def run(*command: object, cwd: Path) -> str:
    """The output of a command that has none of this process's Python settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    argv = [str(part) for part in command]
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def uv() -> str | None:
    return shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def shipped_files() -> list[str]:
    """Every file of the package as a path below it: code, templates, queries, scripts, golden files, all of them."""
    folders = {ROOT / "sdk" / "pixeltwin": "", ROOT / "pixel_templates": "pixel_templates/"}
    return sorted(
        prefix + path.relative_to(folder).as_posix()
        for folder, prefix in folders.items()
        for path in folder.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix not in {".pyc", ".pyo", ".db"}
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the sdist, built from a copy so that the checkout stays as it is."""
    source = tmp_path_factory.mktemp("source")
    out = tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("sdk", "pixel_templates"):
        shutil.copytree(ROOT / name, source / name, ignore=MADE_BY_TOOLS)
    installer = ["--installer", "uv"] if uv() else []
    run(sys.executable, "-m", "build", "--sdist", "--wheel", *installer, "--outdir", out, source, cwd=out)
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def installed(request: pytest.FixtureRequest, built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment into which that file alone was installed, with its dependencies."""
    folder = tmp_path_factory.mktemp(f"installed-{request.param}")
    run(sys.executable, "-m", "venv", *(["--without-pip"] if uv() else []), folder, cwd=folder)
    # Not on Windows, whose layout differs: the suite as a whole is for POSIX.
    python = folder / "bin" / "python"
    installer = [uv(), "pip", "install", "--python", python] if uv() else [python, "-m", "pip", "install"]
    run(*installer, "--quiet", built[request.param], cwd=folder)
    return python


def test_wheel_and_sdist_hold_every_file_of_the_package(built: dict[str, Path]) -> None:
    """No file that lies in the package's folders stays behind when it is built."""
    with zipfile.ZipFile(built["wheel"]) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(built["sdist"]) as sdist:
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    expected = shipped_files()
    assert not [name for name in expected if f"pixeltwin/{name}" not in in_wheel]
    in_sources = [name if name.startswith("pixel_templates/") else f"sdk/pixeltwin/{name}" for name in expected]
    assert not [name for name in [*in_sources, "LICENSE", "pyproject.toml"] if name not in in_sdist]


def test_installed_package_finds_its_files(installed: Path, tmp_path: Path) -> None:
    """Templates, queries, scripts, golden files and type marker are importable resources once installed."""
    expected = shipped_files()
    endings = {".jinja", ".sql", ".js", ".typed", ".json"}
    assert endings <= {Path(name).suffix for name in expected}
    run(installed, "-I", "-c", SHIPPED, json.dumps(expected), cwd=tmp_path)


def test_installed_package_renders_all_three_pixels(installed: Path, tmp_path: Path) -> None:
    """A purchase renders from the installed package as three browser calls with the one ID, and no plain e-mail."""
    page = run(installed, "-I", "-c", RENDERS, cwd=tmp_path)
    for function in ("rdt", "snaptr", "pintrk"):
        assert function in page
    assert page.count("c0ffee" * 10 + "cafe") >= 3
    assert "ada@example.com" not in page


def test_installed_package_has_its_command(installed: Path, tmp_path: Path) -> None:
    """The `pixeltwin` command is there after a plain installation and explains itself."""
    assert "sandbox" in run(installed.parent / "pixeltwin", "--help", cwd=tmp_path)


STRANGER = ROOT / "tests" / "stranger"


@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_a_strangers_project_tests_itself_with_the_installed_package(installed: Path, tmp_path: Path) -> None:
    """A project that has only the wheel uses its fixtures; an id that is minted at render fails with both ids shown."""
    installer = [uv(), "pip", "install", "--python", installed] if uv() else [installed, "-m", "pip", "install"]
    run(*installer, "--quiet", "pytest>=8.2", cwd=tmp_path)
    project = shutil.copytree(STRANGER, tmp_path / "mugs", ignore=MADE_BY_TOOLS)
    tests = (installed, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "6 passed" in run(*tests, cwd=project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINT_AT_RENDER", "1")
        with pytest.raises(AssertionError) as failure:
            run(*tests, cwd=project)
    said = str(failure.value)
    assert "1 failed, 5 passed" in said
    assert "Reddit counts 3 Lead, not 1." in said and "was the ID made twice?" in said
    lines = {line for line in said.splitlines() if re.match(r"[E> ]*≠  ID ", line)}
    assert lines, said
    for line in lines:
        assert "conversionId: " in line and "metadata.conversion_id: " in line and line.endswith("different"), said
    assert not list(project.rglob("*.db*"))
