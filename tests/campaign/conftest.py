"""What every test of the campaign plays on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import samples
from tests.campaign.stage import Stage


@pytest.fixture
def clock() -> samples.Clock:
    return samples.Clock()


@pytest.fixture
def stage(clock: samples.Clock) -> Iterator[Stage]:
    running = Stage(clock)
    yield running
    running.close()
