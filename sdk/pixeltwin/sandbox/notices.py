"""Requests that brought no conversion and yet say something: refused ones, and what a fault was made of."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime
from typing import Any

from .bell import Bell
from .times import timestamp

NOTICES = 100  # the newest are kept


class Notices:
    """The newest remarkable requests. Safe to use from many threads."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lock = threading.Lock()
        self._newest: deque[dict[str, Any]] = deque(maxlen=NOTICES)

    def add(self, platform: str, moment: datetime, request: str, said: str) -> None:
        """`request` is method and path (a query may hold a token); `said` a sentence for the developer."""
        notice = {"platform": platform, "seen_at": timestamp(moment), "request": request, "said": said}
        with self._lock:
            self._newest.append({**notice, "number": self._bell.ring()})

    def after(self, version: int) -> list[dict[str, Any]]:
        """Those that came after a version, oldest first."""
        with self._lock:
            return [notice for notice in self._newest if notice["number"] > version]

    def reset(self) -> None:
        with self._lock:
            self._newest.clear()
            self._bell.ring()
