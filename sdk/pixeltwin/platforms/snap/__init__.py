"""Snap: the pixel and the Conversions API v3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from typing_extensions import Unpack

from ...consent import Consent
from ...contract import (
    JSON,
    BrowserCall,
    EventName,
    Half,
    Loss,
    Outcome,
    Platform,
    PlatformOptions,
    Probe,
    Probed,
    ServerRequest,
    Setting,
    Signals,
    Token,
    Verdict,
)
from ...conversion import Conversion
from ...errors import CannotSend, ConfigurationError, InvalidInput
from ...events import Event, Refund
from ...frozen import FrozenDict
from ...normalising.amounts import ValueBasis, checked_basis
from ...strictjson import decode, encode
from ...version import user_agent
from ...visitor import AnyVisitor
from . import apps, dedup, losses, mapping, replies, signals
from .identity import IDENTITY, matched, trackable

if TYPE_CHECKING:
    from ...emulation import Emulator

# What the pixel checks before it does anything with an id: with any other it does nothing, and says nothing (2023-08,
# 2026-04).
_PIXEL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_APP_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_APP = "MOBILE_APP"
_NO_MATCH_KEY = (
    "Snap needs something to match the visitor by: an e-mail, a phone, a mobile ad id, "
    "or IP address and user agent together"
)


class Snap(Platform):
    """One Snap pixel.

    `pixel_id` and `snap_app_id` are the UUIDs of Events Manager; events of an app go to the app, all others to the
    pixel. `access_token` is a Conversions API token (Business Details); without it there is a browser half only.
    `custom_events` maps your own events to Snap's: `{"Quiz finished": "CUSTOM_EVENT_1"}`; `refunds` is the one of
    CUSTOM_EVENT_1 … 5 that a Refund is sent as, without it Snap is told of none. `value_basis="net"` tells both halves
    the total without tax and shipping; Snap asks for no more than the price, so "total" is the default. `limited_use`
    is how the API spells limited use, "LMU" or "LDU". Arguments common to all platforms: see `Platform`.
    """

    kind = "snap"
    title = "Snap"
    settings = (
        Setting("pixel_id", "the pixel ID in Snap's Events Manager, a UUID", required=True),
        Setting("access_token", "a Conversions API token of Business Details in Ads Manager", secret=True),
        Setting("snap_app_id", "the Snap App ID, a UUID; only for events of an app"),
        Setting("custom_events", "your own events as Snap's: your name=CUSTOM_EVENT_1", kind=dict),
        Setting("refunds", "one of CUSTOM_EVENT_1 to CUSTOM_EVENT_5: what a refund is sent as; unset: not at all"),
        Setting("value_basis", "total (default), or net: without tax and shipping"),
        Setting("limited_use", "how the API spells limited use: LMU (default) or LDU"),
    )
    identity = IDENTITY
    event_names = mapping.EVENT_NAMES
    known_names = mapping.KNOWN_NAMES
    click_parameter = signals.CLICK_PARAMETER
    own_cookies = signals.OWN_COOKIES
    recommended = ("click_ids", "browser_ids", "email", "phone", "ip_address", "user_agent")  # see losses.py
    max_batch = 2000
    test_batch = max_batch
    max_age = timedelta(days=37)
    # 37 days are the introduction's, for reports; Segment and RudderStack have 7 for v3 (see README.md).
    late_after = ((timedelta(days=7), "Snap still takes them for its reports, but hardly optimises by them"),)
    rate = 10.0  # Snap's general limit for one token; it allows more to a long-lived one
    default_api_url = "https://tr.snapchat.com"
    default_script_url = "https://sc-static.net/scevent.min.js"

    def __init__(
        self,
        *,
        pixel_id: str,
        snap_app_id: str | None = None,
        access_token: Token | None = None,
        custom_events: Mapping[str, str] | None = None,
        refunds: str | None = None,
        value_basis: ValueBasis = "total",
        limited_use: Literal["LMU", "LDU"] = "LMU",
        **common: Unpack[PlatformOptions],
    ) -> None:
        pixel_id = pixel_id.strip().lower()
        if not _PIXEL_ID.fullmatch(pixel_id):
            raise ConfigurationError(
                "Snap(pixel_id=): give the pixel ID of Events Manager, a UUID such as "
                "'2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11'; the pixel ignores anything else without a word"
            )
        self.snap_app_id = snap_app_id.strip().lower() if snap_app_id else None
        if self.snap_app_id and not _APP_ID.fullmatch(self.snap_app_id):
            raise ConfigurationError("Snap(snap_app_id=): give the Snap App ID of Events Manager, a UUID")
        if refunds is not None and refunds not in mapping.CUSTOM_NAMES:
            raise ConfigurationError(f"Snap(refunds=): give one of {', '.join(mapping.CUSTOM_NAMES)}")
        checked_basis(self.title, value_basis)
        if limited_use not in mapping.API_LIMITED_USES:
            raise ConfigurationError(f"Snap(limited_use=): give {' or '.join(mapping.API_LIMITED_USES)}")
        self.value_basis: ValueBasis = value_basis
        self.limited_use = limited_use
        super().__init__(
            account=pixel_id,
            access_token=access_token.strip() if isinstance(access_token, str) else access_token,
            **common,
        )
        self.custom_events: Mapping[str, EventName] = FrozenDict(
            {own: self.named(theirs) for own, theirs in (custom_events or {}).items()}
        )
        self.refunds = self.named(refunds) if refunds else None

    def event_name(self, event: Event) -> EventName:
        """As `custom_events` and `refunds` say for what Snap has no name for; a name asked for goes first."""
        asked = (event.names.get(self.name) or event.names.get(self.kind)) if event.names else None
        if isinstance(event, Refund):
            return self._refund_name(event, asked or self.names.get(event.type))
        own = event.custom_name
        if not own or asked:
            return super().event_name(event)
        found = self.custom_events.get(own)
        if found is None and event.type not in self.names:
            detail = (
                f"Snap takes no names of your own; say what {own!r} is: custom_events={{{own!r}: 'CUSTOM_EVENT_1'}} "
                "(PIXELTWIN_SNAP_CUSTOM_EVENTS)"
            )
            raise CannotSend(self.name, "no_event_name", detail)
        return found or super().event_name(event)

    def _refund_name(self, event: Event, asked: str | None) -> EventName:
        if self.refunds is None:
            detail = "Snap has no event for a refund; set refunds='CUSTOM_EVENT_5', or another of the five, to send one"
            raise CannotSend(self.name, "refunds_off", detail)
        return super().event_name(event) if asked else self.refunds

    # --- both halves -----------------------------------------------------------------------------------------------

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        """The calls are addressed to this pixel: without an id, `track` would tell every Snap pixel on the page, those
        of a tag manager too."""
        name = self.event_name(conversion.event).browser
        if not self.on_page(conversion):
            return []
        return [BrowserCall("snaptr", ("track", self.account, name, mapping.track(self, conversion, self.value_basis)))]

    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        who = mapping.init(self, visitor, consent)
        return [BrowserCall("snaptr", ("init", self.account, who) if who else ("init", self.account))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        name = self._checked_name(conversion, now)
        event = mapping.event(self, conversion, name, self.value_basis)
        if self.limited(conversion.consent):
            event["data_processing_options"] = [self.limited_use]
        if conversion.action_source == "app":
            user = event["user_data"]
            if not trackable(conversion):
                user.pop("madid", None)
            event["app_data"] = apps.app_data(self, conversion, tracked="madid" in user)
        return event

    def check(self, conversion: Conversion, now: datetime | None = None) -> None:
        self._checked_name(conversion, now)

    def _checked_name(self, conversion: Conversion, now: datetime | None) -> str:
        name = self.event_name(conversion.event).server
        self.check_age(conversion, now)
        source = conversion.action_source
        if source == "app":
            if not self.snap_app_id:
                raise CannotSend(self.name, "no_app_id", "Snap takes app events by app; set snap_app_id=")
            apps.described(self, conversion)
        elif source == "web" and not conversion.source_url:
            raise CannotSend(self.name, "no_source_url", "Snap takes no web event without its page; give source_url=")
        if name == mapping.PURCHASE and conversion.event.__dict__.get("value") is None:
            raise CannotSend(self.name, "no_value", "Snap takes no PURCHASE without value and currency")
        if not matched(self, conversion):
            raise CannotSend(self.name, "no_match_key", _NO_MATCH_KEY)
        return name

    def losses(self, conversion: Conversion) -> list[Loss]:
        return list(losses.of(self, conversion))

    # --- sending ---------------------------------------------------------------------------------------------------

    def lane(self, event: Mapping[str, JSON]) -> str:
        """An app's events go to the app, all others to the pixel."""
        return "app" if event["action_source"] == _APP else ""

    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        """`test`: any true value sends to /validate, which checks and does not count. The token is in the URL's query:
        never log the URL."""
        first = events[0]
        app = self.lane(decode(first) if isinstance(first, bytes) else first) == "app"
        encoded = b",".join([one if isinstance(one, bytes) else encode(one) for one in events])
        return ServerRequest(
            "POST",
            self._url("/events/validate" if test else "/events", app=app),
            {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": user_agent()},
            b"".join((b'{"data":[', encoded, b"]}")),  # a megabyte, copied once
        )

    def validation_logs(self, *, app: bool = False) -> ServerRequest:
        """The request for what was tested in the past 24 hours, each event with its errors and warnings."""
        return self._asked("logs", app=app)

    def validation_stats(self, *, app: bool = False) -> ServerRequest:
        """The request for how many events came in the past hour, tested and live."""
        return self._asked("stats", app=app)

    def _asked(self, what: str, *, app: bool) -> ServerRequest:
        headers = {"Accept": "application/json", "User-Agent": user_agent()}
        return ServerRequest("GET", self._url(f"/events/validate/{what}", app=app), headers, b"")

    def _url(self, path: str, *, app: bool) -> str:
        asset = self.snap_app_id if app else self.account
        if asset is None:
            raise ConfigurationError("Snap takes app events by app; set snap_app_id=")
        return f"{self.api_url}/v3/{asset}{path}?access_token={quote(self.token.strip(), safe='')}"

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        secret = self._access_token if isinstance(self._access_token, str) else ""
        return replies.read(status, headers, body, count, secret)

    def read_probe(self, probe: Probe, status: int, headers: Mapping[str, str], body: bytes) -> Probed:
        found = super().read_probe(probe, status, headers, body)
        if found.verdict not in ("token", "account"):
            return found
        return Probed("account" if replies.blames_account(found.said) else "token", found.said)

    # --- rules -----------------------------------------------------------------------------------------------------

    def window(self, event: Event) -> timedelta:
        """48 hours by the id; 30 days for a purchase with an order id, whose price both halves share."""
        if not event.__dict__.get("order_id"):
            return dedup.ID_WINDOW
        try:
            purchase = self.event_name(event).server == mapping.PURCHASE
        except (CannotSend, InvalidInput):
            return dedup.ID_WINDOW
        return dedup.ORDER_WINDOW if purchase else dedup.ID_WINDOW

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        return dedup.judge(first, second)

    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        return signals.read(query, cookies)

    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        return signals.csp_sources(self.script_url)

    def check_settings(self) -> list[str]:
        found: list[str] = []
        token = self._access_token
        if isinstance(token, str) and token:
            if token.lower().startswith("bearer "):
                found.append("the access token begins with 'Bearer'; paste the token alone")
            elif any(one.isspace() or one in "\"'" for one in token):
                found.append("the access token has blanks or quotes in it; copy it again, whole and alone")
            elif token.startswith("eyJ") and token.count(".") != 2:
                found.append("the access token looks cut off (it should have three parts); copy it again, whole")
        if self.snap_app_id == self.account:
            found.append("the Snap App ID equals the pixel ID; an app has an ID of its own in Events Manager")
        if self.refunds and self.refunds in self.custom_events.values():
            found.append(f"refunds and one of custom_events are both {self.refunds.server}; reports would add them up")
        return found

    @classmethod
    def emulator(cls) -> Emulator:
        from .emulator import SnapEmulator

        return SnapEmulator()


PLATFORM = Snap
__all__ = ["PLATFORM", "Snap"]
