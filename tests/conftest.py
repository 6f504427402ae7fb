"""What outlives a test ends with the session."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from tests import postgresql, thoroughness

collect_ignore = ["stranger"]  # a project of its own, see test_wheel.py

settings.load_profile(thoroughness.PROFILE)


class _Compiled(BytecodeCache):
    """Templates that any application of this process compiled: most tests make one of their own of the same files."""

    def __init__(self) -> None:
        self._all: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._all:
            bucket.bytecode_from_string(self._all[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._all[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options["bytecode_cache"] = _Compiled()


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    """What a test starts ends with it: a worker left behind would be met by whoever comes next in this process."""
    yield
    names = [thread.name for thread in threading.enumerate()]
    left = [name for name in names if name.startswith("pixeltwin-") and ":" in name]  # a destination's
    assert not left, f"this test left workers: {', '.join(left)}"


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: no garbage collection need look at them again."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: tests wait for processes, browsers and servers more than they compute."""
    return 2 * (os.cpu_count() or 1)


def pytest_unconfigure() -> None:
    postgresql.stop()
