"""Reddit: the pixel and the Conversions API v3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

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
from ...errors import CannotSend, ConfigurationError
from ...events import Event, Refund
from ...normalising.amounts import ValueBasis, checked_basis
from ...probing import PROBE_ID
from ...strictjson import encode
from ...version import user_agent
from ...visitor import AnyVisitor
from . import dedup, losses, mapping, replies, signals

if TYPE_CHECKING:
    from ...emulation import Emulator

_PIXEL_ID = re.compile(r"(?:t2_|a2_)[a-z0-9]+")
_POSSIBLE_ID = re.compile(r"[\w-]{3,100}", re.ASCII)
_POSSIBLE_TOKEN = re.compile(r"[!#-&(-~]+")  # printable ASCII without blanks and quotes


class Reddit(Platform):
    """One Reddit pixel.

    `pixel_id` is the one of Events Manager ("a2_…", older ones "t2_…"). `access_token` is a conversion access token
    (Events Manager, Conversions API); without it there is a browser half only. `hash_ip_address=False` sends the IP
    address as it is: Reddit documents both, and its own example is raw. `value_basis="net"` tells purchases without
    tax and shipping; Reddit itself asks for the total. `refunds` is the custom event name (1 to 64 characters) that
    refunds are sent under, by the server alone; without it they are not sent. Arguments common to all platforms: see
    `Platform`.
    """

    kind = "reddit"
    title = "Reddit"
    settings = (
        Setting("pixel_id", "the pixel ID in Reddit's Events Manager, such as a2_abc123", required=True),
        Setting("access_token", "a conversion access token of Events Manager, Conversions API", secret=True),
        Setting("hash_ip_address", "whether IP addresses are hashed before they are sent (default: yes)", kind=bool),
        Setting("value_basis", "what a purchase's value is: total (the default), or net of tax and shipping"),
        Setting("refunds", "the custom event that refunds are sent as, such as Refund (default: they are not sent)"),
    )
    identity = mapping.IDENTITY
    event_names = mapping.EVENT_NAMES
    known_names = mapping.KNOWN_NAMES
    click_parameter = signals.CLICK_PARAMETER
    own_cookies = signals.OWN_COOKIES
    recommended = ("click_ids", "browser_ids", "email", "ip_address", "user_agent")  # see losses.py
    max_batch = 1000
    test_batch = 1  # Event Testing shows no more of a request
    test_needs_id = True
    max_age = timedelta(days=7)
    rate = 10.0  # the lowest of the published figures; an answer of 429 has the last word
    default_api_url = "https://ads-api.reddit.com/api/v3"
    default_script_url = "https://www.redditstatic.com/ads/pixel.js"

    def __init__(
        self,
        *,
        pixel_id: str,
        access_token: Token | None = None,
        hash_ip_address: bool = True,
        value_basis: ValueBasis = "total",
        refunds: str | None = None,
        **common: Unpack[PlatformOptions],
    ) -> None:
        pixel_id = pixel_id.strip()
        if not _POSSIBLE_ID.fullmatch(pixel_id):
            raise ConfigurationError("Reddit(pixel_id=): give the ID of Events Manager, such as 'a2_abc123'")
        checked_basis(self.title, value_basis)
        super().__init__(
            account=pixel_id,
            access_token=_checked_token(access_token) if isinstance(access_token, str) else access_token,
            **common,
        )
        self.choices = mapping.Choices(value_basis, _checked_label(refunds))
        joint = "&" if "?" in self.script_url else "?"
        self.script_url = f"{self.script_url}{joint}pixel_id={quote(pixel_id, safe='')}"
        if not hash_ip_address and "ip_address" in self.rules:
            self.rules = {**self.rules, "ip_address": mapping.RAW_IP}
        self._endpoint = f"{self.api_url}/pixels/{quote(pixel_id, safe='')}/conversion_events"

    # --- both halves -----------------------------------------------------------------------------------------------

    def event_name(self, event: Event) -> EventName:
        if isinstance(event, Refund) and not self.choices.refunds:
            detail = "Reddit has no event for refunds; set refunds='Refund' to send them as custom ones of that name"
            raise CannotSend(self.name, "refunds_off", detail)
        return super().event_name(event)

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        name = self.event_name(conversion.event)
        if not self.on_page(conversion):
            return []
        return [BrowserCall("rdt", ("track", name.browser, mapping.track(conversion, name, self.choices)))]

    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        return [BrowserCall("rdt", ("init", self.account, mapping.init_options(self, visitor, consent)))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        said = mapping.report(self, conversion, self._checked_name(conversion, now), self.choices)
        user = mapping.user(self, conversion)
        if self.limited(conversion.consent):
            user["data_processing_options"] = mapping.limited_data_use(conversion.consent)
        if user:
            said["user"] = user
        return said

    def check(self, conversion: Conversion, now: datetime | None = None) -> None:
        self._checked_name(conversion, now)

    def _checked_name(self, conversion: Conversion, now: datetime | None) -> EventName:
        name = self.event_name(conversion.event)
        self.check_age(conversion, now)
        if not mapping.matched(self, conversion):
            raise CannotSend(self.name, "no_match_key", _NO_MATCH_KEY[conversion.action_source])
        return name

    def losses(self, conversion: Conversion) -> list[Loss]:
        return list(losses.of(self, conversion, self.event_name(conversion.event)))

    # --- sending ---------------------------------------------------------------------------------------------------

    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        """`test` is the test id of Events Manager's Event Testing, which shows one event a request and no batch."""
        if test is True:
            raise ConfigurationError("Reddit tests with an id: copy the one of Events Manager, Event Testing")
        if test and len(events) > 1:
            raise ConfigurationError("Reddit's Event Testing shows one event a request: send them one by one")
        encoded = b",".join([one if isinstance(one, bytes) else encode(one) for one in events])
        test_id = b',"test_id":' + encode(test) if test else b""
        return ServerRequest(
            "POST",
            self._endpoint,
            {
                "Authorization": f"Bearer {_checked_token(self.token)}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": user_agent(),
            },
            b"".join((b'{"data":{"events":[', encoded, b"]", test_id, b"}}")),  # a megabyte, copied once
        )

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        secret = self._access_token if isinstance(self._access_token, str) else ""
        return replies.read(status, headers, body, count, secret)

    def void_event(self, now: datetime) -> dict[str, JSON]:
        """Wrong in three documented ways, each of which voids the request: older than 168 hours, from no action source,
        by a browser id that is no UUID (recorded answers of the v3 API, 2025 and 2026). Without a good token for this
        pixel the answer is 401 or 403; that Reddit looks at these first is an assumption."""
        return {
            "event_at": round((now - 9 * self.max_age).timestamp() * 1000),
            "action_source": "NOWHERE",
            "type": {"tracking_type": "PAGE_VISIT"},
            "metadata": {"conversion_id": PROBE_ID},
            "user": {"uuid": "nobody"},
        }

    # --- rules -----------------------------------------------------------------------------------------------------

    def window(self, event: Event) -> timedelta:
        return dedup.WINDOW

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        return dedup.judge(first, second)

    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        return signals.read(query, cookies)

    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        return signals.csp_sources(self.script_url)

    def check_settings(self) -> list[str]:
        found: list[str] = []
        if not _PIXEL_ID.fullmatch(self.account):
            found.append(
                f"the pixel ID {self.account!r} does not look like one (a2_… or t2_…); copy it from Events Manager"
            )
        token = self._access_token
        if isinstance(token, str) and token.startswith("eyJ") and token.count(".") != 2:
            found.append("the access token looks cut off (it should have three parts); copy it again, whole")
        return found

    @classmethod
    def emulator(cls) -> Emulator:
        from .emulator import RedditEmulator

        return RedditEmulator()


_NO_MATCH_KEY: Mapping[str, str] = {
    "web": "Reddit needs something to match the visitor by: a click id, its pixel's browser id, an e-mail, a phone "
    "number, an external id, an IP address, a user agent or a screen size",
    "app": "Reddit needs something to match the person by: a mobile ad id (with app=, which says whose it is), a click "
    "id, an e-mail, a phone number, an external id, an IP address, a user agent or a screen size",
    "offline": "Reddit matches a store's events by an e-mail or a phone; give one of them",
}


def _checked_token(token: str) -> str:
    """The token without blanks around it; it goes into a header, where a line break would be an injection."""
    token = token.strip()
    if token and not _POSSIBLE_TOKEN.fullmatch(token):
        raise ConfigurationError("Reddit(access_token=): paste the token alone, without blanks, quotes or 'Bearer'")
    return token


def _checked_label(name: str | None) -> str | None:
    """A custom event name as Reddit takes it: 1 to 64 characters."""
    label = (name or "").strip()
    if len(label) > 64:
        raise ConfigurationError(
            "Reddit(refunds=): give a custom event name of at most 64 characters, such as 'Refund'"
        )
    return label or None


PLATFORM = Reddit
__all__ = ["PLATFORM", "Reddit"]
