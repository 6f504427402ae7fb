"""Settings, read once: `PIXELTWIN_*` from the application's configuration, else from the environment.

A platform's own settings are `PIXELTWIN_<PLATFORM>_<ARGUMENT>`, such as the pixel id and the access token; a platform
is used when its required ones are set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, NamedTuple

from . import consent_sources
from .consent import Consent
from .consent_sources import GpcMeaning
from .contract import COMMON_SETTINGS, Platform, Setting
from .errors import ConfigurationError, UnknownName
from .normalising.addresses import on_this_machine
from .platforms import faulty, installed
from .tracker import Tracker
from .web import split_url

log = logging.getLogger("pixeltwin")

PREFIX = "PIXELTWIN_"
FIXED_ANSWERS = ("granted", "limited", "denied", "pending")
BANNERS = ("onetrust", "cookiebot", "tcf")
TRIED_OUTBOX = "sqlite:///pixeltwin-sandbox.db"  # the default while there is a sandbox
PageViews = Literal["beacon", "server", "browser", "off"]

_ELSEWHERE = (
    "Only PIXELTWIN_* of the environment were read; for an application with settings of its own, Flask's SECRET_KEY "
    "among them, there is `flask --app yourapp pixeltwin …`"
)


class Option(NamedTuple):
    """One setting. `choices` are all it may be; a default of () or None means there is none."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option("SECRET_KEYS", (), "what ids are derived with, oldest first (a list, or commas); Flask: SECRET_KEY serves"),
    Option("SITE", "", "keeps several sites apart that share an outbox or a secret key"),
    Option("OUTBOX", "sqlite:///pixeltwin.db", "where conversions wait: sqlite:///file.db, postgresql://… or memory:"),
    Option("OUTBOX_BOUND", 1_000_000, "how many conversions may wait for a platform before it loses others; 0: any"),
    Option(
        "CONSENT", None, "the banner whose cookie is read, or a fixed answer of a site without", FIXED_ANSWERS + BANNERS
    ),
    Option("CONSENT_GROUP", None, "the banner's own name for advertising; default: C0004 or marketing"),
    Option("TCF_VENDORS", (), "ids on IAB's Global Vendor List: name=id, name=id"),
    Option("TCF_UNLISTED", "denied", "who is not on that list: denied, or the purposes count", ("denied", "purposes")),
    Option("GPC", "limited", "what Sec-GPC: 1 lowers a consent to", ("limited", "denied", "ignore")),
    Option("VISITOR_ID", "off", "a first-party id of guests who agreed, told as their external_id", ("on", "off")),
    Option("COOKIE_DOMAIN", None, "the domain whose subdomains share our cookies, such as shop.example"),
    Option("PAGE_VIEWS", "beacon", "who reports page views", ("beacon", "server", "browser", "off")),
    Option("DELIVERY", "live", "off: neither half goes anywhere (staging)", ("live", "off")),
    Option("TEST_UNTIL", None, "until this time (ISO 8601 with a zone, a day ahead at most) all goes to test modes"),
    Option("TEST_IDS", (), "ids of tests, for platforms that need one: name=id, name=id"),
    Option("WORKER", "thread", "who delivers: a thread in this process, or `pixeltwin deliver`", ("thread", "off")),
    Option("HEALTH_TOKEN", None, "who gives it as Bearer token gets /_pixeltwin/health; not set: nobody does"),
    Option("SANDBOX", None, "URL of a sandbox that gets both halves, not the platforms; 1: one in the app (debug)"),
    Option("PHONE_REGION", None, "ISO country of phone numbers that carry no country code, such as DE"),
    Option("KEEP_PARAMETERS", (), "query parameters a page's URL may keep beside click ids and utm_*"),
    Option("ACKNOWLEDGE", "purchases", "of what pages report which pixels fired", ("purchases", "all", "off")),
    Option("PAGE_CACHE", "none", "shared: a cache keeps pages, and none holds a visitor's data", ("none", "shared")),
    Option("INLINE", False, "the code in each page instead of in the first-party script"),
    Option("CLEAN_URL", True, "take all other parameters out of the address bar before a pixel reads it"),
    Option(
        "ON_ERROR", None, "a tracking fault: log it or raise it; default: raise in debug and testing", ("log", "raise")
    ),
    Option(
        "WHEN_UNSURE", "suppress", "a late server half whose pixel was shown, never confirmed", ("suppress", "send")
    ),
)

