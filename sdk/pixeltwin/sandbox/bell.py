"""One number that rises with every change of the sandbox, and a way to wait for it."""

from __future__ import annotations

import secrets
import threading


class Bell:
    """`run` tells one life of the sandbox from the next: numbers of different runs say nothing of each other."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(4)
        self._changed = threading.Condition()
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def ring(self) -> int:
        """Something changed; the number of that change."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()
            return self._version

    def wait(self, seen: int, timeout: float) -> bool:
        """Whether there is a change after `seen`, waiting up to `timeout` seconds for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version > seen, timeout)
