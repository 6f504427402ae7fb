"""The benchmarks run with one command, and their page hides nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import report, rounds
from benchmarks.__main__ import CASES
from benchmarks.case import Found, Results, Row, at_least, at_most

ROOT = Path(__file__).resolve().parents[1]
PEERS = {"posthog": "posthog", "segment": "segment", "snowplow": "snowplow_tracker"}


@pytest.mark.slow
def test_a_quick_run_writes_its_page_and_names_the_peers_that_are_absent(tmp_path: Path) -> None:
    """One command measures what can be measured here, and says in its page what could not and why."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "imports,weight", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ})
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "quick.md").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "quick.json").read_text(encoding="utf-8"))["cases"]
    assert all(found["imports"]["ours"]["rounds"]) and found["weight"]["three purchase"]["rounds"][0]["gzip"] > 0
    assert "**failed**" not in page
    assert "pixeltwin, beyond flask + httpx + pydantic / flask |" in page
    for name, module in PEERS.items():
        absent = find_spec(module) is None
        assert (f"skipped: {name}, by itself: {module} is not installed" in page) == absent
    assert (tmp_path / "quick.svg").exists() == (find_spec("matplotlib") is not None)


@pytest.mark.parametrize("name", CASES)
def test_every_case_can_be_shown_when_nothing_could_be_measured(name: str) -> None:
    """A case whose variants were all skipped or failed still has its table, with each reason in it."""
    case = rounds.load(name)
    results = {
        one.name: Results(skipped="absent") if at % 2 else Results(failures=["broke"])
        for at, one in enumerate(case.VARIANTS)
    }
    page = report.page({}, {name: (case, Found(results, trouble="no backlog"))}, "")
    assert page.count("skipped: ") == len(results) // 2
    assert page.count("**failed**: ") == len(results) - len(results) // 2 + 1
    assert "not measured" in page
    assert "| met |" not in page


def test_an_aim_is_met_at_its_limit_and_judges_nothing_that_was_not_measured() -> None:
    """At most and at least include the limit, and without a figure there is no judgement."""
    assert Row("", 1.2, aim=at_most(1.2)).met is Row("", 5.0, aim=at_least(5)).met is True
    assert Row("", 1.3, aim=at_most(1.2)).met is Row("", 4.9, aim=at_least(5)).met is False
    assert Row("", None, aim=at_most(1.2)).met is Row("", 1.0).met is None


def test_a_ratio_is_that_of_two_medians() -> None:
    """One slow round changes a median and so a ratio little, whatever it took."""
    ours = Results([{"µs": 10.0}, {"µs": 12.0}, {"µs": 900.0}])
    theirs = Results([{"µs": 6.0}, {"µs": 5.0}, {"µs": 7.0}])
    row = Found({"ours": ours, "theirs": theirs}).ratio("ours / theirs", "ours", "theirs", "µs", unit="µs")
    assert (row.value, row.detail) == (2.0, "12 against 6 µs")
