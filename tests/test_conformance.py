"""The published dedup rules as data: pixeltwin's own rules and the sandbox over HTTP pass every case."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from pixeltwin.dedup import Half, Verdict
from pixeltwin.sandbox import create_sandbox
from pixeltwin.testing.conformance import Case, by_rule, cases, check
from tests.sandboxed import KINDS, Callers, serving

CASES = cases()
EVERYBODY = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Callers]:
    with serving(create_sandbox()) as callers:
        yield callers


@EVERYBODY
def test_the_platforms_own_rule_passes(case: Case) -> None:
    """The dedup function of each platform gives every case the published verdict, by the published fields."""
    check(case)


@EVERYBODY
def test_the_sandbox_passes(case: Case, sandbox: Callers) -> None:
    """The same halves sent to the sandbox over HTTP, on its own clock, are counted as published."""
    check(case, url=f"http://127.0.0.1:{sandbox.port}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_is_among_the_cases(kind: str) -> None:
    """Each platform's cases have what merges, what counts twice and what is not certain, in both orders of arrival."""
    mine = cases([kind])
    assert {(case.counted, case.certain) for case in mine} == {(1, True), (2, True), (2, False)}
    assert {case.halves[0].side for case in mine} == {"browser", "server"}
    assert len({case.name for case in mine}) == len(mine)


@EVERYBODY
def test_every_case_cites_its_source(case: Case) -> None:
    """Every case names where its rule is published, with the date."""
    assert case.source.title
    assert case.source.date[:2] == "20"


def test_a_rule_of_somebody_else_is_judged() -> None:
    """A rule that merges by the order alone, or by nothing, fails, and the failure tells what differs and why."""

    def always_one(first: Half, second: Half) -> Verdict:
        return Verdict(1, True, "I merge what I see.")

    twice = next(case for case in CASES if case.counted == 2)
    with pytest.raises(AssertionError, match="counted 1, not 2") as failure:
        check(twice, rule=always_one)
    assert "I merge what I see." in str(failure.value)
    assert twice.source.title in str(failure.value)


def _constant(answer: Verdict, first: Half, second: Half) -> Verdict:
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_no_case_is_idle(kind: str) -> None:
    """A rule that answers always the same fails cases of each platform, whichever answer it gives."""
    for answer in (Verdict(1, True, ""), Verdict(2, True, ""), Verdict(2, False, "")):
        rule = partial(_constant, answer)
        wrong = [case for case in cases([kind]) if by_rule(case, rule).differs(case)]
        assert any(case.counted != answer.counted or case.certain != answer.certain for case in wrong)


def test_a_half_that_is_refused_is_no_verdict() -> None:
    """A case whose half the platform would not even take is an error that shows the answer, never a pass."""
    case = CASES[0]
    broken = replace(case.halves[0], form={**case.halves[0].form, "method": "DELETE"})
    with pytest.raises(AssertionError, match="is not taken"):
        by_rule(replace(case, halves=(broken, case.halves[1])))


def test_the_command_tells_which_cases_fail(sandbox: Callers) -> None:
    """`python -m pixeltwin.testing.conformance` prints a line a case and ends with 0 when all pass, with 1 if not."""
    command = [sys.executable, "-m", "pixeltwin.testing.conformance", "--platform", KINDS[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok   ") == len(cases([KINDS[0]]))
    dead = subprocess.run([*command, "http://127.0.0.1:9"], capture_output=True, text=True, check=False, timeout=60)
    assert dead.returncode == 1
    assert "FAIL" in dead.stdout
