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
    f"more than {MOST_PENDING} conversions of one visitor wait for a page: the oldest lose their browser half. Track "
    "with browser=False what no page is to show"
)
CLICKS_COOKIE = "pixeltwin_clicks"


class Carried:
    """What this request brought, and the cookies that take it further. What was not signed here is nothing."""

    def __init__(self, tracker: Tracker, request: Request) -> None:
        self._tracker = tracker
        self._request = request

    @cached_property
    def pending(self) -> tuple[str, ...]:
        """The ids that an earlier request left for a page of this visitor."""
        ids: Sequence[Any] = self._read(PENDING_COOKIE, "pending", PENDING_LIFE)
        return tuple(str(one) for one in ids) if isinstance(ids, list) else ()

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
            return self._tracker.signer(purpose).read(signed, max_age=max_age)
        except BadToken:
            return None

    def leaving(self, ids: Sequence[str]) -> Cookie | None:
        """The cookie that leaves these ids for the next page; None where it is there already."""
        kept = tuple(ids[-MOST_PENDING:])
        for _ in ids[:-MOST_PENDING]:
            self._tracker.losses.count("", "too_many_waiting", said=_TOO_MANY)
        if kept == self.pending:
            return None
        if not kept:
            return Cookie(PENDING_COOKIE, "")
        signed = self._tracker.signer("pending").sign(list(kept))
        return Cookie(PENDING_COOKIE, signed, max_age=int(PENDING_LIFE.total_seconds()))

    def landed(self, kinds: Collection[str]) -> Cookie | None:
        """The cookie that remembers what this landing's URL brought, for the platforms of these kinds; None where it is
        no landing of theirs."""
        query = self._request.query
        if not query or self._request.speculative:
            return None
        found = attribution.landed(self._tracker.platforms, query, self._tracker.clock())
        new = {kind: click for kind, click in found.items() if kind in kinds}
        if not new:
            return None
        signed = self._tracker.signer("clicks").sign({**self.clicks, **new})
        return Cookie(CLICKS_COOKIE, signed, max_age=int(attribution.CLICK_LIFE.total_seconds()))

    def forgetting_clicks(self) -> Cookie:
        return Cookie(CLICKS_COOKIE, "")
