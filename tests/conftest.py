"""What outlives a test ends with the session."""

from __future__ import annotations

from hypothesis import settings

from tests import postgresql, thoroughness

collect_ignore = ["stranger"]  # a project of its own, see test_wheel.py


if thoroughness.BRIEF:
    settings.load_profile("brief")


def pytest_unconfigure() -> None:
    postgresql.stop()
