"""`pixeltwin consent export`: the ledger as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixeltwin import Consent, Tracker
from pixeltwin.cli import main
from tests.samples import KEY, NOW, platforms

ENVIRONMENT = {
    "PIXELTWIN_SECRET_KEYS": KEY,
    "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop",
    "PIXELTWIN_SNAP_PIXEL_ID": "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90",
}


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    """A command line on an outbox with three decisions of two visitors."""
    url = f"sqlite:///{tmp_path}/outbox.db"
    tracker = Tracker(platforms(), secret_keys=[KEY], outbox=url)
    for who, consent in (("ada", Consent.granted()), ("bob", Consent.limited()), ("ada", Consent.denied())):
        tracker.ledger.record(replace(consent, who=who), tracker.platforms, source="onetrust", now=NOW)
    tracker.close()
    return CliRunner(env={**ENVIRONMENT, "PIXELTWIN_OUTBOX": url})


def test_decisions_are_exported_as_a_table(runner: CliRunner) -> None:
    """Each decision is a line with its time, visitor, source, and the state of each platform of today."""
    done = runner.invoke(main, ["consent", "export"], catch_exceptions=False)
    at = NOW.isoformat()
    assert list(csv.reader(io.StringIO(done.output))) == [
        ["at", "who", "source", *sorted(["reddit", "snap"])],
        [at, "ada", "onetrust", "granted", "granted"],
        [at, "bob", "onetrust", "limited", "limited"],
        [at, "ada", "onetrust", "denied", "denied"],
    ]


def test_the_decisions_of_one_visitor_are_exported_as_json(runner: CliRunner) -> None:
    """One visitor's decisions come as lines of JSON, with platforms that are not configured any more."""
    done = runner.invoke(main, ["consent", "export", "--who", "ada", "--json"], catch_exceptions=False)
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["states"]["pinterest"] for line in lines] == ["granted", "denied"]
    assert {(line["who"], line["source"], line["at"]) for line in lines} == {("ada", "onetrust", NOW.isoformat())}
