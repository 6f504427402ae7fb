"""Types: what a user's own type checker says of code that uses pixeltwin."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pixeltwin

SDK = Path(pixeltwin.__file__).parent.parent
ROOT = Path(__file__).parent.parent

# A line that ends in `# error` must be refused by the checker, every other one accepted.
SAMPLE = """
from datetime import date
from decimal import Decimal
from typing import Optional, Sequence, Tuple

from flask import Flask, request

from pixeltwin import AddToCart, Consent, Conversion, CustomEvent, Item, Purchase, Reddit, Tracker, Visitor
from pixeltwin.flask import PixelTwin

def money(amount: Decimal, maybe: Optional[Decimal], lines: Sequence[Item]) -> None:
    Purchase(value=amount, currency="EUR", items=lines)
    Purchase(value=59, currency="EUR", items=[Item(id=1, price="29.95"), Item(id="2", price=amount)])
    Purchase(order_id=1001, value="59.90", currency="EUR", items=(), names={"snap": "LEVEL_COMPLETE"})
    AddToCart(items=lines, value=maybe, currency="EUR")
    Purchase(value=59.90, currency="EUR")  # error
    Item(id="1", price=29.95)  # error
    Item(id=1.5)  # error
    Purchase(value="5")  # error
    Purchase(value="5", currency=978)  # error
    AddToCart(items=["sku-1"])  # error
    AddToCart(vlaue="5")  # error
    CustomEvent()  # error

bought = Purchase(order_id=1001, value="59.90", currency="EUR", items=[Item(id=1, price="29.95")])
total: Decimal = bought.value
order: Optional[str] = bought.order_id
lines: Tuple[Item, ...] = bought.items
price: Optional[Decimal] = lines[0].price
sku: str = lines[0].id
as_text: str = bought.value  # error
as_number: int = lines[0].id  # error

Visitor(email="ada@example.com", phone=["+1 555 444 1234"], date_of_birth=date(1990, 1, 31), external_id=7)
Visitor(click_ids={"reddit": "r1"}, screen=(1920, 1080))
Visitor(screen=1920)  # error
Visitor(e_mail="ada@example.com")  # error
mails: Tuple[str, ...] = Visitor().email

tracker = Tracker([Reddit(pixel_id="a2_shop")], secret_keys=["key"], outbox="memory:")
stored: Conversion = tracker.track(bought, visitor=None, consent=Consent.granted(), key=7)
built: Conversion = tracker.track(lambda: bought, visitor=None, consent=Consent.granted())  # error
tracker.track(bought, visitor=None)  # error
tracker.track(bought, visitor=None, consent=Consent.granted(platforms={"snap": "never"}))  # error

twin = PixelTwin(Flask("shop"))

@twin.consent_loader
def from_cookie() -> str:
    return request.cookies.get("advertising", "denied")

@twin.consent_loader
def by_platform() -> Consent:
    return Consent.granted(platforms={"snap": "denied"})

@twin.consent_loader  # error
def neither() -> bool:
    return True
"""
EXPECTED = {number for number, line in enumerate(SAMPLE.splitlines(), 1) if line.endswith("# error")}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


def run(*command: str | Path, cwd: Path) -> str:
    """What a checker says, errors and all."""
    environment = {**os.environ, "MYPYPATH": str(SDK)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300).stdout


@pytest.mark.slow
def test_mypy_takes_what_the_constructors_take(sample: Path) -> None:
    """Money is given as Decimal, int or text and read as Decimal; a float, or a misspelt field, is an error; a consent
    loader gives a consent, or text as a cookie holds it."""
    said = run(
        sys.executable, "-m", "mypy", "--strict", "--cache-dir", sample.parent / "cache", sample, cwd=sample.parent
    )
    found = {int(number) for number in re.findall(r"^sample\.py:(\d+): error: ", said, re.MULTILINE)}
    assert found == EXPECTED, said


@pytest.mark.slow
def test_pyright_takes_what_the_constructors_take(sample: Path) -> None:
    """Pyright sees the same types as mypy."""
    settings = {"include": ["sample.py"], "extraPaths": [str(SDK)], "typeCheckingMode": "strict"}
    (sample.parent / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    said = run(
        sys.executable,
        "-m",
        "basedpyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        sample.parent,
        cwd=sample.parent,
    )
    diagnostics: list[dict[str, Any]] = json.loads(said)["generalDiagnostics"]
    found = {one["range"]["start"]["line"] + 1 for one in diagnostics if one["severity"] == "error"}
    assert found == EXPECTED, "\n".join(one["message"] for one in diagnostics)
