"""The Flask extension, thin: it hands requests to `Visit` and what comes of them to responses.

twin = PixelTwin(app)                                   # or init_app(app); configuration PIXELTWIN_*
twin.track(Purchase(order_id="1001", value="59.90", currency="EUR"), email=order.email)
<head>{{ pixeltwin.head() }}</head>
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, TypeVar, cast, overload

import flask
from flask import Blueprint, Flask, Response, current_app, g, request
from markupsafe import Markup
from typing_extensions import Unpack

from .config import Settings
from .consent import Consent, State
from .contract import Platform
from .conversion import Conversion
from .errors import ConfigurationError, InvalidInput
from .events import Event
from .tracker import Tracker, TrackOptions
from .visit import Site, Visit
from .visitor import AnyVisitor, Visitor
from .web import Cookie, Request, kept_parameters

log = logging.getLogger("pixeltwin")

View = TypeVar("View", bound=Callable[..., Any])
Person = Visitor | Mapping[str, Any] | None
LARGEST_REPORT = 8192  # bytes of a beacon
_OFF_PAGE = "pixeltwin_off_page"

NO_CONSENT_SOURCE = """\
pixeltwin does not know what visitors allow, so it treats everyone as having refused: nothing is sent or shown. Choose:
  @twin.consent_loader   a function that returns Consent.granted(), .limited(), .denied() or .pending() for this request
  PIXELTWIN_CONSENT      one fixed answer (granted, limited, denied or pending) where the site needs no banner"""


class TwinOptions(TrackOptions, total=False):
    """What `PixelTwin.track` takes beside the event: `TrackOptions`, an explicit visitor or consent, and any identity
    field of `Visitor` as a keyword."""

    visitor: AnyVisitor | None
    consent: Consent | None
    email: Any
    phone: Any
    external_id: Any
    first_name: Any
    last_name: Any
    gender: Any
    date_of_birth: Any
    city: Any
    state: Any
    postal_code: Any
    country: Any
    phone_region: Any


@dataclass(slots=True)
class _State:
    """What the extension keeps for one application."""

    site: Site
    fixed_consent: Consent | None
    threaded: bool
    asked: bool = field(default=False)  # whether the start-up questions were put

    @property
    def tracker(self) -> Tracker:
        return self.site.tracker


class PixelTwin:
    """One object, any number of applications. Loaders are registered on it, like Flask-Login's."""

    def __init__(self, app: Flask | None = None, *, tracker: Tracker | None = None) -> None:
        self._given_tracker = tracker
        self._consent_loader: Callable[[], Consent | State] | None = None
        self._visitor_loader: Callable[[], Person] | None = None
        self._url_filter: Callable[[str], str | None] | None = None
        self._conversion_filter: Callable[[Event], bool] | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration (now, once) and join the application. `ConfigurationError` says what is missing."""
        if "pixeltwin" in app.extensions:
            raise ConfigurationError("this application has a PixelTwin already; use that one")
        settings = Settings(app.config)
        debug = app.debug or app.testing
        tracker = self._given_tracker or settings.tracker(secret_keys=_flask_keys(app), debug=debug)
        blueprint = self._blueprint()
        prefix = blueprint.url_prefix
        app.extensions["pixeltwin"] = _State(
            site=Site(
                tracker=tracker,
                keep=kept_parameters(tracker.platforms, settings.words("KEEP_PARAMETERS")),
                page_views=settings.get("PAGE_VIEWS"),
                clean_page_url=settings.flag("CLEAN_URL"),
                live=settings.get("DELIVERY") == "live",
                script=f"{prefix}/pixeltwin.js",
                beacon=f"{prefix}/page-view",
            ),
            fixed_consent=settings.consent,
            threaded=settings.get("WORKER") == "thread",
        )
        template_globals: dict[str, Any] = app.jinja_env.globals
        template_globals["pixeltwin"] = TemplateSide(self)
        app.register_blueprint(blueprint)
        _exempt_from_csrf(app, blueprint)
        app.before_request(self._before)
        app.after_request(self._after)
        from .cli import flask_group

        app.cli.add_command(flask_group())

    # --- loaders ---------------------------------------------------------------------------------------------------

    def consent_loader(self, loader: Callable[[], Consent | State]) -> Callable[[], Consent | State]:
        """Register what says, for the current request, what the visitor allows. Asked once a request."""
        self._consent_loader = loader
        return loader

    def visitor_loader(self, loader: Callable[[], Person]) -> Callable[[], Person]:
        """Register what the site knows of the current visitor: a `Visitor`, a dict of its arguments, or None."""
        self._visitor_loader = loader
        return loader

    def source_url_filter(self, change: Callable[[str], str | None]) -> Callable[[str], str | None]:
        """Register what changes the page's URL, cleaned already, before it is stored; None leaves it out."""
        self._url_filter = change
        return change

    def conversion_filter(self, keep: Callable[[Event], bool]) -> Callable[[Event], bool]:
        """Register what decides, in the request, whether an event is tracked at all (staff, test orders)."""
        self._conversion_filter = keep
        return keep

    def off_page(self, view: View) -> View:
        """Mark a view whose request is not the visitor's (webhook, admin): it lends no IP, agent, cookie or consent."""
        setattr(view, _OFF_PAGE, True)
        return view

    # --- tracking --------------------------------------------------------------------------------------------------

    @overload
    def track(self, event: Event, **options: Unpack[TwinOptions]) -> Conversion: ...

    @overload
    def track(self, event: Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None: ...

    def track(self, event: Event | Callable[[], Event], **options: Unpack[TwinOptions]) -> Conversion | None:
        """Track a conversion of this request's visitor: both halves, one id.

        The browser half is rendered by `head()` on this page or on the visitor's next one; the server half is stored
        before this returns. Identity given as keywords (email=, phone=, …) is added to what the request tells. In an
        `off_page` view, and outside a request, pass `consent=` and what you know of the visitor.
        """
        if self._conversion_filter and isinstance(event, Event) and not self._conversion_filter(event):
            options["platforms"] = ()
        visitor, consent = options.get("visitor"), options.get("consent")
        identity = {name: value for name, value in options.items() if name in _IDENTITY}
        plain = cast("TrackOptions", {name: value for name, value in options.items() if name in _PLAIN})
        visit = self.visit()
        if visit is not None and not self._is_off_page():
            return visit.track(event, visitor=visitor, consent=consent, identity=identity, **plain)
        return self._track_off_page(event, visitor, consent, identity, plain)

    def _track_off_page(
        self,
        event: Event | Callable[[], Event],
        visitor: AnyVisitor | None,
        consent: Consent | None,
        identity: Mapping[str, Any],
        options: TrackOptions,
    ) -> Conversion | None:
        state = self._state()
        if consent is None:
            consent = state.fixed_consent or Consent.denied()
            if state.fixed_consent is None:
                log.error("an off-page conversion needs consent=: nobody is here to ask, so it counts as refused")
        if not state.site.live:
            options["platforms"] = ()
        if visitor is None:
            try:
                visitor = Visitor(**identity)
            except InvalidInput as error:
                if state.tracker.on_error == "raise":
                    raise
                log.error("tracking fault (visitor): %s", error)
        return state.tracker.track(event, visitor=visitor, consent=consent, **options)

    @property
    def tracker(self) -> Tracker:
        """The current application's tracker."""
        return self._state().tracker

    def csp_sources(self) -> dict[str, list[str]]:
        """The hosts that the configured pixels need, by Content-Security-Policy directive."""
        sources: dict[str, list[str]] = {}
        for platform in self.tracker.platforms:
            if platform.browser:
                for directive, hosts in platform.csp_sources().items():
                    known = sources.setdefault(directive, [])
                    known.extend(host for host in hosts if host not in known)
        return sources

    def start_delivery(self, app: Flask | None = None) -> None:
        """Start this process's delivery thread now instead of at its first request."""
        (self._state() if app is None else _state_of(app)).tracker.start_worker()

    # --- the request -----------------------------------------------------------------------------------------------

    def _state(self) -> _State:
        return _state_of(current_app)

    def _before(self) -> None:
        state = self._state()
        if not state.asked:
            state.asked = True
            if state.fixed_consent is None and self._consent_loader is None:
                log.error(NO_CONSENT_SOURCE)
        if state.threaded and state.site.live:
            state.tracker.start_worker()

    def visit(self) -> Visit | None:
        """What is known of the current request's visitor and what he did; None outside a request."""
        if not flask.has_request_context():
            return None
        if "pixeltwin_visit" not in g:
            site = replace(self._state().site, url_filter=self._url_filter, conversion_filter=self._conversion_filter)
            g.pixeltwin_visit = Visit(site, _request(), consent=self._consent, person=self._person)
        visit: Visit = g.pixeltwin_visit
        return visit

    def _is_off_page(self) -> bool:
        view = current_app.view_functions.get(request.endpoint or "")
        return bool(getattr(view, _OFF_PAGE, False))

    def _consent(self) -> Consent:
        state = self._state()
        if self._consent_loader is None:
            return state.fixed_consent or Consent.denied()
        try:
            answer = self._consent_loader()
        except Exception:
            if state.tracker.on_error == "raise":
                raise
            log.exception("the consent loader failed; this visitor counts as having refused")
            return Consent.denied()
        return answer if isinstance(answer, Consent) else Consent(answer)

    def _person(self) -> Mapping[str, Any]:
        person = self._visitor_loader() if self._visitor_loader else None
        if person is None:
            return {}
        return person if isinstance(person, Mapping) else {k: v for k, v in person.__dict__.items() if v}

    def _after(self, response: Response) -> Response:
        visit = self.visit() if "pixeltwin_visit" in g or _may_have_landed() else None
        if visit is None or self._is_off_page():
            return response
        changes = visit.changes()
        for cookie in changes.cookies:
            _set(response, cookie)
        if changes.varies:
            response.vary.add("Cookie")
        if changes.cache:
            if response.cache_control.public or response.cache_control.s_maxage is not None:
                log.warning("%s may not be cached for others: it carries one visitor's conversions", request.path)
            response.cache_control.clear()
            response.cache_control.private = True
            if changes.cache == "no-store":
                response.cache_control.no_store = True
        return response

    # --- first-party paths -----------------------------------------------------------------------------------------

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("pixeltwin", __name__, url_prefix="/_pixeltwin")
        script = (files("pixeltwin") / "static" / "pixeltwin.js").read_bytes()

        @blueprint.get("/pixeltwin.js")
        def first_party_script() -> Response:
            response = Response(script, mimetype="text/javascript")
            response.cache_control.public = True
            response.cache_control.max_age = 3600
            response.add_etag()
            response.make_conditional(request)
            return response

        @blueprint.post("/page-view")
        def page_view() -> Response:
            visit = self.visit()
            if visit is None or not visit.request.same_origin:
                return Response("only pages of this site may report their views\n", 403, mimetype="text/plain")
            if (request.content_length or 0) > LARGEST_REPORT:
                return Response("too large\n", 413, mimetype="text/plain")
            body: dict[str, Any] = request.get_json(force=True, silent=True)
            if not isinstance(body, dict) or self._state().site.page_views != "beacon":
                return Response("not a page view\n", 400, mimetype="text/plain")
            visit.page_view(body)
            response = Response(status=204)
            response.cache_control.no_store = True
            return response

        return blueprint


class TemplateSide:
    """What templates see as `pixeltwin`."""

    def __init__(self, twin: PixelTwin) -> None:
        self._twin = twin

    def head(self, nonce: str | None = None) -> Markup:
        """The pixels and this visitor's conversions, for the page's <head>. The nonce is found by itself: the
        `csp_nonce` of Flask-Talisman or of `g`; pass it otherwise."""
        visit = self._twin.visit()
        return visit.head(nonce or _nonce()) if visit is not None else Markup()

    def conversions(self) -> list[Conversion]:
        """The conversions of this page: tracked in this request or rendered on it."""
        visit = self._twin.visit()
        return visit.conversions if visit is not None else []

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return self._twin.tracker.platforms


_PLAIN = frozenset(TrackOptions.__annotations__)
_IDENTITY = frozenset(TwinOptions.__annotations__) - _PLAIN - {"visitor", "consent"}


def _state_of(app: Flask) -> _State:
    try:
        state: _State = app.extensions["pixeltwin"]
    except KeyError:
        raise ConfigurationError("this application has no PixelTwin: call init_app(app)") from None
    return state


def _flask_keys(app: Flask) -> tuple[str, ...]:
    config: dict[str, Any] = app.config
    keys: list[Any] = [*(config.get("SECRET_KEY_FALLBACKS") or ()), config.get("SECRET_KEY")]
    return tuple(key.decode() if isinstance(key, bytes) else str(key) for key in keys if key)


def _request() -> Request:
    return Request(
        method=request.method,
        url=request.url,
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=request.cookies,
        remote_addr=request.remote_addr,
    )


def _may_have_landed() -> bool:
    """Whether this request could be a landing from an ad: a page, with a query."""
    return request.method == "GET" and bool(request.query_string) and request.endpoint != "static"


def _set(response: Response, cookie: Cookie) -> None:
    if cookie.value:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(cookie.name, secure=request.is_secure, httponly=True, samesite="Lax")


def _nonce() -> str | None:
    """The page's CSP nonce where it is usually kept."""
    template_globals: dict[str, Any] = current_app.jinja_env.globals
    found: Any = g.get("csp_nonce") or template_globals.get("csp_nonce")
    if callable(found):
        found = found()
    return str(found) if found else None


def _exempt_from_csrf(app: Flask, blueprint: Blueprint) -> None:
    """A beacon cannot carry a token; it changes nothing of the user's and is checked by its origin instead."""
    protection = app.extensions.get("csrf")
    if protection is not None and hasattr(protection, "exempt"):
        protection.exempt(blueprint)
