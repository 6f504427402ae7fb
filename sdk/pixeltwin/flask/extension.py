"""PixelTwin: what an application sees of the extension."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

import flask
from flask import Flask, Response, request
from typing_extensions import Unpack

from ..config import Settings
from ..consent import Consent
from ..conversion import Conversion
from ..errors import ConfigurationError, InvalidInput
from ..events import Event, Item
from ..pages.script import Script
from ..pages.site import Site
from ..pages.visit import Visit
from ..tracker import Tracker
from ..tracking.arguments import TrackOptions
from ..tracking.holding import Cancellation
from ..visitor import AnyVisitor, Visitor
from ..web import OWN, kept_parameters
from . import afterwards, exchange, off_page
from .current import the_app, the_request
from .endpoints import answer_on_all_hosts, exempt_from_csrf, first_party
from .health import serve_health
from .hooks import Hooks, Person
from .mount import with_sandbox
from .off_page import Marked
from .templating import TemplateSide
from .who import TwinOptions, Who, plain, whose

if TYPE_CHECKING:
    from ..consent_sources import ConsentSource

log = logging.getLogger("pixeltwin")

_VISIT = "pixeltwin_visit"

NO_CONSENT_SOURCE = """\
pixeltwin does not know what visitors allow, so it treats everyone as having refused: nothing is sent or shown. Choose:
  @twin.consent_loader   a function that returns Consent.granted(), .limited(), .denied() or .pending() for this request
  PIXELTWIN_CONSENT      onetrust, cookiebot or tcf, the banner whose cookie is read; or one fixed answer (granted,
                         limited, denied or pending) where the site needs no banner"""


@dataclass(slots=True)
class _State:
    """What the extension keeps for one application."""

    site: Site
    fixed_consent: Consent | None
    consent_source: ConsentSource | None
    threaded: bool
    asked: bool = field(default=False)  # whether the start-up questions were put

    @property
    def tracker(self) -> Tracker:
        return self.site.tracker

    @property
    def source(self) -> str | None:
        """What consent is read from, where no loader is registered; None for a fixed answer."""
        return None if self.consent_source is None else self.consent_source.name


class PixelTwin:
    """One object, any number of applications. Loaders are registered on it, like Flask-Login's."""

    def __init__(self, app: Flask | None = None, *, tracker: Tracker | None = None) -> None:
        self._given_tracker = tracker
        self._hooks = Hooks()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration (now, once) and join the application. `ConfigurationError` says what is missing."""
        if "pixeltwin" in app.extensions:
            raise ConfigurationError("this application has a PixelTwin already; use that one")
        settings = Settings(app.config)
        if self._given_tracker is None:
            settings = with_sandbox(app, settings)
        else:
            settings.check_beside_tracker()
        debug = app.debug or app.testing
        tracker = self._given_tracker or settings.tracker(secret_keys=_flask_keys(app), debug=debug)
        kept = (*tracker.keep_parameters, *settings.words("KEEP_PARAMETERS"))  # of a tracker that was given, too
        tracker.keep_parameters = kept_parameters(tracker.platforms, kept)
        script = Script(tracker.platforms, f"{OWN}/pixeltwin.js")
        blueprint = first_party(self.visit, script)
        app.extensions["pixeltwin"] = _State(
            site=Site(
                tracker=tracker,
                keep=tracker.keep_parameters,
                page_views=settings.get("PAGE_VIEWS"),
                clean_page_url=settings.flag("CLEAN_URL"),
                gpc=settings.gpc,
                visitor_id=settings.get("VISITOR_ID") == "on",
                cookie_domain=settings.get("COOKIE_DOMAIN"),
                sandboxed=bool(settings.sandbox),
                script=script,
                inline=settings.flag("INLINE"),
                shared=settings.get("PAGE_CACHE") == "shared",
                acknowledge=settings.get("ACKNOWLEDGE"),
                url_filter=lambda url: self._hooks.address(url, tracker),
                conversion_filter=lambda event: self._hooks.keeps(event, tracker),
            ),
            fixed_consent=settings.consent,
            consent_source=settings.consent_source,
            threaded=settings.get("WORKER") == "thread",
        )
        template_globals: dict[str, Any] = app.jinja_env.globals
        template_globals["pixeltwin"] = TemplateSide(self.visit)
        serve_health(blueprint, settings.get("HEALTH_TOKEN"), lambda: tracker)
        app.register_blueprint(blueprint)
        answer_on_all_hosts(app, blueprint)
        exempt_from_csrf(app)
        app.before_request(self._before)
        # Flask runs the first one last: what any other makes of the page, this has the last word on who may keep it.
        app.after_request_funcs.setdefault(None, []).insert(0, self._after)
        from ..cli import flask_group

        app.cli.add_command(flask_group())

    # --- loaders ---------------------------------------------------------------------------------------------------

    def consent_loader(self, loader: Callable[[], Consent | str]) -> Callable[[], Consent | str]:
        """Register what says, for the current request, what the visitor allows: a `Consent`, or its state as text. Who
        gets any other answer counts as having refused, and that is logged. Asked once a request."""
        self._hooks.consent = loader
        return loader

    def visitor_loader(self, loader: Callable[[], Person]) -> Callable[[], Person]:
        """Register what the site knows of the current visitor: a `Visitor`, a dict of its arguments, or None."""
        self._hooks.visitor = loader
        return loader

    def source_url_filter(self, change: Callable[[str], str | None]) -> Callable[[str], str | None]:
        """Register what changes the page's URL, cleaned already, before it is stored; None leaves it out."""
        self._hooks.url = change
        return change

    def conversion_filter(self, keep: Callable[[Event], bool]) -> Callable[[Event], bool]:
        """Register what decides, in the request, whether an event is tracked at all (staff, test orders)."""
        self._hooks.keep = keep
        return keep

    def off_page(self, view: Marked) -> Marked:
        """Mark a view whose request is not the visitor's (webhook, admin): it lends no IP, agent, cookie or consent. A
        function, a class of `View` or one of its methods; or a blueprint, for all views in it."""
        return off_page.mark(view)

    # --- tracking --------------------------------------------------------------------------------------------------

    @overload
    def track(self, event: Event, **options: Unpack[TwinOptions]) -> Conversion: ...

    @overload
    def track(self, event: Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None: ...

    def track(self, event: Event | Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None:
        """Track a conversion of this request's visitor: both halves, one id.

        The browser half is rendered by `head()` on this page or on the visitor's next one; the server half is stored
        before this returns. Identity given as keywords (email=, phone=, …) is added to what the request tells. In an
        `off_page` view, and outside a request, it is added to what `remember` kept under the event's natural key; pass
        `consent=` where nothing was.
        """
        given = plain(options)
        wanted = self._wanted(event, given)
        if wanted is None:
            return None
        visit = self._page()
        if visit is not None:
            return afterwards.tell(visit, visit.track, wanted, whose(options), given)
        return self._tell_off_page(self.tracker.track, wanted, **whose(options), options=given)

    @overload
    def hold(self, event: Event, **options: Unpack[TwinOptions]) -> Conversion: ...

    @overload
    def hold(self, event: Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None: ...

    def hold(self, event: Event | Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None:
        """Like `track`, for a payment that settles later: nobody is told before `confirm`. The signals are those of
        this request, and the pixels are on this visitor's first page after the confirmation, within a day of it."""
        given = plain(options)
        wanted = self._wanted(event, given)
        if wanted is None:
            return None
        visit = self._page()
        if visit is not None:
            return afterwards.tell(visit, visit.hold, wanted, whose(options), given)
        return self._tell_off_page(self.tracker.hold, wanted, **whose(options), options=given)

    def _wanted(self, event: Event | Callable[[], Event], options: TrackOptions) -> Event | None:
        """The event; nobody is told of one that the site's filter leaves out. None when it could not be built."""
        built = self.tracker.intake.built(event, options)
        if built is not None and not self._hooks.keeps(built, self.tracker):
            options["platforms"] = ()
        return built

    def confirm(
        self,
        kind: type[Event],
        key: str | int,
        *,
        name: str | None = None,
        value: Decimal | int | str | None = None,
        currency: str | None = None,
        items: Sequence[Item] | None = None,
        **changes: Any,
    ) -> Conversion:
        """What was held under this key was paid; see `Tracker.confirm`."""
        return self.tracker.confirm(kind, key, name=name, value=value, currency=currency, items=items, **changes)

    def cancel(
        self, kind: type[Event], key: str | int, *, name: str | None = None, reason: str = "cancelled"
    ) -> Cancellation:
        """What was held or tracked under this key is not to be; see `Tracker.cancel`."""
        return self.tracker.cancel(kind, key, name=name, reason=reason)

    def remember(self, key: str | int, **who: Unpack[Who]) -> None:
        """Keep this visitor's signals and consent for seven days, for an off-page `track` with this key. His answer
        on a later page is followed."""
        visit, strange = self._page(), sorted(plain(who))
        if visit is not None and not strange:
            visit.remember(key, **whose(who))
            return
        wrong: Exception = ConfigurationError("remember() keeps what the visitor's own request tells: this is not one")
        if strange:
            wrong = InvalidInput("remember", [(name, "no such argument") for name in strange])
        self.tracker.fault("remember", wrong, strict=self.tracker.on_error == "raise")

    def _page(self) -> Visit | None:
        """The visit, where this request is the visitor's own."""
        visit = self.visit()
        return None if visit is None or self._is_off_page() else visit

    def _tell_off_page(
        self,
        tell: Callable[..., Conversion | None],
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent | None,
        identity: Mapping[str, Any],
        options: TrackOptions,
    ) -> Conversion | None:
        state = self._state()
        options.setdefault("recall", True)
        if consent is None and self._hooks.consent is None:
            consent = state.fixed_consent
        if not state.site.tells:
            options["platforms"] = ()
        if visitor is None:
            try:
                visitor = Visitor(**identity)
            except InvalidInput as error:
                if state.tracker.on_error == "raise":
                    raise
                log.error("tracking fault (visitor): %s", error)
        return tell(event, visitor=visitor, consent=consent, **options)

    def descriptor(self, event: Event, *, key: str | int | None = None) -> dict[str, Any] | None:
        """For single-page applications: what `window.pixeltwin.track(…)` takes, as JSON, for 24 hours. None for a
        visitor who refused. Its values are signed, and no personal data is in it."""
        visit = self._page()
        described = None if visit is None else visit.descriptor(event, key=key)
        return None if described is None else described.plain

    def hand_over(self) -> list[dict[str, Any]]:
        """For who fires the pixels otherwise, such as a tag manager: this visitor's conversions as JSON values, each
        once, with every pixel's own function and arguments. Empty when nobody may be told."""
        visit = self._page()
        return [] if visit is None else visit.hand_over()

    @property
    def tracker(self) -> Tracker:
        """The current application's tracker."""
        return self._state().tracker

    def csp_sources(self) -> dict[str, list[str]]:
        """What a Content-Security-Policy must allow, by directive: this site, as `default-src 'self'` would, the
        first-party script and its reports among it, and the hosts of the configured pixels. Under a nonce policy the
        nonce comes to `script-src`; nothing needs unsafe-inline."""
        sources: dict[str, list[str]] = {"script-src": ["'self'"], "connect-src": ["'self'"]}
        for platform in (one for one in self.tracker.platforms if one.browser):
            try:
                needed = platform.csp_sources()
            except Exception as error:  # the platform's own code
                self.tracker.losses.fault(platform.name, error)
                continue
            for directive, hosts in needed.items():
                known = sources.setdefault(directive, ["'self'"])  # what has its own directive heeds no default-src
                known.extend(host for host in hosts if host not in known)
        return sources

    def start_delivery(self, app: Flask | None = None) -> None:
        """Start this process's delivery thread now instead of at its first request."""
        (self._state() if app is None else _state_of(app)).tracker.start_worker()

    # --- the request -----------------------------------------------------------------------------------------------

    def _state(self) -> _State:
        return _state_of(the_app())

    def _before(self) -> None:
        state = self._state()
        if not state.asked:
            exempt_from_csrf(the_app())  # from a protection that joined the application later, and asks later
            state.asked = True
            self._ask_for_consent_source(state)
        if state.threaded and state.site.tells:
            state.tracker.start_worker()

    def _ask_for_consent_source(self, state: _State) -> None:
        if self._hooks.consent is not None or state.fixed_consent is not None:
            return
        if state.consent_source is None:
            log.error(NO_CONSENT_SOURCE)
            return
        for advice in state.consent_source.advice(state.tracker.platforms):
            log.error(advice)

    def visit(self, *, page_url: str | None = None) -> Visit | None:
        """What is known of the current request's visitor and what he did; None outside a request. `page_url`: of the
        page of this site that the request reports on."""
        if not flask.has_request_context():
            return None
        here = the_request()  # not g, which outlives it where an application context was pushed before
        visit: Visit | None = getattr(here, _VISIT, None)
        if visit is None or page_url is not None:
            state, facts = self._state(), exchange.facts()
            visit = Visit(
                state.site,
                facts if page_url is None else facts.at(page_url),
                consent=lambda: self._consent(state),
                person=self._hooks.person,
                source=state.source if self._hooks.consent is None else "consent_loader",
            )
            setattr(here, _VISIT, visit)
        return visit

    def _is_off_page(self) -> bool:
        return off_page.is_marked(the_app(), the_request())

    def _consent(self, state: _State) -> Consent:
        if self._hooks.consent is not None:
            return self._hooks.allowed(self._hooks.consent, state.tracker)
        if state.consent_source is not None:
            return state.consent_source.read(request.cookies, state.tracker.platforms)
        return state.fixed_consent or Consent.denied()

    def _after(self, response: Response) -> Response:
        visit: Visit | None = getattr(the_request(), _VISIT, None)
        # Where pages are everybody's, the page's script reports the landing; this may come out of the site's own cache.
        if visit is None and (
            exchange.may_show_yet(response) or (exchange.may_have_landed() and not self._state().site.shared)
        ):
            visit = self.visit()
        if visit is not None and not self._is_off_page():
            exchange.apply(visit.changes(failed=exchange.unseen(visit, response)), response)
        afterwards.note(response)
        return response


def _state_of(app: Flask) -> _State:
    try:
        state: _State = app.extensions["pixeltwin"]
    except KeyError:
        raise ConfigurationError("this application has no PixelTwin: call init_app(app)") from None
    return state


def _flask_keys(app: Flask) -> tuple[str, ...]:
    keys: list[Any] = [*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.config["SECRET_KEY"]]
    return tuple(key.decode() if isinstance(key, bytes) else str(key) for key in keys if key)
