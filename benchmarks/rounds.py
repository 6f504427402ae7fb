"""Runs a case: each measurement in a fresh process, the variants taking turns round after round."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from .case import Case, Found, Results, Settings, Variant
from .surroundings import ROOT

PATIENCE = 900.0  # seconds for one measurement


class Failed(Exception):
    """A measurement came to nothing; the message is the last line it said."""


def load(name: str) -> Case:
    """The case of this name."""
    return cast("Case", import_module(f"benchmarks.{name}"))


def how_many(case: Case, rounds: int, *, quick: bool) -> int:
    """How often each variant of it takes its turn."""
    if getattr(case, "ONCE", False):
        return 1
    return rounds if quick else rounds * getattr(case, "REPEAT", 1)


def run(name: str, rounds: int, settings: Settings, *, note: Callable[[str], None]) -> Found:
    """The results of a case. `note` is told before each measurement what it is."""
    case = load(name)
    results = {one.name: Results(skipped=lacking(one, settings)) for one in case.VARIANTS}
    settings = replace(settings, shared=str(Path(settings.shared, name)))
    Path(settings.shared).mkdir()
    trouble = ""
    if hasattr(case, "prepare"):
        note("what it begins with")
        try:
            _measure(name, "prepare", settings)
        except Failed as failure:
            trouble = str(failure)
    for _ in range(how_many(case, rounds, quick=settings.quick)):
        for one in case.VARIANTS:
            if results[one.name].skipped:
                continue
            note(one.label)
            try:
                results[one.name].rounds.append(_measure(name, one.name, settings))
            except Failed as failure:
                results[one.name].failures.append(str(failure))
    shutil.rmtree(settings.shared)
    return Found(results, trouble)


def lacking(variant: Variant, settings: Settings) -> str:
    """Why it cannot be measured here; empty where it can."""
    absent = [name for name in variant.needs if not _is_there(name)]
    if absent:
        return f"{', '.join(name.partition('.')[0] for name in absent)} is not installed"
    if variant.needs_postgres and not settings.postgres:
        return "no PostgreSQL server is installed"
    return ""


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is absent
        return False


def _measure(case: str, variant: str, settings: Settings) -> dict[str, float]:
    folder = Path(settings.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.child", case, variant]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complaints = process.communicate(json.dumps(asdict(settings)), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Failed(f"not done within {PATIENCE:.0f} s") from None
    if process.returncode:
        raise Failed((complaints.strip().splitlines() or ["it ended without a word"])[-1])
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def _environment() -> Mapping[str, str]:
    """The caller's, without settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PIXELTWIN_", "PYTHONPROFILE"))}


def raw(found: Found) -> Mapping[str, Any]:
    """Everything that was found, for a file."""
    return {name: asdict(one) for name, one in found.results.items()}
