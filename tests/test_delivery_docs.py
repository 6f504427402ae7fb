"""docs/delivery.md is true: its diagrams and numbers are made from the code, its commands and settings exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner

from pixeltwin.cli import main
from pixeltwin.config import OPTIONS, PREFIX
from pixeltwin.conversion import AHEAD
from pixeltwin.delivery import Timeouts
from pixeltwin.outbox import (
    contract,
    notes,
    open_outbox,
    postgres,
    postgres_connections,
    postgres_waiting,
    sqlite_waiting,
)
from pixeltwin.outbox.bound import BOUND
from pixeltwin.outbox.states import BROWSER_MOVES, OPEN, SERVER_MOVES
from pixeltwin.platforms import installed
from pixeltwin.replies import LONGEST_WAIT
from pixeltwin.sending import backoff, ceiling, outbound, skew, standing
from pixeltwin.tracker import SHOWN_WITHIN
from pixeltwin.worker import POLL, PORTION, PURGE_EVERY, REST, STOP_WITHIN

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
State = TypeVar("State", bound=str)


def mermaid(moves: Mapping[State, Collection[State]], begins: Collection[str], ends: Collection[str]) -> str:
    """A table of moves as a state diagram."""
    lines = [f"    [*] --> {state}" for state in begins]
    lines += [f"    {state} --> {then}" for state, after in moves.items() for then in moves if then in after]
    lines += [f"    {state} --> [*]" for state in moves if state in ends]
    return "\n".join(["stateDiagram-v2", *lines, ""])


def said(span: timedelta | float) -> str:
    """A time as the page writes it."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds >= 172_800 and not seconds % 86_400:
        return f"{seconds / 86_400:g} days"
    if seconds >= 3600 and not seconds % 3600:
        return f"{seconds / 3600:g} h"
    if seconds > 60 and not seconds % 60:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"


def numbers() -> str:
    """The table of all times that the page speaks of."""
    limits = Timeouts()
    paused = ", ".join(said(backoff.pause(times)) for times in range(3))
    short = f"{said(sqlite_waiting.IMPATIENT)}, for {said(sqlite_waiting.AFTERWARDS)}"
    rows = {
        "a request of a visitor waits for SQLite's lock, at most": said(sqlite_waiting.FIRST),
        "… while another has waited in vain and for a while after": short,
        "… when it has just written in your own transaction, which may have the lock": short,
        "… on a machine too busy to ask for the lock often enough": f"{said(sqlite_waiting.GRACE)} more",
        "a statement of a visitor's request takes in PostgreSQL, at most": said(postgres.IMPATIENT),
        "… where the server says nothing at all": said(postgres.IMPATIENT + postgres_waiting.GRACE),
        "… and for a new connection": said(postgres_connections.CONNECTING),
        "after a wait for PostgreSQL in vain one request tries, and the others are not kept waiting, once in": said(
            postgres_waiting.AFTERWARDS
        ),
        "an idle connection to PostgreSQL is used again for": said(postgres_connections.IDLE),
        "a worker or a command waits for the store, at most": said(sqlite_waiting.PATIENT),
        "a worker looks for the rows of other processes every": said(POLL),
        "between two passes that found something a worker rests": said(REST),
        "a worker thread of the site takes, in one pass": f"{PORTION} conversions",
        "a claim is leased for": said(contract.LEASE),
        "a request to a platform takes, at most": said(limits.longest),
        "the wait after a failure is drawn from 0 to": f"{said(backoff.BASE)}, doubled each time up to "
        f"{said(backoff.CAP)}; never under {said(backoff.FLOOR)}",
        "a platform's own `Retry-After` is obeyed up to": said(LONGEST_WAIT),
        "a wrong token or account is probed again after": f"{paused}, then every {said(backoff.CAP)}",
        "after trouble a request has one event, then grows by": f"{standing.GROWTH} times",
        "a request counts against a rate of one a second or more for": said(timedelta(seconds=1) + ceiling.SLACK),
        "a clock is reported that differs from a platform's by more than": said(skew.ALARMING),
        "a clock that was set back keeps what waits, or what a dead worker had, at most": said(contract.FURTHEST),
        "a conversion ahead of the clock is taken as now up to": said(AHEAD),
        "undecided consent for one platform is looked at every": said(outbound.ASK_AGAIN),
        "a pixel is shown after the conversion for, at most": said(SHOWN_WITHIN),
        "a stop waits for the requests in flight, at most": said(STOP_WITHIN),
        "what has outlived its time is erased every": said(PURGE_EVERY),
    }
    return "".join(f"| {what} | {value} |\n" for what, value in rows.items())


