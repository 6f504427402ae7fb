"""What a process makes once, although several threads need it first at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixeltwin import Tracker
from tests.local_vendor import Local

ROOT = Path(__file__).resolve().parent.parent
TOGETHER = 8
FORKED = """
import os, sys, threading
from collections import Counter
from pixeltwin import Tracker
from tests.local_vendor import Local
from tests.test_once import deliverers, together
sys.setswitchinterval(1e-6)
tracker = Tracker([Local(account="a1", access_token="t")], secret_keys=["k"], outbox="memory:")
tracker.start_worker()
before = tracker.delivery._channels
child = os.fork()
if not child:
    seen = []
    together(lambda: (tracker.start_worker(), seen.append(tracker.delivery.opens_at("local:a1", tracker.clock()))))
    fault = deliverers() != {"pixeltwin-local:a1": 1} or tracker.delivery._channels is before
    tracker.close()
    os._exit(fault)
status = os.waitpid(child, 0)[1]
tracker.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def together(act: Callable[[], object]) -> None:
    """Done by several threads at once."""
    gate = threading.Barrier(TOGETHER)

    def run() -> None:
        gate.wait()
        act()

    threads = [threading.Thread(target=run) for _ in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def deliverers() -> Counter[str]:
    """How many threads deliver, by name."""
    return Counter(one.name for one in threading.enumerate() if one.name.startswith("pixeltwin-"))


@pytest.fixture
def _switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
def test_requests_that_come_first_together_start_one_worker() -> None:
    """Whichever request of a threaded server is first, each destination has one thread and the process one delivery."""
    for _ in range(20):
        tracker = Tracker([Local(account="a1", access_token="t")], secret_keys=["k"], outbox="memory:")
        made: list[int] = []

        def first(tracker: Tracker = tracker, made: list[int] = made) -> None:
            tracker.start_worker()
            made.append(id(tracker.delivery))

        together(first)
        found = deliverers()
        tracker.close()
        assert found == {"pixeltwin-local:a1": 1} and len(set(made)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_requests_that_come_first_together_in_a_forked_child_start_one_worker() -> None:
    """The same in a child whose parent had a worker: none of its threads uses what is the parent's."""
    for _ in range(4):
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], cwd=ROOT, timeout=60, check=False)
        assert done.returncode == 0
