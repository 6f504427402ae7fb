"""Changing any number of rows: step by step, each a transaction of its own, so that nobody waits long for its locks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

STEP = 500  # rows
Own = TypeVar("Own")


def in_steps(begin: Callable[[], AbstractContextManager[Own]], step: Callable[[Own], int]) -> int:
    """`step` changes up to `STEP` rows within what `begin` lends, and says how many, until there are fewer. Returns the
    sum."""
    changed, done = 0, STEP
    while done >= STEP:
        with begin() as own:
            done = step(own)
        changed += done
    return changed
