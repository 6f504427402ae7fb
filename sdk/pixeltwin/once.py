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

LONGEST_MAKING = 6.0  # seconds a fork waits for what is being made whole

_lock = threading.RLock()  # for what is made rarely and quickly; making one thing may make another
_whole = threading.RLock()
_waited = False  # whether the fork under way has the second one


def once() -> AbstractContextManager[object]:
    """Held while something is made. Look again within: another thread may have made it."""
    return _lock


def whole() -> AbstractContextManager[object]:
    """Held while something is made of which a forked child could not use a part: a module, above all, which would stay
    half imported there. A fork waits for its end."""
    return _whole


def _before_fork() -> None:
    global _waited
    _waited = _whole.acquire(timeout=LONGEST_MAKING)


def _after_fork_in_parent() -> None:
    if _waited:
        _whole.release()


def _after_fork() -> None:
    """A thread that is not here any more may have held the first, and where its fork could not wait, the second."""
    global _lock, _whole
    _lock, _whole = threading.RLock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
