"""What outlives a test ends with the session."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import postgresql, thoroughness

collect_ignore = ["stranger"]  # a project of its own, see test_wheel.py

settings.load_profile(thoroughness.PROFILE)


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    """What a test starts ends with it: a worker left behind would be met by whoever comes next in this process."""
    yield
    names = [thread.name for thread in threading.enumerate()]
    left = [name for name in names if name.startswith("pixeltwin-") and ":" in name]  # a destination's
    assert not left, f"this test left workers: {', '.join(left)}"


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: tests wait for processes, browsers and servers more than they compute."""
    return 2 * (os.cpu_count() or 1)


def pytest_unconfigure() -> None:
    postgresql.stop()
