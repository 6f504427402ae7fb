"""What a process makes once, whichever of its threads needs it first; a forked child makes its own.

if self._worker is None:
    with once():
        if self._worker is None:
            self._worker = …
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager

LONGEST_MAKING = 6.0  # seconds a fork waits for what is being made

_lock = threading.RLock()  # for what is made rarely and quickly; making one thing may make another
_waited = False  # whether the fork under way has it


def once() -> AbstractContextManager[object]:
    """Held while something is made. Look again within: another thread may have made it. A fork waits for the end of it,
    for a child could not use a part: a module, above all, would stay half imported there."""
    return _lock


def _before_fork() -> None:
    global _waited
    _waited = _lock.acquire(timeout=LONGEST_MAKING)


def _after_fork_in_parent() -> None:
    if _waited:
        _lock.release()


def _after_fork() -> None:
    """Where the fork could not wait, a thread that is not here any more has it."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