def platforms() -> str:
    """What each platform takes."""
    return "".join(
        f"| {one.title} | {said(one.max_age)} | {one.max_batch:,} | {one.rate:g} |\n".replace(",", " ")
        for _, one in sorted(installed().items())
    )


@pytest.mark.parametrize(
    "made",
    [
        mermaid(SERVER_MOVES, ("held", "pending"), set(SERVER_MOVES) - OPEN),
        mermaid(BROWSER_MOVES, ("none",), {state for state, then in BROWSER_MOVES.items() if not then}),
        numbers(),
        platforms(),
    ],
    ids=["server", "browser", "numbers", "platforms"],
)
def test_what_is_made_from_the_code_is_in_the_page_as_it_is_made(made: str) -> None:
    """The diagrams and tables of the page are those that the code's own tables make."""
    assert made in PAGE, f"put this into docs/delivery.md:\n{made}"


def test_the_bound_of_the_queue_and_the_lateness_that_is_said_are_in_the_page() -> None:
    """The page tells how many conversions may wait, and every age at which waiting events raise an alarm."""
    section = PAGE.partition("## When the queue grows")[2].partition("\n## ")[0]
    assert f"{BOUND:,}".replace(",", " ") in section
    for one in installed().values():
        assert all(f"{one.title}" in section and said(age) in section for age, _ in one.late_after)


def test_every_state_is_explained() -> None:
    """Each state of either half has its line."""
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(SERVER_MOVES) | set(BROWSER_MOVES)


@pytest.mark.parametrize(
    "keep", ["KEEP_KEYED", "KEEP_OTHERS", "KEEP_PERSONAL", "KEEP_HELD", "KEEP_NOTES", "KEEP_RECORD"]
)
def test_what_is_erased_when_is_what_the_outbox_does(keep: str) -> None:
    """Every time the outbox keeps something for stands in the section on erasing."""
    section = PAGE.partition("## What is erased when")[2].partition("\n## ")[0]
    assert said(getattr(notes if keep == "KEEP_NOTES" else contract, keep)) in section


def test_every_command_and_setting_of_the_page_exists() -> None:
    """What the page tells to type or to set can be typed and set."""
    commands = re.findall(r"pixeltwin (\w+)((?: --\w+)*)", " ".join(_code()))
    assert {name for name, _ in commands} >= {"deliver", "outbox", "why"}
    for name, options in commands:
        usage = CliRunner().invoke(main, [name, "--help"])
        assert usage.exit_code == 0, name
        assert all(option in usage.output for option in options.split()), (name, options)
    known = {PREFIX + option.name for option in OPTIONS}
    assert set(re.findall(r"PIXELTWIN_[A-Z_]+", PAGE)) <= known


def test_every_outbox_of_the_page_can_be_opened() -> None:
    """The outbox URLs that the page shows are ones the package takes."""
    urls = re.findall(r"`((?:sqlite|postgresql)://[^`]+)`", PAGE)
    assert len(urls) >= 3
    for url in urls:
        open_outbox(url).close()


def test_every_link_of_the_page_leads_somewhere() -> None:
    """Files that the page points to are there, and README and CONTRIBUTING point to the page."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/delivery.md)" in (ROOT / name).read_text(encoding="utf-8")


def _code() -> list[str]:
    """What stands in the page as code."""
    blocks = re.findall(r"```(?:console|ini|sh)\n(.*?)```", PAGE, re.DOTALL)
    return [*blocks, *(f"{one} " for one in re.findall(r"`([^`\n]+)`", PAGE))]