# What a tracker is made of, beside its platforms: an application reads none of these itself.
OF_TRACKER = (
    *("SECRET_KEYS", "SITE", "OUTBOX", "OUTBOX_BOUND", "DELIVERY", "TEST_UNTIL", "TEST_IDS", "SANDBOX"),
    *("PHONE_REGION", "ON_ERROR", "WHEN_UNSURE"),
)


class Settings:
    """The settings of one application: the mapping first, then the environment, then the default.

    `lent`: names that fixtures of a test have put into the environment, for whichever application reads them."""

    lent: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._config = config or {}
        self._environ = os.environ if environ is None else environ
        self._options = {option.name: option for option in OPTIONS}

    def raw(self, name: str) -> Any:
        """The value of `PIXELTWIN_<name>` as it stands, or None."""
        key = PREFIX + name
        value = self._config.get(key)
        return self._environ.get(key) if value is None else value

    def get(self, name: str) -> Any:
        """An option's value, checked against its choices."""
        option = self._options[name]
        value = self.raw(name)
        if value is None or value == "":
            return option.default
        if option.choices and value not in option.choices:
            raise ConfigurationError(f"{PREFIX}{name} must be one of {', '.join(option.choices)}")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        return truth(value, PREFIX + name)

    def number(self, name: str) -> int:
        value = str(self.get(name))
        if not value.isdecimal():
            raise ConfigurationError(f"{PREFIX}{name} must be a whole number, 0 or more")
        return int(value)

    def words(self, name: str) -> tuple[str, ...]:
        """A list, or one text with commas."""
        return words(self.get(name), PREFIX + name)

    def pairs(self, name: str) -> Mapping[str, str]:
        """A mapping, or one text such as "name=value, name=value"."""
        return pairs(self.get(name), PREFIX + name)

    @property
    def consent(self) -> Consent | None:
        """The fixed answer of the settings, if there is one."""
        value = self.get("CONSENT")
        return Consent(value) if value in FIXED_ANSWERS else None

    @property
    def consent_source(self) -> consent_sources.ConsentSource | None:
        """The banner whose cookie says what a visitor allows, if one is set."""
        group = self.get("CONSENT_GROUP")
        match self.get("CONSENT"):
            case "onetrust":
                return consent_sources.OneTrust(group) if group else consent_sources.OneTrust()
            case "cookiebot":
                return consent_sources.Cookiebot(group) if group else consent_sources.Cookiebot()
            case "tcf":
                return consent_sources.Tcf(self._vendors(), self.get("TCF_UNLISTED"))
            case _:
                return None

    @property
    def gpc(self) -> GpcMeaning:
        meaning: GpcMeaning = self.get("GPC")
        return meaning

    def _vendors(self) -> Mapping[str, int]:
        vendors = self.pairs("TCF_VENDORS")
        if wrong := [name for name, one in vendors.items() if not (one.isascii() and one.isdigit() and int(one))]:
            raise ConfigurationError(f"{PREFIX}TCF_VENDORS: the id of {', '.join(wrong)} must be a number above zero")
        return {name: int(one) for name, one in vendors.items()}

    def platforms(self) -> list[Platform]:
        """Every platform whose required settings are there; `ConfigurationError` when one is set by half, or comes of a
        faulty package."""
        for kind, fault in faulty().items():
            if self.given_for(kind):
                raise ConfigurationError(fault)
        return [found for kind in installed() if (found := self.platform(kind))]

    def platform(self, kind: str) -> Platform | None:
        """The platform of this kind, None where none of its settings is there; `ConfigurationError` when it is set by
        half, or wrong."""
        platform = installed()[kind]
        arguments: dict[str, Any] = {}
        for name, setting in settings_of(kind).items():
            value = self.raw(name)
            if value is not None and value != "":
                arguments[setting.name] = _read(value, setting, PREFIX + name)
        if not arguments:
            return None
        missing = [setting for setting in platform.settings if setting.required and setting.name not in arguments]
        if missing:
            names = " and ".join(
                f"{PREFIX}{kind.upper()}_{setting.name.upper()} ({setting.help})" for setting in missing
            )
            raise ConfigurationError(f"{platform.title} is configured by half: set {names}")
        arguments.update(self.emulated(platform))
        try:
            return platform(**arguments)
        except UnknownName as error:
            raise ConfigurationError(f"{PREFIX}{kind.upper()}_NAMES: {error}") from None

    def emulated(self, platform: type[Platform]) -> Mapping[str, str]:
        """The arguments that point a platform to the sandbox, where there is one."""
        return platform.emulated(self.sandbox) if self.sandbox else {}

    @property
    def sandbox(self) -> str:
        """The sandbox's URL, "1" for one of the application's own, or nothing."""
        value = str(self.get("SANDBOX") or "").strip()
        return {"true": "1", "yes": "1", "on": "1", "0": "", "false": "", "no": "", "off": ""}.get(value.lower(), value)

    @property
    def outbox(self) -> str:
        """The URL of the outbox. What a sandbox got is another file's by default: an order is known there that the
        platforms never heard of, and what still waits is not for them."""
        return TRIED_OUTBOX if self.sandbox and not self.raw("OUTBOX") else self.get("OUTBOX")

    @property
    def own_sandbox(self) -> bool:
        """Whether the application is to have a sandbox of its own."""
        return self.sandbox == "1"

    def tracker(self, *, secret_keys: Sequence[str] = (), debug: bool = False) -> Tracker:
        """The tracker that these settings describe. `secret_keys` serve where the settings name none."""
        self._warn()
        platforms = self.platforms()
        if not platforms:
            raise ConfigurationError(f"no platform is configured. Set, for at least one, {self.required()}")
        self._check_sandbox(debug)
        keys = self.words("SECRET_KEYS") or tuple(secret_keys)
        if not keys:
            raise ConfigurationError(
                f"no secret key is set: set {PREFIX}SECRET_KEYS, or Flask's SECRET_KEY. "
                'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        return Tracker(
            platforms,
            secret_keys=keys,
            site=self.get("SITE"),
            outbox=self.outbox,
            outbox_bound=self.number("OUTBOX_BOUND"),
            keep_parameters=self.words("KEEP_PARAMETERS"),
            phone_region=self.get("PHONE_REGION"),
            on_error=self.get("ON_ERROR") or ("raise" if debug else "log"),
            when_unsure=self.get("WHEN_UNSURE"),
            live=self.get("DELIVERY") == "live",
            test_until=self.get("TEST_UNTIL"),
            test_ids=self.pairs("TEST_IDS"),
            introduces=not self.sandbox,
        )

    def check_beside_tracker(self) -> None:
        """Raise `ConfigurationError` for what is set and nothing reads where the application gives its own tracker."""
        self._warn()
        names = (*OF_TRACKER, *(name for kind in installed() for name in settings_of(kind)))
        own = Settings(self._config, {name: value for name, value in self._environ.items() if name not in self.lent})
        if given := [PREFIX + name for name in names if own.raw(name) not in (None, "")]:
            raise ConfigurationError(
                f"{', '.join(given)}: nothing reads what a tracker is made of where the application gives its own, "
                "PixelTwin(tracker=…). Build it into that Tracker and unset it (your code may read other names from "
                "the environment), or leave tracker= out"
            )

    def _warn(self) -> None:
        for advice in self.unknown():
            log.warning(advice)

    def _check_sandbox(self, debug: bool) -> None:
        """A sandbox takes conversions away from the platforms: only on this machine, or while debugging."""
        if self.own_sandbox:
            raise ConfigurationError(
                f"{PREFIX}SANDBOX=1 is for a Flask application that is being debugged: flask run --debug, and "
                "flask --debug pixeltwin … for commands. Elsewhere "
                f"start `pixeltwin sandbox` and set {PREFIX}SANDBOX to its URL. Unset it in production"
            )
        url = split_url(self.sandbox or "http://127.0.0.1")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigurationError(f"{PREFIX}SANDBOX must be a URL with its http://, such as http://localhost:8100")
        if not debug and not on_this_machine(url.hostname):
            raise ConfigurationError(
                f"{PREFIX}SANDBOX points to another machine and debugging is off: conversions would go there and "
                "never be counted. Unset it in production"
            )

    def unknown(self) -> list[str]:
        """Settings that nothing reads, each with the one it may have been meant for."""
        known = {PREFIX + name for name in self._options}
        known |= {PREFIX + name for kind in installed() for name in settings_of(kind)}
        known |= {name for kind in faulty() for name in self.given_for(kind)}  # by which nobody can go
        found: list[str] = []
        for name in sorted(self._given - known):
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
            found.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
        return found

    @property
    def _given(self) -> set[str]:
        return {str(name) for name in (*self._config, *self._environ) if str(name).startswith(PREFIX)}

    def given_for(self, kind: str) -> list[str]:
        """The names of the settings that are there for a platform of this kind, be it installed or not."""
        ours = {PREFIX + name for name in self._options}
        theirs = sorted(name for name in self._given - ours if name.startswith(f"{PREFIX}{kind.upper()}_"))
        return [name for name in theirs if self.raw(name.removeprefix(PREFIX)) not in (None, "")]

    @property
    def elsewhere(self) -> str:
        """Where other settings may be, as advice; nothing where those of an application were read."""
        return "" if self._config else _ELSEWHERE

    def required(self) -> str:
        """What to set so that any platform is there, as advice."""
        found = "; or ".join(f"{platform.title}: {self.needed(kind)}" for kind, platform in installed().items())
        return found + (". A sandbox takes any value of the right form" if self.sandbox else "")

    def needed(self, kind: str) -> str:
        """The settings that a platform of this kind needs for both its halves."""
        wanted = (one for one in installed()[kind].settings if one.required or one.sends or one.secret)
        return ", ".join(f"{PREFIX}{kind.upper()}_{one.name.upper()}" for one in wanted)


