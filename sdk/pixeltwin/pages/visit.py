"""One request of one visitor: his signals, what he did, what his page shows. Framework-free; an extension adapts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urljoin

from markupsafe import Markup
from typing_extensions import Unpack

from .. import attribution
from ..consent import Consent, refuses_all
from ..consent_sources import lowered_by_gpc
from ..contract import Platform
from ..conversion import Conversion
from ..events import Event, PageView, Search, ViewCategory, ViewContent
from ..normalising.addresses import public_address
from ..tracking.arguments import TrackOptions, plain_key
from ..visitor import AnyVisitor, Visitor
from ..web import Cookie, Request, ResponseChanges, clean_url
from . import handover, withdrawal
from .acknowledgement import heeds
from .acquaintance import COOKIE as VISITOR_COOKIE
from .acquaintance import Acquaintance
from .carried import Carried
from .descriptors import Descriptor, describe
from .page import Page
from .remembered import COOKIE as REMEMBERED_COOKIE
from .remembered import Remembered
from .site import Site

GRANTED = Consent.granted()
PAGE_LEVEL = (PageView, ViewContent, ViewCategory, Search)  # what a page alone makes happen
Answer = TypeVar("Answer")


class Visit:
    """`consent` and `person` are asked at most once, when first needed: `person` gives what the site itself knows of
    the visitor, as `Visitor` arguments. `source` is what his consent is read from; None for a fixed answer."""

    def __init__(
        self,
        site: Site,
        request: Request,
        *,
        consent: Callable[[], Consent],
        person: Callable[[], Mapping[str, Any]],
        source: str | None = None,
    ) -> None:
        self.site = site
        self.tracker = site.tracker
        self.request = request
        self._ask_consent = consent
        self._ask_person = person
        self._source = source
        self.carried = Carried(self.tracker, request)
        self.page = Page(self)
        self._changes = ResponseChanges()
        self._reported = False  # whether the browser told of it, which waits for no answer

    # --- who -------------------------------------------------------------------------------------------------------

    @cached_property
    def consent(self) -> Consent:
        """What the visitor allows, decided once in this request; Global Privacy Control only ever lowers it."""
        return lowered_by_gpc(self._ask_consent(), self.request.headers, self.site.gpc)

    @cached_property
    def allowed(self) -> tuple[Platform, ...]:
        """The platforms that may be told of this visitor."""
        if not self.site.tells:
            return ()
        return tuple(platform for platform in self.tracker.platforms if platform.allowed(self.consent))

    @cached_property
    def acquaintance(self) -> Acquaintance:
        """What the site knows a consenting visitor by."""
        return Acquaintance(self.tracker, self.request.cookies.get(VISITOR_COOKIE), source=self._source)

    @cached_property
    def remembered(self) -> Remembered:
        """The keys under which his signals are kept."""
        return Remembered(self.tracker, self.request.cookies.get(REMEMBERED_COOKIE))

    @property
    def decided(self) -> Consent:
        """The consent, with the id under which its decision is recorded."""
        if self._source is None and not self.site.visitor_id:
            return self.consent
        return self.acquaintance.introduced(self.consent)

    @cached_property
    def known(self) -> Mapping[str, Any]:
        """What the site itself knows of the visitor; of a guest, his first-party id where the site wants that."""
        known = {name: value for name, value in self._ask_person().items() if value}
        if self.site.visitor_id and "external_id" not in known and (who := self.decided.who):
            known["external_id"] = who
        return known

    def visitor(self, identity: Mapping[str, Any] | None = None, *, screen: tuple[int, int] | None = None) -> Visitor:
        """The visitor of this request: its signals, what the site knows of him, and what the caller adds."""
        clicks, browsers = attribution.signals(
            self.tracker.platforms,
            self.request.query,
            self.request.cookies,
            self.carried.clicks,
            fault=self.tracker.losses.fault,
        )
        fields: dict[str, Any] = {
            "ip_address": self._address,
            "user_agent": self.request.user_agent,
            "click_ids": clicks,
            "browser_ids": browsers,
            "screen": screen or self._screen,
            **self.known,
            **(identity or {}),
        }
        return Visitor(**{name: value for name, value in fields.items() if value is not None})

    @property
    def _address(self) -> str | None:
        """His address in the internet; in a sandbox everybody is on this machine."""
        address = self.request.remote_addr
        return address if self.site.sandboxed else public_address(address)

    @property
    def _screen(self) -> tuple[int, int] | None:
        """The screen his browser reported before, as the server of a page sees none."""
        return self.acquaintance.screen if VISITOR_COOKIE in self.request.cookies else None

    @property
    def source_url(self) -> str | None:
        return self._cleaned(self.request.url)

    def _page(self, given: str | None) -> str | None:
        """A page that the caller named, in full or as a path of this site."""
        try:
            return self._cleaned(urljoin(self.request.url, given)) if isinstance(given, str) and given else given
        except ValueError:  # "http://[": the tracker says that it is no address
            return given

    def _cleaned(self, url: str) -> str | None:
        cleaned = clean_url(url, self.site.keep)
        return self.site.url_filter(cleaned) if self.site.url_filter else cleaned

    # --- what he did -----------------------------------------------------------------------------------------------

    def track(
        self,
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None = None,
        consent: Consent | None = None,
        identity: Mapping[str, Any] | None = None,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None:
        """Track for this visitor. With an explicit `visitor` it is somebody else: no browser half unless asked for.

        What a page alone makes happen (a view, a search) does not happen for a bot, or ahead of a click."""
        built = self.tracker.intake.built(event, options)
        if built is None:
            return None
        shown = options.get("browser", visitor is None) and not options.get("offered")
        if isinstance(built, PAGE_LEVEL) and (nobody := self.request.nobody):
            self.tracker.losses.count("", nobody)
            options["platforms"] = ()
            if shown and self.site.tells:  # the page lacks it, and would for everybody who gets it from a cache
                self._changes.cache = self._changes.cache or "private"
        at_once = shown and self.page.comes and options.get("connection") is None
        if at_once:
            options["offered"] = True
        conversion = self._told(self.tracker.track, built, visitor, consent, identity, options)
        # In test mode it has no browser half, but a decision about consent finds it by what its visitor carries.
        if conversion is not None and shown and (conversion.browser or not self.site.shows):
            self.page.add(conversion, offered=at_once)
        return conversion

    def hold(
        self,
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None = None,
        consent: Consent | None = None,
        identity: Mapping[str, Any] | None = None,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None:
        """The same for a payment that settles later: this visitor's pages show it once it is confirmed."""
        shown = options.get("browser", visitor is None)
        conversion = self._told(self.tracker.hold, event, visitor, consent, identity, options)
        if conversion is not None and shown and conversion.stored:
            self.page.awaited.append(conversion)
        return conversion

    def remember(
        self,
        key: str | int,
        *,
        visitor: AnyVisitor | None = None,
        consent: Consent | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep this visitor's signals and consent for what is tracked under the key when he is not there."""
        if not self.site.tells:
            return
        given = self.decided if consent is None else consent
        person = self._person(visitor, identity, {})
        self.tracker.remember(key, visitor=person, consent=given, source_url=self.source_url)
        if self._source is not None:  # else nobody will ever decide
            self.remembered.add(plain_key(key), given)

    def _told(
        self,
        tell: Callable[..., Conversion | None],
        event: Event | Callable[[], Event],
        visitor: AnyVisitor | None,
        consent: Consent | None,
        identity: Mapping[str, Any] | None,
        options: TrackOptions,
    ) -> Conversion | None:
        if not self.site.tells:
            options["platforms"] = ()
        options["source_url"] = self._page(options["source_url"]) if "source_url" in options else self.source_url
        person = self._person(visitor, identity, options)
        return tell(event, visitor=person, consent=self.decided if consent is None else consent, **options)

    def _person(
        self, visitor: AnyVisitor | None, identity: Mapping[str, Any] | None, options: TrackOptions
    ) -> AnyVisitor:
        if visitor is not None:
            return visitor
        try:
            return self.visitor(identity)
        except Exception as error:  # a wrong value, or the site's own loader
            strict = options.get("on_error", self.tracker.on_error) == "raise"
            self.tracker.fault("visitor", error, strict=strict)
            return Visitor(user_agent=self.request.user_agent)

    def told(
        self, event: Event, *, id: str | None = None, key: str | None = None, screen: tuple[int, int] | None = None
    ) -> Conversion | None:
        """The server half of what the browser has told the pixels already, under this id or this natural key."""
        options: TrackOptions = {"offered": True, "source_url": self.source_url}
        if screen is not None:
            self.acquaintance.screen = screen
        if id is not None:
            options["id"] = id
        if key is not None:
            options["key"] = key
        if not self.site.tells:
            options["platforms"] = ()
        conversion = self.tracker.track(event, visitor=self.visitor(screen=screen), consent=self.decided, **options)
        if self.page.undecided:
            self.page.add(conversion, offered=False)  # no pixel was told: one is when he agrees
            self._reported = True
        return conversion

    def passes(self, event: Event) -> bool:
        """Whether the site wants this event tracked at all."""
        return self.site.conversion_filter is None or self.site.conversion_filter(event)

    @property
    def conversions(self) -> list[Conversion]:
        """The conversions of this page: tracked in this request or rendered on it."""
        return self.page.conversions

    def head(self, nonce: str | None = None, *, shared: bool | None = None) -> Markup:
        """The pixels, this visitor's pending conversions, and the page view; empty when nobody may be told.

        `shared`: the page is the same for everybody, so that a cache may keep it; its script asks for what is this
        visitor's. Nothing is consumed by HEAD, nor by a request made ahead of a click (prefetch, prerender) or by htmx
        for a body, whose page asks when it is shown. In production a fault in here costs the page its pixels, not the
        visitor his page.
        """
        everybodys = self.site.shared if shared is None else shared
        if not everybodys:
            self._personal(differs=not self.asks)
        html = self._guarded("head", lambda: self.page.head(nonce, shared=everybodys), Markup())
        if self.page.shown:
            self._changes.cache = "no-store"
        elif html and not everybodys and not self.asks and self.known:
            self._changes.cache = "private"
        return html

    def claim(self) -> dict[str, Any]:
        """What a shared page shows this visitor: his pixels, his conversions, each once, and the page view."""
        return self._guarded("claim", self.page.claim, {"pixels": []})

    def hand_over(self) -> list[handover.Twin]:
        """This visitor's conversions for who fires the pixels otherwise, as a tag manager does; each once."""
        self._personal()
        fires: list[dict[str, Any]] = self._guarded("hand over", self.page.fires, [])
        if self.page.shown:
            self._changes.cache = "no-store"
        return handover.twins(fires)

    @property
    def asks(self) -> bool:
        """Whether this page asks for all that is this visitor's when it is shown, as it is fetched ahead or by htmx.
        One that has its code in it may have no script that could ask."""
        return self.request.deferred and not self.site.inline

    def _personal(self, *, differs: bool = True) -> None:
        """What the response holds is one visitor's; without `differs` no cache does harm with it."""
        self._changes.varies = True
        self._changes.differs = self._changes.differs or (differs and self._source is not None)

    @property
    def rendered(self) -> bool:
        """Whether the response holds what is this visitor's, be it that nobody may be told of him."""
        return self._changes.varies

    def descriptor(self, event: Event, *, key: str | int | None = None) -> Descriptor | None:
        """What the page's script tells of an event when it happens; None when nobody may be told, nor perhaps later. In
        a page that asks when it is shown, and before the visitor has decided, it names all pixels; those that were not
        started hear nothing of it."""
        if not self.site.tells or not self.passes(event):
            return None
        heard = heeds(self.site.acknowledge, event)
        everybodys = self.page.shared or self.site.shared or self.asks
        if not everybodys:
            self._personal()
        if everybodys or self.page.undecided:
            return describe(self.tracker, self.tracker.platforms, event, consent=GRANTED, key=key, heard=heard)
        if not self.allowed:
            return None
        pixels = self.allowed if self.site.shows else ()
        return describe(self.tracker, pixels, event, consent=self.consent, key=key, heard=heard)

    def _guarded(self, where: str, act: Callable[[], Answer], otherwise: Answer) -> Answer:
        """What `act` gives; `otherwise` where it fails, unless the site wants errors raised."""
        try:
            return act()
        except Exception as error:
            self.tracker.fault(where, error, strict=self.tracker.on_error == "raise")
            return otherwise

    # --- what the response carries ---------------------------------------------------------------------------------

    def changes(self, *, failed: bool = False) -> ResponseChanges:
        """Cookies and caching, asked once when the response is ready: what is tracked but not shown goes on to the
        visitor's next page. `failed`: what was rendered is on no page after all."""
        self.page.end(failed=failed)
        for where, keep in (("clicks", self._remember_clicks), ("consent", self._keep_decision)):
            if self.page.shared:  # a cache would hand it to everybody; the page's script asks, and then it is kept
                break
            self._guarded(where, keep, None)
        if "remembered" in self.__dict__ and (cookie := self.remembered.leaving()):
            self._set(cookie)
        for waiting in self.carried.leaving(self.page.left, alone=self._reported):
            self._set(waiting)
            if waiting.value:
                self._changes.cache = "no-store"
        return self._changes

    def _remember_clicks(self) -> None:
        """Keep a landing's click ids, for the platforms that may be told; forget all when consent was withdrawn."""
        if self.request.query and (cookie := self.carried.landed({platform.kind for platform in self.allowed})):
            self._set(cookie)
        elif "consent" in self.__dict__ and self.carried.has_clicks and self._denied():
            self._set(self.carried.forgetting_clicks())

    def _keep_decision(self) -> None:
        """Record what the visitor decided, where it is something new; clear the cookies of those he refuses."""
        if "consent" not in self.__dict__ or self.request.speculative:
            return
        if "acquaintance" in self.__dict__ or VISITOR_COOKIE in self.request.cookies:
            cookie = self.acquaintance.settled(self.consent)
            if cookie:
                self._set(cookie)
        if len(self.allowed) < len(self.tracker.platforms):
            for cookie in withdrawal.cleared(self.tracker.platforms, self.consent, self.request):
                self._set(cookie)

    def _set(self, cookie: Cookie) -> None:
        self._changes.cookies.append(cookie if cookie.domain else cookie._replace(domain=self.site.cookie_domain))
        self._changes.cache = self._changes.cache or "private"

    def _denied(self) -> bool:
        return refuses_all(platform.state(self.consent) for platform in self.tracker.platforms)
