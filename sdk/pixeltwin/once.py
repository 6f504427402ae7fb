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

_lock = threading.RLock()  # for what is made rarely and quickly; making one thing may make another


def once() -> AbstractContextManager[object]:
    """Held while something is made. Look again within: another thread may have made it."""
    return _lock


def _after_fork() -> None:
    """A thread that is not here any more may have held it."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
