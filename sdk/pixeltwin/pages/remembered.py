"""What a browser carries of signals that are kept for a report without its visitor: their keys, in a signed cookie, so
that his decision finds them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..consent import Consent, refuses_all
from ..errors import BadToken
from ..outbox.notes import KEEP_NOTES
from ..tracker import Tracker
from ..web import Cookie

COOKIE = "pixeltwin_remembered"
LIFE: timedelta = KEEP_NOTES
MOST = 20  # keys: each is looked for when he answers
ROOM = 3800  # bytes: a browser keeps 4 KB of a cookie, its name and attributes among them
_PURPOSE = "remembered"


class Remembered:
    """The keys of one request's visitor, each with whether it waits for his answer. What is not signed here is none."""

    def __init__(self, tracker: Tracker, cookie: str | None) -> None:
        self._tracker = tracker
        self._brought = _read(tracker, cookie)
        self._keys = dict(self._brought)
        self._unreadable = cookie is not None and not self._brought

    def add(self, key: str, consent: Consent) -> None:
        """Signals were kept under this key. It is carried while an answer can change what becomes of them."""
        self._keys.pop(key, None)
        if self._pending(consent) or consent.who is not None:
            self._keys[key] = self._pending(consent)

    def concerned(self, consent: Consent) -> list[str]:
        """The keys that this answer is news to: those that wait for one, and all of them if he allows nobody."""
        refused = refuses_all(platform.state(consent) for platform in self._tracker.platforms)
        return [key for key, waits in self._keys.items() if waits or refused]

    def settled(self, consent: Consent) -> None:
        """What is kept under them follows this answer now."""
        for key in self.concerned(consent):
            del self._keys[key]
            self.add(key, consent)

    def _pending(self, consent: Consent) -> bool:
        return any(platform.state(consent) == "pending" for platform in self._tracker.platforms)

    def leaving(self) -> Cookie | None:
        """The cookie to set; None where it is as it was. The oldest keys go where there is no room for all."""
        if self._keys == self._brought and not self._unreadable:
            return None
        kept = list(self._keys.items())[-MOST:]
        while kept:
            signed = self._tracker.signer(_PURPOSE, shared=True).sign(kept)
            if len(signed) <= ROOM:
                return Cookie(COOKIE, signed, max_age=int(LIFE.total_seconds()))
            del kept[0]
        return Cookie(COOKIE, "")


def _read(tracker: Tracker, cookie: str | None) -> dict[str, bool]:
    if not cookie:
        return {}
    try:
        keys: Any = tracker.signer(_PURPOSE, shared=True).read(cookie, max_age=LIFE)
    except BadToken:
        return {}
    return {str(key): bool(waits) for key, waits in keys}
