"""What a site knows a visitor by, once he has allowed it: a signed first-party cookie with a random id, what he had
decided when it was last looked at, and his screen.

The id is made when it is first needed and somebody may be told; it goes when nobody may be any more. Nothing is set for
who refused or was not asked.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..consent import Consent, refuses_all
from ..errors import BadToken, OutboxUnavailable
from ..tracker import Tracker
from ..tracking.ledger import states
from ..web import Cookie

log = logging.getLogger("pixeltwin")

COOKIE = "pixeltwin_visitor"
LIFE = timedelta(days=365)  # as the click ids'
_PURPOSE = "visitor"
Screen = tuple[int, int]  # pixels


class Acquaintance:
    """One request's visitor, by the cookie he brought. `source`: what his consent was read from, for the ledger; None
    where the answer is a fixed one, which nobody decided."""

    def __init__(self, tracker: Tracker, cookie: str | None, *, source: str | None) -> None:
        self._tracker = tracker
        self._source = source
        self._brought = cookie is not None
        self.who, self._decided, self._screen = _read(tracker, cookie)
        self.screen = self._screen  # the newest his browser reported

    def introduced(self, consent: Consent) -> Consent:
        """The consent, with the id of the visitor who gave it: his own, or a new one if he allows anybody anything."""
        if not any(platform.allowed(consent) for platform in self._tracker.platforms):
            return consent
        if self.who is None:
            self.who = secrets.token_hex(16)
        return replace(consent, who=self.who)

    def settled(self, consent: Consent) -> Cookie | None:
        """Record the decision if it is another one than before; the cookie to set then. While the outbox cannot be
        written, as in the shop's own open transaction, the cookie tells of the decision before, and the next request
        tries again."""
        now = states(consent, self._tracker.platforms)
        if self.who is None:
            return Cookie(COOKIE, "") if self._brought else None  # it could not be read, and is of no use
        if (now == self._decided and self.screen == self._screen) or set(now.values()) == {"pending"}:
            return None
        if self._source is not None and now != self._decided:
            decided = replace(consent, who=self.who)
            clock = self._tracker.clock()
            try:
                self._tracker.ledger.record(decided, self._tracker.platforms, source=self._source, now=clock)
            except OutboxUnavailable as error:
                log.warning("a decision about consent is recorded with the visitor's next request: %s", error)
                return self._leaving(self._decided)
        return Cookie(COOKIE, "") if refuses_all(now.values()) else self._leaving(now)

    def _leaving(self, decided: Mapping[str, Any]) -> Cookie:
        value = self._tracker.signer(_PURPOSE, shared=True).sign([self.who, decided, self.screen])
        return Cookie(COOKIE, value, max_age=int(LIFE.total_seconds()))


def _read(tracker: Tracker, cookie: str | None) -> tuple[str | None, Mapping[str, Any], Screen | None]:
    """The id, the states and the screen in a cookie; nobody's, where it cannot be read."""
    if not cookie:
        return None, {}, None
    try:
        value: Any = tracker.signer(_PURPOSE, shared=True).read(cookie, max_age=LIFE)
    except BadToken:
        return None, {}, None
    who: str
    decided: Mapping[str, Any]
    who, decided, screen = value  # signed: ours, as it was written
    return who, decided, (screen[0], screen[1]) if screen else None
