"""What outlives a test ends with the session."""

from __future__ import annotations

from tests import postgresql

collect_ignore = ["stranger"]  # a project of its own, see test_wheel.py


def pytest_unconfigure() -> None:
    postgresql.stop()
