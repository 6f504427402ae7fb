"""docs/sandbox.md is true: its interface is the sandbox's, and its example says what it claims."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pixeltwin.insight.scoring import FAIR, GOOD, rating
from pixeltwin.platforms import installed
from pixeltwin.sandbox import create_sandbox
from pixeltwin.sandbox.faults import BROKEN
from tests.mistakes import TOOLS, sandbox, typed
from tests.samples import purchase
from tests.sandboxed import KINDS, Visitors, conversion

GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_interface_is_the_one_described() -> None:
    """Every path of the sandbox is in the table, with its methods, and nothing else is."""
    described = set(re.findall(r"^\| `(GET|POST) (/\S*)` \|", GUIDE, re.MULTILINE))
    own = {
        (method, str(rule).replace("<int:key>", "<key>"))
        for rule in create_sandbox().url_map.iter_rules()
        if not str(rule).startswith(("/static/", *(f"/{kind}/" for kind in KINDS)))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == own


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"the guide's commands need {', '.join(TOOLS)}")
def test_the_example_is_answered_as_promised() -> None:
    """The three calls of the guide, typed as they stand, give the verdict and the explanation that it quotes."""
    [block] = re.findall(r"```console\n(\$ curl -s '.*?/snap/p'.*?)```", GUIDE, re.DOTALL)
    with sandbox() as box:
        told = typed(box, re.sub(r"^\$ ", "", block, flags=re.MULTILINE))
    [record] = json.loads(told[told.index('{"conversions"') :])["conversions"]
    assert record["verdict"] == "counted twice" and "`counted twice`" in GUIDE
    [quoted] = re.findall(r"\*(Snap reads [^*]+)\*", GUIDE)
    assert quoted in record["reason"]


def test_every_fault_and_every_field_of_a_record_is_explained() -> None:
    """The guide names each broken answer, each address of a platform, and what a record holds."""
    assert {fault for fault in BROKEN if f"`{fault}`" not in GUIDE} == set()
    for kind in KINDS:
        emulator = installed()[kind].emulator()
        assert f"`/{kind}{emulator.script_path}`" in GUIDE
        assert f"`/{kind}{emulator.api_path}/" in GUIDE
    for name in (
        "platform",
        "event",
        "id",
        "verdict",
        "counted",
        "certain",
        "reason",
        "decided_by",
        "twin",
        "warnings",
    ):
        assert f"`{name}`" in GUIDE


def test_every_field_of_match_quality_is_explained() -> None:
    """The guide names what a row of match quality holds, and from which score on it is called what."""
    sandbox = Visitors(create_sandbox())
    sandbox.both("snap", conversion(purchase(), datetime.now(timezone.utc)))
    [row] = sandbox.send("GET", "/api/quality").json["quality"]
    assert {name for name in (*row, *row["server"], rating(100), rating(0)) if f"`{name}`" not in GUIDE} == set()
    assert f"`good` from {GOOD}" in GUIDE and f"`fair` from {FAIR}" in GUIDE
