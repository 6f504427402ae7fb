"""How halves in the SQLite outbox are taken up again: those that wait are due now, those that ended are reopened."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any

from .contract import FURTHEST, KEEP_OTHERS, LEASE, Retried
from .sqlite_ends import Statements
from .sqlite_rows import Executing, micros
from .steps import STEP, in_steps

ALL = (0, sys.maxsize)  # every seq

Change = Callable[[sqlite3.Connection], int]


def retry(
    transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
    sql: Statements,
    between: tuple[int, int],
    *,
    destination: str | None,
    states: Collection[Retried],
    now: datetime,
) -> int:
    """In steps of `STEP` halves. Returns how many."""
    steps: list[Change] = []
    if "waiting" in states:
        steps.append(lambda own: own.execute(sql["hurry"], _choice(destination, between, now)).rowcount)
    for state in sorted(set(states) - {"waiting"}):
        steps.append(partial(reopen, sql=sql, state=state, destination=destination, between=between, now=now))
    return sum(in_steps(transaction, step) for step in steps)


def rouse(transaction: Callable[[], AbstractContextManager[sqlite3.Connection]], sql: Statements, now: datetime) -> int:
    """What sleeps by another clock. In steps of `STEP` halves; returns how many."""
    times = {"now": micros(now), "furthest": micros(now + FURTHEST), "lease_began": micros(now - LEASE)}
    return in_steps(transaction, lambda own: own.execute(sql["rouse"], {**times, "limit": STEP}).rowcount)


def reopen(
    own: Executing,
    *,
    sql: Statements,
    state: str,
    destination: str | None = None,
    between: tuple[int, int],
    now: datetime,
    reason: str = "",
) -> int:
    """Make halves pending that ended in this state and whose reason begins so. Returns how many."""
    choice = {**_choice(destination, between, now), "reason": reason}
    halves = own.execute(sql[f"reopenable_{state}"], choice).fetchall()
    for number, seq in halves:
        own.execute(sql["reopen"], {"destination": number, "seq": seq, "now": micros(now)})
        keep_open(own, sql, seq, now)
    return len(halves)


def keep_open(own: Executing, sql: Statements, seq: int, now: datetime) -> None:
    own.execute(sql["keep_open"], {"seq": seq, "purge_at": micros(now + KEEP_OTHERS)})


def _choice(destination: str | None, between: tuple[int, int], now: datetime) -> dict[str, Any]:
    low, high = between
    return {"name": destination, "low": low, "high": high, "now": micros(now), "limit": STEP}
