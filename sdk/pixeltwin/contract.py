"""The Platform contract: all that pixeltwin asks of Reddit, Snap, Pinterest or a platform of yours.

A platform is one package (`platforms/<name>/`) and one template. Everything here is pure: a platform maps values to
values; `now` is an argument; the only one who sends is `delivery`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, TypedDict

from typing_extensions import Unpack

from . import deferred
from .consent import Consent, State
from .conversion import AHEAD, Conversion
from .errors import CannotSend, ConfigurationError, UnknownName, nearest
from .events import EVENT_TYPES, Event, Refund
from .frozen import FrozenDict
from .values import JSON as JSON
from .values import BrowserCall as BrowserCall
from .values import EventName as EventName
from .values import Loss as Loss
from .values import ServerRequest as ServerRequest
from .values import Setting as Setting
from .values import Signals as Signals
from .visitor import VISITOR_FIELDS, AnyVisitor, Rule
from .wires import Wires

if TYPE_CHECKING:
    from .dedup import Half as Half
    from .dedup import Verdict as Verdict
    from .emulation import Emulator
    from .outcomes import Delivered as Delivered
    from .outcomes import Misconfigured as Misconfigured
    from .outcomes import Outcome as Outcome
    from .outcomes import Refused as Refused
    from .outcomes import RetryLater as RetryLater
    from .probing import Probe as Probe
    from .probing import Probed as Probed
else:  # what is made of answers: a process that leaves delivery to others has none
    __getattr__ = deferred(
        globals(),
        {
            **dict.fromkeys(("Half", "Verdict"), ".dedup"),
            **dict.fromkeys(("Delivered", "Misconfigured", "Outcome", "Refused", "RetryLater"), ".outcomes"),
            **dict.fromkeys(("Probe", "Probed"), ".probing"),
        },
    )

Token = str | Callable[[], str]


class PlatformOptions(TypedDict, total=False):
    """The arguments common to all platforms.

    `name` tells two pixels of one platform apart; `names` maps events to platform names site wide; `withhold` names
    what of a `Visitor` it never gets; `before_send` sees every conversion before either half is made (return it,
    changed or not, or None to leave it out); `browser=False` / `server=False` switch a half off; `api_url` and
    `script_url` point elsewhere (the sandbox, a proxy).
    """

    name: str | None
    names: Mapping[str, str] | None
    withhold: Iterable[str]
    before_send: Callable[[Conversion], Conversion | None] | None
    browser: bool
    server: bool
    api_url: str | None
    script_url: str | None


COMMON_SETTINGS = (
    Setting("browser", "whether its pixel is told (default: yes)", kind=bool),
    Setting("server", "whether its API is told (default: yes)", kind=bool),
    Setting("withhold", "fields of a Visitor that it never gets", kind=tuple),
    Setting("names", "its own names for events, site wide: event=name", kind=dict),
)


class Platform(Wires, ABC):
    """One pixel or account of an advertising platform: both halves of it. Arguments common to all platforms: see
    `PlatformOptions`."""

    kind: ClassVar[str]  # the folder's name, the template's stem
    title: ClassVar[str]  # as people write it
    settings: ClassVar[tuple[Setting, ...]]
    identity: ClassVar[Mapping[str, Rule]]  # the vendor's table: field -> rule (see `Rule.source`); see `rules`
    event_names: ClassVar[Mapping[str, EventName | None]]  # by neutral event; None: it cannot say it
    known_names: ClassVar[tuple[EventName, ...]]  # every name the platform documents
    click_parameter: ClassVar[str]  # the URL parameter that carries the click id
    max_batch: ClassVar[int]  # events a request
    max_age: ClassVar[timedelta]  # older events are refused
    rate: ClassVar[float]  # requests a second this client allows itself
    recommended: ClassVar[tuple[str, ...]] = ()  # what it matches by best, by the names of `Visitor`'s fields
    late_after: ClassVar[tuple[tuple[timedelta, str], ...]] = ()  # rising ages of a waiting event, and what each means
    test_batch: ClassVar[int] = 1  # events a request in its test mode; 1 is shown by every vendor
    test_needs_id: ClassVar[bool] = False  # whether its test mode takes an id that its own site hands out
    iab_vendor: ClassVar[int | None] = None  # its id on IAB Europe's Global Vendor List; None: it is not on it
    iab_purposes: ClassVar[frozenset[int]] = frozenset({1, 3, 4, 7})  # store, profile, personalise and measure ads
    own_cookies: ClassVar[tuple[str, ...]] = ()  # what its script sets on the site's domain; withdrawal clears them
    default_api_url: ClassVar[str]
    default_script_url: ClassVar[str]
    template_package: ClassVar[str] = "pixeltwin.pixel_templates"

    def __init__(
        self,
        *,
        account: str,
        access_token: Token | None = None,
        **common: Unpack[PlatformOptions],
    ) -> None:
        self.name = common.get("name") or self.kind
        self.account = account
        self.names: Mapping[str, str] = FrozenDict(common.get("names") or {})
        self.withhold = frozenset(common.get("withhold", ()))
        self.before_send = common.get("before_send")
        self.browser = common.get("browser", True)
        self.server = common.get("server", True)
        self.api_url = (common.get("api_url") or self.default_api_url).rstrip("/")
        self.script_url = common.get("script_url") or self.default_script_url
        self._access_token = access_token
        self.rules = {name: rule for name, rule in self.identity.items() if (rule.source or name) not in self.withhold}
        unknown = set(self.names) - set(EVENT_TYPES)
        if unknown:
            raise ConfigurationError(f"{self.title}(names=): no such event: {', '.join(sorted(unknown))}")
        for wanted in self.names.values():
            self.named(wanted)
        strange = self.withhold - set(VISITOR_FIELDS)
        if strange:
            advice = f"no such field: {', '.join(sorted(strange))}; give some of {', '.join(VISITOR_FIELDS)}"
            raise ConfigurationError(f"{self.title}(withhold=): {advice}")

    def __repr__(self) -> str:
        token = "set" if self.has_token else "none"
        return f"{type(self).__name__}({self.account!r}, name={self.name!r}, access_token={token})"

    # --- who and where ---------------------------------------------------------------------------------------------

    @property
    def destination(self) -> str:
        """What rows are kept by: this pixel or account, whatever it is called in the settings."""
        return f"{self.kind}:{self.account}"

    @property
    def has_token(self) -> bool:
        return bool(self._access_token)

    @property
    def token(self) -> str:
        """The access token, asked for anew where it is a callable."""
        token = self._access_token() if callable(self._access_token) else self._access_token
        if not token:
            raise ConfigurationError(f"{self.title} has no access token; set it to send server events")
        return token

    @property
    def sends(self) -> bool:
        """Whether this platform has a server half at all."""
        return self.server and bool(self._access_token)

    @property
    def template(self) -> str:
        return f"{self.kind}.js.jinja"

    @classmethod
    def emulated(cls, base_url: str) -> Mapping[str, str]:
        """The arguments that point both halves to a sandbox at `base_url`."""
        emulator = cls.emulator()
        root = f"{base_url.rstrip('/')}/{cls.kind}"
        return {"api_url": f"{root}{emulator.api_path}", "script_url": f"{root}{emulator.script_path}"}

    # --- names -----------------------------------------------------------------------------------------------------

    def named(self, name: str) -> EventName:
        """The pair a platform name belongs to; `UnknownName` with the near matches."""
        for known in self.known_names:
            if name in (known.browser, known.server):
                return known
        spellings = sorted({known.server for known in self.known_names} | {known.browser for known in self.known_names})
        near = nearest(name, spellings)
        raise UnknownName(self.title, name, near, sorted({known.server for known in self.known_names}))

    def event_name(self, event: Event) -> EventName:
        """The platform's name for an event, on both sides: the event's own `names=`, the platform's, the table's."""
        kind, own = event.type, event.names
        if own or self.names:
            wanted = own.get(self.name) or own.get(self.kind) or self.names.get(kind)
            if wanted:
                return self.named(wanted)
        found = self.event_names.get(kind)
        if found is None:
            raise CannotSend(
                self.name,
                "no_event_name",
                f"{self.title} has no event for {kind}; pass names={{{self.kind!r}: '…'}} to use one of its own names",
            )
        return found

    # --- consent and choice ----------------------------------------------------------------------------------------

    def state(self, consent: Consent) -> State:
        """What the visitor allowed this pixel, by its name or by its platform."""
        own = consent.platforms
        return (own.get(self.name) or own.get(self.kind) or consent.default) if own else consent.default

    def limited(self, consent: Consent) -> bool:
        return self.state(consent) == "limited"

    def allowed(self, consent: Consent) -> bool:
        return self.state(consent) in ("granted", "limited")

    def honours(self, consent: Consent, visitor: AnyVisitor) -> bool:
        """Whether this platform can keep to what the visitor allowed: limited use may need more than is known of him.
        Where it cannot, it is treated as denied on both halves."""
        return True

    def prepared(self, conversion: Conversion) -> Conversion | None:
        """The conversion as this platform gets it, on both halves; None when `before_send` left it out."""
        return self.before_send(conversion) if self.before_send else conversion

    def wants(self, conversion: Conversion) -> bool:
        """Whether the caller wants this platform told (consent is asked separately)."""
        named = conversion.platforms
        return named is None or self.name in named or self.kind in named

    @staticmethod
    def on_page(conversion: Conversion) -> bool:
        """Whether a conversion has a browser half at all: it happened on a page, where the visitor sees it. Apps and
        shops have no page, and a refund is made by the merchant."""
        return conversion.action_source == "web" and not isinstance(conversion.event, Refund)

    # --- checks ----------------------------------------------------------------------------------------------------

    def check_age(self, conversion: Conversion, now: datetime | None) -> None:
        """Raise `CannotSend` when the platform would refuse the event for its time. `now=None`: not looked at."""
        if now is None:
            return
        age = now - conversion.occurred_at
        if age > self.max_age:
            raise CannotSend(self.name, "too_old", f"{self.title} takes no event older than {self.max_age.days} days")
        if -age > AHEAD:
            raise CannotSend(self.name, "in_the_future", "the event lies in the future; check the clock")

    # --- what a platform says --------------------------------------------------------------------------------------

    @abstractmethod
    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        """The calls that tell the pixel of this conversion; none for what is not `on_page`. `CannotSend` when it has no
        name for it."""

    @abstractmethod
    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        """The calls that start the pixel: hashed advanced matching, limited data use. Never event fields. A page tells
        this pixel of conversions with the functions that stand here, and with no other."""

    @abstractmethod
    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        """The event as this platform's API takes it. `CannotSend` when it would be refused; `now=None`: age is not
        looked at."""

    def check(self, conversion: Conversion, now: datetime | None = None) -> None:
        """Raise `CannotSend` when `server_event` would: name, match keys, age."""
        self.server_event(conversion, now)

    @abstractmethod
    def losses(self, conversion: Conversion) -> list[Loss]:
        """What of this conversion the platform will not get, each with its reason."""

    @abstractmethod
    def window(self, event: Event) -> timedelta:
        """How long after the first half the second one is certain to be taken for the same conversion."""

    def lane(self, event: Mapping[str, JSON]) -> str:
        """Events of one lane may share a request."""
        return ""

    @abstractmethod
    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        """One request with these events (of one lane). `test`: to the platform's own test mode, where nothing counts;
        the id where `test_needs_id`."""

    @abstractmethod
    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        """One outcome an event, in order, from the parsed answer. Header names are lower case."""

    def spent(self, headers: Mapping[str, str]) -> float | None:
        """Seconds until requests are taken again, where an answer's headers say that none remains now. Header names are
        lower case."""
        from . import replies

        return replies.spent(headers)

    @staticmethod
    @abstractmethod
    def dedup(first: Half, second: Half) -> Verdict:
        """The platform's published rule for two halves, `first` received first. It reads no settings, so that the
        sandbox, which knows no pixel and no account, can ask it too."""

    @abstractmethod
    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        """The click id and browser id in a URL's query and the request's cookies."""

    @abstractmethod
    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        """The hosts the pixel needs, by Content-Security-Policy directive."""

    def check_settings(self) -> list[str]:
        """What looks wrong in the settings, each with what to do."""
        return []

    def probe(self, now: datetime, test_id: str | None = None) -> Probe:
        """A request that tells whether token and account are right: a made-up event for its test mode, or `void_event`
        where that needs an id that is not given. `CannotSend` where there is nothing that it would answer."""
        from . import probing

        return probing.probe(self, now, test_id)

    def void_event(self, now: datetime) -> dict[str, JSON]:
        """An event that it looks at only after token and account, and is documented never to take. Asked for where
        `test_needs_id`."""
        raise CannotSend(self.name, "no_test_id", f"{self.title} can only be asked under a test id; set it in test_ids")

    def read_probe(self, probe: Probe, status: int, headers: Mapping[str, str], body: bytes) -> Probed:
        """What the answer to a probe says. Header names are lower case."""
        from . import probing

        return probing.read(self, probe, status, headers, body)

    def stop_calls(self) -> list[BrowserCall]:
        """The calls that stop its script on a page where consent is taken back; none where none are documented."""
        return []

    def resume_calls(self) -> list[BrowserCall]:
        """The calls that undo those, for a visitor who agrees again on that page."""
        return []

    def noscript_images(self, conversions: Sequence[Conversion], visitor: AnyVisitor, consent: Consent) -> list[str]:
        """URLs of images for browsers without JavaScript, where the platform documents them: the page's own, then one
        a conversion (as `prepared` left them)."""
        return []

    @classmethod
    @abstractmethod
    def emulator(cls) -> Emulator:
        """What the sandbox serves for this platform."""
