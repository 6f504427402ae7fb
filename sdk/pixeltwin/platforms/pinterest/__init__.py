"""Pinterest: the Pinterest tag and the API for Conversions v5, both halves of one conversion.

`README.md` beside this file has the fields of both halves, the limits and what is uncertain, with sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ...consent import Consent
from ...contract import JSON, BrowserCall, Loss, Outcome, Platform, ServerRequest, Setting, Signals, Token
from ...conversion import Conversion
from ...dedup import Half, Verdict
from ...emulation import Emulator
from ...errors import CannotSend, ConfigurationError
from ...events import Event
from ...strictjson import encode
from ...version import user_agent
from ...visitor import AnyVisitor
from . import dedup, images, mapping, replies, signals

_AD_ACCOUNT_ID = re.compile(r"[0-9]{1,18}")  # OpenAPI 5.23.0
_USUAL_TAG_ID = re.compile(r"26[0-9]{11}")  # the forms that Pinterest's own tag templates check
_USUAL_AD_ACCOUNT_ID = re.compile(r"549[0-9]{9}")
_POSSIBLE_TOKEN = re.compile(r"[!#-&(-~]+")  # printable ASCII without blanks and quotes
_NO_MATCH_KEY = "Pinterest needs an e-mail address, a mobile ad id, or IP address and user agent together"
_NO_PLACE = (
    "Pinterest limits data use only for a known state and country, both two-letter codes; "
    "pass Consent.limited(state=…, country=…)"
)


class Pinterest(Platform):
    """A Pinterest tag and the ad account its conversions belong to.

    `tag_id` is on the page, `ad_account_id` in the API's path: two different numbers. `access_token` is the conversion
    access token (or an OAuth token with `ads:write`; a callable where it expires). `collect_url` is where the image for
    browsers without JavaScript goes.
    """

    kind = "pinterest"
    title = "Pinterest"
    settings = (
        Setting("tag_id", "Pinterest tag ID: 13 digits, Ads Manager > Conversions > Pinterest tag", required=True),
        Setting(
            "ad_account_id", "Ad account ID: 12 digits, in the address of Ads Manager; needed to send server events"
        ),
        Setting(
            "access_token",
            "Conversion access token: Ads Manager > Conversions > Conversions API > Generate new token",
            secret=True,
        ),
    )
    identity = mapping.IDENTITY
    event_names = mapping.EVENT_NAMES
    known_names = mapping.KNOWN_NAMES
    click_parameter = signals.CLICK_PARAMETER
    max_batch = 1000
    test_batch = 20  # with test=true only the first 20 events are looked at
    max_age = timedelta(days=7)
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
        name: str | None = None,
        names: Mapping[str, str] | None = None,
        withhold: Iterable[str] = (),
        before_send: Callable[[Conversion], Conversion | None] | None = None,
        browser: bool = True,
        server: bool = True,
        api_url: str | None = None,
        script_url: str | None = None,
        collect_url: str | None = None,
    ) -> None:
        self.tag_id = str(tag_id).strip()
        self.ad_account_id = str(ad_account_id or "").strip() or None
        self.collect_url = (collect_url or self.default_collect_url).rstrip("/")
        token = _checked_token(access_token) if isinstance(access_token, str) else access_token
        if not (self.tag_id.isascii() and self.tag_id.isdigit()):
            raise ConfigurationError("Pinterest(tag_id=): give the tag's number, digits only, such as '2612345678901'")
        if self.ad_account_id and not _AD_ACCOUNT_ID.fullmatch(self.ad_account_id):
            raise ConfigurationError("Pinterest(ad_account_id=): give the ad account's number, at most 18 digits")
        if token and server and not self.ad_account_id:
            raise ConfigurationError("Pinterest(ad_account_id=) is missing: the access token alone names no ad account")
        super().__init__(
            account=self.ad_account_id or self.tag_id,
            access_token=token,
            name=name,
            names=names,
            withhold=withhold,
            before_send=before_send,
            browser=browser,
            server=server,
            api_url=api_url,
            script_url=script_url,
        )

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
        return found

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
        options = {key: digest for key, digest in known if digest}
        options.update(self._must_limit(consent, visitor))
        load = ("load", self.tag_id, options) if options else ("load", self.tag_id)
        return [BrowserCall("pintrk", load), BrowserCall("pintrk", ("page",))]

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        name = self.event_name(conversion.event).browser
        if not name:
            raise CannotSend(self.name, "no_event_name", "this is an app's event; the Pinterest tag has no name for it")
        return [BrowserCall("pintrk", ("track", name, mapping.tag_data(conversion.event, conversion.id)))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        event = conversion.event
        name = self.event_name(event).server
        source = mapping.action_source(conversion)
        if source is None:
            raise CannotSend(
                self.name, "app_missing", "Pinterest must know whether the app is on iOS or Android: pass app="
            )
        self.check_age(conversion, now)
        user, custom = mapping.user_data(self, conversion.visitor), mapping.custom_data(event)
        if not mapping.can_match(user):
            raise CannotSend(self.name, "no_match_key", _NO_MATCH_KEY)
        limits = self._must_limit(conversion.consent, conversion.visitor)
        if limits:
            custom["opt_out_type"] = limits["opt_out_type"]
            user["st"], user["country"] = [limits["st"]], [limits["country"]]
        found: dict[str, JSON] = {
            "event_name": name,
            "action_source": source,
            "event_time": int(conversion.occurred_at.timestamp()),
            "event_id": conversion.id,
        }
        if conversion.source_url:
            found["event_source_url"] = conversion.source_url
        found.update(mapping.app_fields(conversion))
        found["user_data"] = user
        if custom:
            found["custom_data"] = custom
        return found

    def losses(self, conversion: Conversion) -> list[Loss]:
        given = conversion.event.__dict__
        return [
            *self.identity_losses(conversion.visitor),
            *(Loss(self.name, one, "no_such_field", why) for one, why in mapping.NOWHERE.items() if given.get(one)),
        ]

    def noscript_images(self, conversions: Sequence[Conversion], visitor: AnyVisitor, consent: Consent) -> list[str]:
        limits = self.limited_use(consent, visitor)
        if limits is None:
            return []
        em = self.first(visitor, "email")
        partner = {**({"em": em} if em else {}), **limits}
        events: list[tuple[str, Mapping[str, JSON]]] = []
        for conversion in conversions:
            name = self.event_name(conversion.event).browser
            if name:
                events.append((name, mapping.tag_data(conversion.event, conversion.id)))
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
        encoded = (one if isinstance(one, bytes) else encode(one) for one in events)
        return ServerRequest(
            method="POST",
            url=f"{self.api_url}/ad_accounts/{self.ad_account_id}/events" + ("?test=true" if test else ""),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": user_agent(),
            },
            body=b'{"data":[' + b",".join(encoded) + b"]}",
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
