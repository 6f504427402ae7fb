"""Pinterest: the Pinterest tag and the API for Conversions v5, both halves of one conversion.

`README.md` beside this file has the fields of both halves, the limits and what is uncertain, with sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from ...consent import Consent
from ...contract import (
    JSON,
    BrowserCall,
    EventName,
    Loss,
    Outcome,
    Platform,
    PlatformOptions,
    ServerRequest,
    Setting,
    Signals,
    Token,
)
from ...conversion import Conversion
from ...dedup import Half, Verdict
from ...errors import CannotSend, ConfigurationError, letters
from ...events import Event, Refund
from ...frozen import FrozenDict
from ...normalising.amounts import ValueBasis, checked_basis
from ...strictjson import encode
from ...version import user_agent
from ...visitor import AnyVisitor
from ...withholding import page
from . import apps, dedup, images, losses, mapping, replies, signals

if TYPE_CHECKING:
    from ...emulation import Emulator

_AD_ACCOUNT_ID = re.compile(r"[0-9]{1,18}")  # OpenAPI 5.23.0
_USUAL_TAG_ID = re.compile(r"26[0-9]{11}")  # the forms that Pinterest's own tag templates check
_USUAL_AD_ACCOUNT_ID = re.compile(r"549[0-9]{9}")
_POSSIBLE_TOKEN = re.compile(r"[!#-&(-~]+")  # printable ASCII without blanks and quotes
_NO_MATCH_KEY = "Pinterest needs an e-mail address, a mobile ad id, or IP address and user agent together"
_NO_PLACE = (
    "Pinterest limits data use only for a known state and country; pass Consent.limited(state='CA', country='US')"
)
_REFUNDS_OFF = "Pinterest has no event for a refund; set refunds=True to send it as a custom event of the API"
_MOST_OWN_NAMES = 15  # "Define your own event types", developers.pinterest.com
_OWN_NAME = re.compile(r"[A-Za-z_]+")  # what Pinterest's own tag templates let pass
_PARTNER_NAME = re.compile(r"ss-[a-z0-9_-]+|direct")  # "ss-partnername" lowercase (5.23.0); "direct" (2026)
_BOT = re.compile("Pinterestbot|Googlebot|bingbot")


class Pinterest(Platform):
    """A Pinterest tag and the ad account its conversions belong to.

    `tag_id` is on the page, `ad_account_id` in the API's path: two different numbers. `access_token` is the conversion
    access token (or an OAuth token with `ads:write`; a callable where it expires). `collect_url` is where the image for
    browsers without JavaScript goes.

    `value_basis`: "net" (a purchase counts before tax and shipping, as Pinterest recommends) or "total"; the same on
    both halves. `refunds=True` sends refunds as custom events of the API. `custom_events` gives your own events a name
    of Pinterest's, or one of your own (letters and underscores, at most 15 of them). `newer_fields=True` sends what the
    published description of 5.23.0 does not have yet; an API that does not know them refuses the whole request.
    `lettered_postal_codes=True` hashes postal codes such as "SW1A 1AA" too, which Pinterest's rule (digits only) leaves
    nothing of. `first_party_cookies=False` makes the tag set none. `partner_name` is for senders that Pinterest gave
    one.
    """

    kind = "pinterest"
    title = "Pinterest"
    settings = (
        Setting("tag_id", "Pinterest tag ID: 13 digits, Ads Manager > Conversions > Pinterest tag", required=True),
        Setting(
            "ad_account_id",
            "Ad account ID: 12 digits, in the address of Ads Manager; needed to send server events",
            sends=True,
        ),
        Setting(
            "access_token",
            "Conversion access token: Ads Manager > Conversions > Conversions API > Generate new token",
            secret=True,
        ),
        Setting("value_basis", "what a purchase counts: net (before tax and shipping; the default) or total"),
        Setting("refunds", "whether refunds are sent, as custom events of the API (default: no)", kind=bool),
        Setting("custom_events", "names of your own events: your name=Pinterest's, or one of your own", kind=dict),
        Setting("newer_fields", "whether fields newer than API 5.23.0 are sent (default: no)", kind=bool),
        Setting("lettered_postal_codes", "whether postal codes with letters are sent (default: no)", kind=bool),
        Setting("first_party_cookies", "whether the tag may set cookies of this site (default: yes)", kind=bool),
        Setting("partner_name", "the name Pinterest gave a partner that sends for others, such as ss-name"),
    )
    identity = mapping.IDENTITY
    event_names = mapping.EVENT_NAMES
    known_names = mapping.KNOWN_NAMES
    click_parameter = signals.CLICK_PARAMETER
    own_cookies = signals.OWN_COOKIES
    recommended = ("click_ids", "email", "external_id", "ip_address", "user_agent")  # see losses.py
    max_batch = 1000
    test_batch = 20  # with test=true only the first 20 events are looked at
    max_age = timedelta(days=7)
    # Segment's and Tealium's guides: later than an hour is reported as offline, and offline events "cannot be
    # deduplicated" (OpenAPI 5.23.0); a day is the certain dedup window.
    late_after = (
        (timedelta(hours=1), "Pinterest may take them as offline and count them beside the tag's"),
        (timedelta(days=1), "Pinterest may count them beside the tag's: its dedup window of a day has passed"),
    )
    rate = 80.0  # 5,000 calls a minute and ad account (OpenAPI 5.23.0)
    default_api_url = "https://api.pinterest.com/v5"
    default_script_url = "https://s.pinimg.com/ct/core.js"
    default_collect_url = "https://ct.pinterest.com"

    def __init__(
        self,
        *,
        tag_id: str,
        ad_account_id: str | None = None,
        access_token: Token | None = None,
        value_basis: ValueBasis = "net",
        refunds: bool = False,
        custom_events: Mapping[str, str] | None = None,
        newer_fields: bool = False,
        lettered_postal_codes: bool = False,
        first_party_cookies: bool = True,
        partner_name: str | None = None,
        collect_url: str | None = None,
        **common: Unpack[PlatformOptions],
    ) -> None:
        self.tag_id = str(tag_id).strip()
        self.ad_account_id = str(ad_account_id or "").strip() or None
        self.collect_url = (collect_url or self.default_collect_url).rstrip("/")
        token = _checked_token(access_token) if isinstance(access_token, str) else access_token
        if not (self.tag_id.isascii() and self.tag_id.isdigit()):
            raise ConfigurationError("Pinterest(tag_id=): give the tag's number, digits only, such as '2612345678901'")
        if self.ad_account_id and not _AD_ACCOUNT_ID.fullmatch(self.ad_account_id):
            raise ConfigurationError("Pinterest(ad_account_id=): give the ad account's number, at most 18 digits")
        if token and common.get("server", True) and not self.ad_account_id:
            raise ConfigurationError("Pinterest(ad_account_id=) is missing: the access token alone names no ad account")
        super().__init__(
            account=self.ad_account_id or self.tag_id,
            access_token=token,
            **common,
        )
        checked_basis(self.title, value_basis)
        self.value_basis: ValueBasis = value_basis
        self.refunds = refunds
        self.newer_fields = newer_fields
        self.first_party_cookies = first_party_cookies
        self.partner_name = (partner_name or "").strip() or None
        self.custom_events: Mapping[str, EventName] = FrozenDict(
            {own: self._own_name(theirs) for own, theirs in (custom_events or {}).items()}
        )
        if len({pair for pair in self.custom_events.values() if pair not in self.known_names}) > _MOST_OWN_NAMES:
            raise ConfigurationError(f"Pinterest(custom_events=): at most {_MOST_OWN_NAMES} names of your own")
        if lettered_postal_codes and "postal_code" in self.rules:
            self.rules = {**self.rules, "postal_code": mapping.LETTERED_POSTAL_CODE}

    def _own_name(self, name: str) -> EventName:
        """The pair of one of Pinterest's names, in any spelling: its tag takes them so, its API does not. Or a name of
        the advertiser's own, which is the same on both sides."""
        if not _OWN_NAME.fullmatch(name):
            raise ConfigurationError("Pinterest(custom_events=): a name has letters and underscores only")
        same = (known for known in self.known_names if letters(known.server) == letters(name))
        return next(same, EventName(name, name))

    @classmethod
    def emulated(cls, base_url: str) -> Mapping[str, str]:
        return {**super().emulated(base_url), "collect_url": f"{base_url.rstrip('/')}/{cls.kind}"}

    def check_settings(self) -> list[str]:
        found: list[str] = []
        if self.tag_id == self.ad_account_id or _USUAL_AD_ACCOUNT_ID.fullmatch(self.tag_id):
            found.append("tag_id looks like an ad account ID; the tag's number is under Ads Manager > Conversions")
        elif not _USUAL_TAG_ID.fullmatch(self.tag_id):
            found.append(
                "tag_id is unusual: Pinterest's tags have 13 digits and begin with 26; check for a typing error"
            )
        if self.ad_account_id and _USUAL_TAG_ID.fullmatch(self.ad_account_id):
            found.append("ad_account_id looks like a tag ID; the ad account's number is in the address of Ads Manager")
        elif self.ad_account_id and not _USUAL_AD_ACCOUNT_ID.fullmatch(self.ad_account_id):
            found.append("ad_account_id is unusual: ad accounts have 12 digits and begin with 549; check for an error")
        if self.partner_name and not _PARTNER_NAME.fullmatch(self.partner_name):
            found.append("partner_name is unusual: Pinterest gives names such as ss-name; leave it out if it gave none")
        return found

    # --- names -----------------------------------------------------------------------------------------------------

    def event_name(self, event: Event) -> EventName:
        if isinstance(event, Refund) and not self.refunds:
            raise CannotSend(self.name, "refunds_off", _REFUNDS_OFF)
        if self.custom_events and not (event.names.get(self.name) or event.names.get(self.kind)):
            own = self.custom_events.get(event.custom_name)
            if own:
                return own
        return super().event_name(event)

    def _name_for(self, conversion: Conversion) -> EventName:
        """The name to tell a conversion by, which is told only of people."""
        agent = conversion.visitor.user_agent
        if agent and "bot" in agent and _BOT.search(agent):
            raise CannotSend(self.name, "bot", "Pinterest wants no events of bots, and this user agent is one's")
        return self.event_name(conversion.event)

    # --- limited data processing -----------------------------------------------------------------------------------

    def limited_use(self, consent: Consent, visitor: AnyVisitor) -> dict[str, str] | None:
        """The three values that limit data use, all of them or none: state and country as digests, said with the
        consent or known of the visitor. None where one is missing; empty where use is not limited."""
        if not self.limited(consent):
            return {}
        found = {"opt_out_type": "LDP"}
        for key, field, said in (("st", "state", consent.state), ("country", "country", consent.country)):
            digest = self.identity[field].apply(said) if said else self.first(visitor, field)
            if digest is None:
                return None
            found[key] = digest
        return found

    def honours(self, consent: Consent, visitor: AnyVisitor) -> bool:
        return self.limited_use(consent, visitor) is not None

    def _must_limit(self, consent: Consent, visitor: AnyVisitor) -> dict[str, str]:
        found = self.limited_use(consent, visitor)
        if found is None:
            raise CannotSend(self.name, "limited_use_impossible", _NO_PLACE)
        return found

    # --- both halves -----------------------------------------------------------------------------------------------

    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        known = (("em", self.first(visitor, "email")), ("external_id", self.first(visitor, "external_id")))
        options: dict[str, JSON] = {key: digest for key, digest in known if digest}
        options.update(self._must_limit(consent, visitor))
        if not self.first_party_cookies:
            options["fp_cookie"] = False
        load = ("load", self.tag_id, options) if options else ("load", self.tag_id)
        return [BrowserCall("pintrk", load), BrowserCall("pintrk", ("page",))]

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        name = self._name_for(conversion).browser
        if not self.on_page(conversion):
            return []
        if not name:
            raise CannotSend(self.name, "no_event_name", "this is an app's event; the Pinterest tag has no name for it")
        data = mapping.tag_data(conversion.event, conversion.id, self.value_basis)
        return [BrowserCall("pintrk", ("track", name, data))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        name, source, limits = self._checked(conversion, now)
        event, newer = conversion.event, self.newer_fields
        user = mapping.user_data(self, conversion.visitor)
        custom = mapping.custom_data(event, self.value_basis, newer=newer)
        if limits:
            custom["opt_out_type"] = limits["opt_out_type"]
            user["st"], user["country"] = [limits["st"]], [limits["country"]]
        if newer and event.__dict__.get("customer_status") in mapping.CUSTOMER_TYPES:
            user["customer_type"] = event.__dict__["customer_status"]
        found: dict[str, JSON] = {
            "event_name": name,
            "action_source": source,
            "event_time": int(conversion.occurred_at.timestamp()),
            "event_id": conversion.id,
        }
        if source == "web":
            if url := page(self, conversion):  # "URL of the web conversion event"
                found["event_source_url"] = url
        else:
            found.update(apps.app_fields(conversion, newer=newer))
        screen = conversion.visitor.screen
        if screen and source != "offline" and "screen" not in self.withhold:
            apps.add_screen(found, screen)
        if self.partner_name:
            found["partner_name"] = self.partner_name
        found["user_data"] = user
        if custom:
            found["custom_data"] = custom
        return found

    def check(self, conversion: Conversion, now: datetime | None = None) -> None:
        self._checked(conversion, now)

    def _checked(self, conversion: Conversion, now: datetime | None) -> tuple[str, str, Mapping[str, str]]:
        """The event's name, its action source, and what limits its use."""
        name, source = self._name_for(conversion).server, apps.action_source(conversion)
        if source is None:
            raise CannotSend(
                self.name, "app_missing", "Pinterest must know whether the app is on iOS or Android: pass app="
            )
        self.check_age(conversion, now)
        if not mapping.matched(self, conversion.visitor):
            raise CannotSend(self.name, "no_match_key", _NO_MATCH_KEY)
        return name, source, self._must_limit(conversion.consent, conversion.visitor)

    def losses(self, conversion: Conversion) -> list[Loss]:
        return list(losses.of(self, conversion))

    def stop_calls(self) -> list[BrowserCall]:
        """It stops, and clears what it stored on the site (help.pinterest.com, "Install the base code"; Pinterest's own
        Magento extension, 2026)."""
        return [BrowserCall("pintrk", ("setconsent", False))]

    def resume_calls(self) -> list[BrowserCall]:
        return [BrowserCall("pintrk", ("setconsent", True))]

    def noscript_images(self, conversions: Sequence[Conversion], visitor: AnyVisitor, consent: Consent) -> list[str]:
        limits = self.limited_use(consent, visitor)
        if limits is None:
            return []
        em = self.first(visitor, "email")
        partner = {**({"em": em} if em else {}), **limits}
        events: list[tuple[str, Mapping[str, JSON]]] = []
        for conversion in conversions:
            name = self._name_for(conversion).browser
            if name and self.on_page(conversion):
                events.append((name, mapping.tag_data(conversion.event, conversion.id, self.value_basis)))
        return images.urls(self.collect_url, self.tag_id, partner, events)

    # --- sending ---------------------------------------------------------------------------------------------------

    def window(self, event: Event) -> timedelta:
        return dedup.CERTAIN

    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        """`test`: Pinterest answers as always but records nothing, and looks only at the first 20 events."""
        token = _checked_token(self.token)
        if not self.ad_account_id:
            raise ConfigurationError("Pinterest(ad_account_id=) is missing; set it to send server events")
        encoded = b",".join([one if isinstance(one, bytes) else encode(one) for one in events])
        return ServerRequest(
            method="POST",
            url=f"{self.api_url}/ad_accounts/{self.ad_account_id}/events" + ("?test=true" if test else ""),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": user_agent(),
            },
            body=b"".join((b'{"data":[', encoded, b"]}")),  # a megabyte, copied once
        )

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        secret = self._access_token if isinstance(self._access_token, str) else ""
        return replies.read(status, headers, body, count, secret)

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        return dedup.judge(first, second)

    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        return signals.read(query, cookies)

    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        return signals.csp_sources(self.script_url, self.collect_url)

    @classmethod
    def emulator(cls) -> Emulator:
        from .emulator import PinterestEmulator

        return PinterestEmulator()


def _checked_token(token: str) -> str:
    """The token without blanks around it. It goes into a header, where a line break would be an injection."""
    token = token.strip()
    if token and not _POSSIBLE_TOKEN.fullmatch(token):
        raise ConfigurationError("Pinterest(access_token=) holds characters no token has; copy it again, whole")
    return token


PLATFORM = Pinterest
__all__ = ["PLATFORM", "Pinterest"]
