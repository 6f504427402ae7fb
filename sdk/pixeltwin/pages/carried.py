"""What a browser carries from page to page, in our own signed cookies: ids that wait for a page, and clicks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from .. import attribution
from ..errors import BadToken
from ..tracker import Tracker
from ..web import Cookie, Request

PENDING_COOKIE = "pixeltwin_pending"
PENDING_LIFE = timedelta(days=7)  # a payment may settle after the browser was closed
MOST_PENDING = 20  # ids in one cookie: 20 x 64 characters stay well below the 4 KB a browser keeps
_TOO_MANY = (
    f"more than {MOST_PENDING} conversions of one visitor wait for a page: the oldest lose their browser half, and "
    "both halves where he has not answered about cookies yet. Track with browser=False what no page is to show"
)
CLICKS_COOKIE = "pixeltwin_clicks"


def waits(cookie: str) -> bool:
    """Whether a cookie of this name holds ids that wait for a page."""
    return cookie.startswith(PENDING_COOKIE)


class Carried:
    """What this request brought, and the cookies that take it further. What was not signed here is nothing."""

    def __init__(self, tracker: Tracker, request: Request) -> None:
        self._tracker = tracker
        self._request = request

    @cached_property
    def pending(self) -> tuple[str, ...]:
        """The ids that earlier requests left for a page of this visitor."""
        names = filter(waits, self._request.cookies)
        return tuple(dict.fromkeys(str(one) for name in names for one in self._ids(name)))

    def _ids(self, cookie: str) -> Sequence[Any]:
        ids: Sequence[Any] = self._read(cookie, "pending", PENDING_LIFE)
        return ids if isinstance(ids, list) else ()

    @cached_property
    def clicks(self) -> dict[str, tuple[str, int]]:
        """The clicks that led here before, by platform."""
        signed = self._read(CLICKS_COOKIE, "clicks", attribution.CLICK_LIFE)
        return attribution.remembered(signed, self._tracker.clock())

    @property
    def has_clicks(self) -> bool:
        return CLICKS_COOKIE in self._request.cookies

    def _read(self, cookie: str, purpose: str, max_age: timedelta) -> Any:
        signed = self._request.cookies.get(cookie)
        if not signed:
            return None
        try:
            return self._tracker.signer(purpose, shared=True).read(signed, max_age=max_age)
        except BadToken:
            return None

    def leaving(self, ids: Sequence[str], *, alone: bool = False) -> list[Cookie]:
        """The cookies that leave these ids for the next page; none where they are there already. `alone`: what is new
        gets a cookie of its own, for of the answers to reports that came at once each would undo the others'."""
        if alone and len(ids) <= MOST_PENDING:
            return [self._leaving(f"{PENDING_COOKIE}_{id[:8]}", [id]) for id in ids if id not in self.pending]
        kept = ids[-MOST_PENDING:]
        for _ in ids[:-MOST_PENDING]:
            self._tracker.losses.count("", "too_many_waiting", said=_TOO_MANY)
        if tuple(kept) == self.pending:
            return []
        all_in_one = self._leaving(PENDING_COOKIE, kept) if kept else Cookie(PENDING_COOKIE, "")
        own = [name for name in filter(waits, self._request.cookies) if name != PENDING_COOKIE]
        return [all_in_one, *(Cookie(name, "") for name in own)]

    def _leaving(self, name: str, ids: Sequence[str]) -> Cookie:
        signed = self._tracker.signer("pending", shared=True).sign(list(ids))
        return Cookie(name, signed, max_age=int(PENDING_LIFE.total_seconds()))

    def landed(self, kinds: Collection[str]) -> Cookie | None:
        """The cookie that remembers what this landing's URL brought, for the platforms of these kinds; None where it is
        no landing of theirs."""
        query = self._request.query
        if not query or self._request.speculative:
            return None
        tracker = self._tracker
        found = attribution.landed(tracker.platforms, query, tracker.clock(), fault=tracker.losses.fault)
        new = {kind: click for kind, click in found.items() if kind in kinds}
        if not new:
            return None
        signed = self._tracker.signer("clicks", shared=True).sign({**self.clicks, **new})
        return Cookie(CLICKS_COOKIE, signed, max_age=int(attribution.CLICK_LIFE.total_seconds()))

    def forgetting_clicks(self) -> Cookie:
        return Cookie(CLICKS_COOKIE, "")