def settings_of(kind: str) -> Mapping[str, Setting]:
    """The settings of a platform of this kind, its own and those common to all, by their names without the prefix."""
    return {f"{kind.upper()}_{one.name.upper()}": one for one in (*installed()[kind].settings, *COMMON_SETTINGS)}


def _read(value: Any, setting: Setting, name: str) -> Any:
    """A value as the platform's argument."""
    if setting.kind is bool:
        return truth(value, name)
    if setting.kind is tuple:
        return words(value, name)
    if setting.kind is dict:
        return pairs(value, name)
    return str(value) if type(value) is int else value  # ids are written as numbers too


def words(value: str | Iterable[str], name: str) -> tuple[str, ...]:
    """A list, or one text with commas."""
    try:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if part.strip())
    except (AttributeError, TypeError):  # a number, or what holds some
        raise ConfigurationError(f"{name} must be a list, or one text with commas") from None


def pairs(value: str | Sequence[str] | Mapping[str, str], name: str) -> Mapping[str, str]:
    """A mapping, or one text such as "name=value, name=value"."""
    if isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    found = {key.strip(): one.strip() for key, _, one in (word.partition("=") for word in words(value, name))}
    if not all(found) or not all(found.values()):
        raise ConfigurationError(f"{name} must be written as name=value, name=value")
    return found


def truth(value: Any, name: str) -> bool:
    """A yes or no as people write it in an environment."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise ConfigurationError(f"{name} must be true or false")
