"""What outlives a test ends with the session."""

from __future__ import annotations

from tests import postgresql


def pytest_unconfigure() -> None:
    postgresql.stop()
