"""docs/consent.md is true: its code runs, and it names the cookies there are with their lives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pixeltwin import attribution
from pixeltwin.config import BANNERS, FIXED_ANSWERS
from pixeltwin.contract import Platform
from pixeltwin.outbox.decisions import KEEP_DECISIONS
from pixeltwin.pages import acquaintance, carried, remembered
from tests.test_consent_sources import onetrust

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "consent.md").read_text(encoding="utf-8")


def test_the_example_of_a_loader_runs() -> None:
    """A banner's cookie can be read in a function of the site's own."""
    namespace: dict[str, Any] = {"__name__": __name__}
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(source, "consent.md", "exec"), namespace)
    for cookies, headers, state in ((onetrust("C0004:0"), {}, "denied"), ({}, {"X-Country": "US"}, "granted")):
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        with namespace["app"].test_request_context("/", headers={**headers, "Cookie": cookie}):
            assert namespace["consent"]().default == state


def test_every_cookie_is_there_with_its_life() -> None:
    """The table of cookies has all of ours, and how long a browser keeps them."""
    told = {
        name: int(days) for name, days in re.findall(r"^\| `(pixeltwin_\w+)` \|.*\| (\d+) days \|$", PAGE, re.MULTILINE)
    }
    assert told == {
        carried.PENDING_COOKIE: carried.PENDING_LIFE.days,
        remembered.COOKIE: remembered.LIFE.days,
        carried.CLICKS_COOKIE: attribution.CLICK_LIFE.days,
        acquaintance.COOKIE: acquaintance.LIFE.days,
    }


def test_every_source_and_number_is_the_real_one() -> None:
    """Sources, purposes and the life of the ledger are those of the code."""
    sources = set(
        re.findall(
            r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", PAGE.partition("Another banner")[0], re.MULTILINE))
        )
    )
    assert {*BANNERS, *FIXED_ANSWERS} <= sources
    assert f"{KEEP_DECISIONS.days} days" in PAGE
    *most, last = sorted(Platform.iab_purposes)
    assert f"purposes {', '.join(map(str, most))} and {last}" in PAGE
