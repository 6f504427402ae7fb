"""Courier: a platform of somebody else, one package with its template beside its code. It is no part of pixeltwin, and
the company does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pixeltwin.consent import Consent
from pixeltwin.contract import (
    JSON,
    BrowserCall,
    EventName,
    Half,
    Loss,
    Outcome,
    Platform,
    ServerRequest,
    Setting,
    Signals,
    Verdict,
)
from pixeltwin.conversion import Conversion
from pixeltwin.emulation import Emulator
from pixeltwin.errors import CannotSend
from pixeltwin.events import Event, Refund
from pixeltwin.strictjson import encode
from pixeltwin.version import user_agent
from pixeltwin.visitor import AnyVisitor

from . import dedup, mapping, replies, signals


class Courier(Platform):
    """One bag. Takes every event under its own name but a watched video."""

    kind = "courier"
    title = "Courier"
    settings = (
        Setting("bag", "the number on your bag", required=True),
        Setting("access_token", "what opens the bag", secret=True),
        Setting("refunds", "whether refunds are sent (default: no)", kind=bool),
    )
    identity = mapping.IDENTITY
    event_names = mapping.EVENT_NAMES
    known_names = mapping.KNOWN_NAMES
    click_parameter = signals.CLICK_PARAMETER
    recommended = ("email", "ip_address")
    max_batch: ClassVar[int] = 100
    max_age = timedelta(days=7)
    rate = 100.0
    default_api_url = "https://api.courier.example/v1"
    default_script_url = "https://pixel.courier.example/c.js"
    template_package = "tests.courier"

    def __init__(self, *, bag: str = "b1", refunds: bool = False, **common: JSON) -> None:
        super().__init__(account=str(bag).strip(), **common)
        self.refunds = refunds

    # --- both halves -----------------------------------------------------------------------------------------------

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        name = self._name(conversion.event).browser
        if not self.on_page(conversion):
            return []
        return [BrowserCall("courier", ("bring", name, mapping.said(conversion)))]

    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        return [BrowserCall("courier", ("open", self.account, mapping.start(self, visitor, consent)))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        name = self._name(conversion.event).server
        self.check_age(conversion, now)
        who = mapping.who(self, conversion.visitor)
        if not who:
            raise CannotSend(self.name, "no_match_key", "Courier needs an e-mail address or an IP address")
        if not self.honours(conversion.consent, conversion.visitor):
            raise CannotSend(self.name, "limited_use_impossible", "Courier limits use by country; pass country=")
        return mapping.parcel(self, conversion, name, who)

    def _name(self, event: Event) -> EventName:
        if isinstance(event, Refund) and not self.refunds:
            raise CannotSend(self.name, "refunds_off", "refunds are not sent; set refunds=True")
        return self.event_name(event)

    def losses(self, conversion: Conversion) -> list[Loss]:
        return [*mapping.losses(self, conversion.event), *self.identity_losses(conversion.visitor)]

    def honours(self, consent: Consent, visitor: AnyVisitor) -> bool:
        return not self.limited(consent) or consent.country is not None

    # --- sending ---------------------------------------------------------------------------------------------------

    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        return ServerRequest(
            "POST",
            f"{self.api_url}/bags/{self.account}/parcels" + ("?test=true" if test else ""),
            {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": user_agent(),
            },
            b'{"parcels":[' + b",".join(one if isinstance(one, bytes) else encode(one) for one in events) + b"]}",
        )

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        secret = self._access_token if isinstance(self._access_token, str) else ""
        return replies.read(status, headers, body, count, secret)

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

    def noscript_images(self, conversions: Sequence[Conversion], visitor: AnyVisitor, consent: Consent) -> list[str]:
        return [f"{self.api_url}/?id={one.id}&event={self.event_name(one.event).browser}" for one in conversions]

    @classmethod
    def emulator(cls) -> Emulator:
        from .emulator import CourierEmulator

        return CourierEmulator()


PLATFORM = Courier
__all__ = ["PLATFORM", "Courier"]
