"""What the page of one request shows: the pixels, and this visitor's conversions, each on one page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property, partial, reduce
from typing import TYPE_CHECKING, Any, TypeVar

from markupsafe import Markup

from .. import snippet
from ..contract import Platform
from ..conversion import Conversion
from ..errors import OutboxUnavailable
from ..events import PageView
from ..tracking import arguments
from ..visitor import NOBODY, AnyVisitor, SealedVisitor
from ..web import surplus
from . import acknowledgement, telling, withdrawal
from .remembered import COOKIE as REMEMBERED_COOKIE
from .telling import View

if TYPE_CHECKING:
    from .visit import Visit

log = logging.getLogger("pixeltwin")

PAGE_VIEW = PageView.model_construct()  # as with NOBODY: nothing is there to be checked
Answer = TypeVar("Answer")


class Page:
    """`shown` is what was rendered; `awaited` is what nobody can be shown in this request yet: it is held for
    its payment, or the shop's own transaction has not committed it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._site = visit.site
        self._tracker = visit.tracker
        self._fresh: list[Conversion] = []  # tracked in this request, not yet on a page
        self._offered: list[Conversion] = []  # the same, stored as offered: they go on this page or are taken back
        self._carried: tuple[str, ...] | None = None  # ids for the next page; None: as they came
        self.shown: list[Conversion] = []
        self.awaited: list[Conversion] = []
        self.shared = False  # whether the page is the same for everybody
        self.headed = False  # whether it has a head at all, be it an empty one
        self.handed_over = False  # whether somebody else got its conversions, as a tag manager does

    @property
    def conversions(self) -> list[Conversion]:
        """The conversions of this page: tracked in this request or rendered on it."""
        return [*self.shown, *self._offered, *self._fresh]

    @cached_property
    def comes(self) -> bool:
        """Whether this request is likely to end in a page that shows what is tracked in it. Then one transaction stores
        and offers a conversion, instead of two."""
        request = self._visit.request
        page = request.method == "GET" and not request.deferred and not self._site.shared
        return page and self._site.shows and bool(self._visit.allowed)

    def add(self, conversion: Conversion, *, offered: bool) -> None:
        """What was tracked in this request. `offered`: it was to be stored as offered, if it was stored now."""
        goes = any(one.allowed(conversion.consent) and one.wants(conversion) for one in self._tracker.platforms)
        there = offered and goes and conversion.created and conversion.stored
        (self._offered if there else self._fresh).append(conversion)

    def head(self, nonce: str | None, *, shared: bool) -> Markup:
        """The pixels and the conversions that may be shown now. `shared`: a page that is the same for everybody, which
        holds neither and asks for both; so does one that is fetched ahead of a click or by htmx, when it is shown."""
        self.shared = self.shared or shared
        self.headed = True
        if shared or self._visit.asks:
            return snippet.render_shared(self._script, nonce=nonce) if self._site.tells else Markup()
        form = self._site.form(self._visit.request.root)
        if self._visit.request.deferred:  # it works by itself, and asks where there is a script that can
            form = form._replace(asks=True)
        return self._tell(partial(snippet.render, nonce=nonce, form=form)) or self._waiting(nonce)

    @property
    def undecided(self) -> bool:
        """Whether nobody may be told, but somebody perhaps later."""
        consent = self._visit.consent
        return not self._visit.allowed and any(one.state(consent) == "pending" for one in self._tracker.platforms)

    def _waiting(self, nonce: str | None) -> Markup:
        """For who has not decided yet the script alone, so that his banner can ask for the rest on this very page."""
        asks = self._site.tells and self.undecided
        return snippet.render_script(self._script, nonce=nonce) if asks else Markup()

    @property
    def _script(self) -> str:
        return self._visit.request.root + self._site.script.url

    def claim(self) -> dict[str, Any]:
        """The same as data, for the script of a page that asks; and how pixels stop that are not allowed any more."""
        data = self._tell(telling.data) or {"pixels": []}
        stop = withdrawal.stopped(self._tracker.platforms, self._visit.consent, fault=self._tracker.losses.fault)
        return {**data, "stop": stop} if stop else data

    def fires(self) -> list[dict[str, Any]]:
        """The conversions alone, with their calls."""
        self.handed_over = True
        found: list[dict[str, Any]] = (self._tell(telling.data) or {}).get("fires", [])
        return found

    def _tell(self, tell: Callable[..., Answer]) -> Answer | None:
        visit, tracker = self._visit, self._tracker
        if visit.request.method == "HEAD" or not self._site.tells:
            return None
        shows = self._site.shows
        ready = [] if visit.request.deferred else self._ready(shows=shows)
        if not visit.allowed:
            return None
        self.shown.extend(ready)
        person = tracker.with_region(self._told_of(ready))

        def in_window(platform: Platform) -> list[Conversion]:
            return [one for one in ready if tracker.in_window(platform, one)]

        return tell(
            tracker.platforms if shows else (),
            in_window if ready else None,
            visitor=person,
            consent=arguments.located(visit.consent, person),
            drop=surplus(visit.request.query, self._site.keep) if self._site.clean_page_url else (),
            view=self._view(shows=shows),
            heard=self._heard,
            fault=tracker.losses.fault,
        )

    def _told_of(self, ready: Sequence[Conversion]) -> AnyVisitor:
        """Whom the pixels are started for: what the site knows of the visitor, and what his conversions brought."""
        known = bool(self._visit.known)
        if not ready:
            return self._visit.visitor() if known else NOBODY
        rules = self._tracker.rules
        sealed = [one.visitor.seal(rules) for one in ready]
        if known:
            sealed.insert(0, self._visit.visitor().seal(rules))
        return reduce(SealedVisitor.filled_from, sealed)

    def _ready(self, *, shows: bool) -> list[Conversion]:
        """What may be rendered now; each conversion is handed out once, to one page."""
        visit = self._visit
        if self._site.page_views == "server" and not visit.request.from_bot and visit.passes(PAGE_VIEW):
            visit.track(PAGE_VIEW)
        fresh, self._fresh = self._fresh, []
        offered, self._offered = self._offered, []
        waiting = self.undecided
        try:
            if not waiting:
                self._decide()
            if waiting or not shows:
                self._fresh = fresh
                return []
            if not visit.allowed:  # he refused: nothing is handed out that no page will show
                self._carried = () if visit.carried.pending else None
                return []
            carried = visit.carried.pending if self._carried is None else self._carried
            own = [*self.awaited, *(one for one in fresh if one.stored)]
            ids = list(dict.fromkeys([*carried, *(one.id for one in own)]))
            offered += self._tracker.offer(ids)
            out = {one.id for one in offered}
            left = [id for id in ids if id not in out]
            there = {row.id: row.held for row in self._tracker.outbox.get(left)} if left else {}
            self._carried = tuple(id for id in left if there.get(id))
            # What was carried here and is still not there was rolled back, and goes no further. What is there may be
            # another row of an order that is new again.
            self.awaited = [one for one in own if one.id in left and (one.created or one.id not in there)]
        except OutboxUnavailable as error:
            log.error("tracking fault (outbox): %s", error)
            return offered + fresh
        # A conversion the outbox could not take has only this page to be told on.
        return offered + [one for one in fresh if not one.stored]

    def _decide(self) -> None:
        """The visitor has answered: what waits for that follows."""
        visit = self._visit
        keys = visit.remembered.concerned(visit.consent) if REMEMBERED_COOKIE in visit.request.cookies else ()
        if visit.carried.pending or keys:
            self._tracker.consented(visit.carried.pending, visit.decided, keys=keys)
        if keys:
            visit.remembered.settled(visit.decided)

    def _heard(self, conversion: Conversion) -> str | None:
        """What the page shows when it says which pixels took this conversion."""
        wanted = conversion.stored and acknowledgement.heeds(self._site.acknowledge, conversion.event)
        return acknowledgement.token(self._tracker, conversion.id) if wanted else None

    def _view(self, *, shows: bool) -> View | None:
        wanted = ("beacon", "browser") if shows else ("beacon",)
        if self._site.page_views not in wanted or not self._visit.passes(PAGE_VIEW):
            return None
        return self._site.view(told=shows, root=self._visit.request.root)

    # --- the end of the request ------------------------------------------------------------------------------------

    def end(self, *, failed: bool) -> None:
        """Take back what was offered and is on no page. `failed`: nothing is."""
        if failed:
            self._offered += [one for one in self.shown if one.stored]
            self.shown = []
        if not self._offered:
            return
        self._fresh += self._offered
        back, self._offered = [one.id for one in self._offered], []
        try:
            self._tracker.outbox.retract(back)
        except OutboxUnavailable as error:
            log.error("tracking fault (outbox): %s", error)

    @property
    def left(self) -> tuple[str, ...]:
        """The ids for this visitor's next page."""
        carried = self._visit.carried.pending if self._carried is None else self._carried
        return tuple(dict.fromkeys([*carried, *(one.id for one in [*self.awaited, *self._fresh] if one.stored)]))
