"""A platform of somebody else: one package, with its template beside its code. It is no part of pixeltwin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pixeltwin.consent import Consent
from pixeltwin.contract import (
    JSON,
    BrowserCall,
    Delivered,
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
from pixeltwin.events import EVENT_TYPES, Event
from pixeltwin.normal import email_address
from pixeltwin.strictjson import encode
from pixeltwin.visitor import AnyVisitor, Rule


class Courier(Platform):
    """Takes every event under its own name but a watched video; one call a conversion, one more for each item."""

    kind = "courier"
    title = "Courier"
    settings = (
        Setting("bag", "the number on your bag", required=True),
        Setting("access_token", "what opens the bag", secret=True),
        Setting("express", "whether it is urgent", kind=bool),
    )
    identity: ClassVar[Mapping[str, Rule]] = {"email": Rule("courier-email", email_address)}
    event_names: ClassVar[Mapping[str, EventName | None]] = {
        **{kind: EventName(kind, kind.upper()) for kind in EVENT_TYPES},
        "WatchVideo": None,
    }
    known_names = (EventName("Purchase", "PURCHASE"), EventName("Parcel", "PARCEL"))
    click_parameter = "courier_id"
    max_batch = 10
    max_age = timedelta(days=7)
    rate = 100.0
    default_api_url = "https://api.courier.example"
    default_script_url = "https://pixel.courier.example/c.js"
    template_package = "tests.courier"

    def __init__(self, *, bag: str = "b1", express: bool = False, **common: JSON) -> None:
        super().__init__(account=bag, **common)
        self.express = express

    def honours(self, consent: Consent, visitor: AnyVisitor) -> bool:
        return not self.limited(consent) or consent.country is not None

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        name = self.event_name(conversion.event).browser
        calls = [BrowserCall("courier", ("bring", name, {"id": conversion.id}))]
        for item in conversion.event.__dict__.get("items", ()):
            calls.append(BrowserCall("courier", ("item", {"sku": item.id, "name": item.name, "price": item.price})))
        return calls

    def init_calls(self, visitor: AnyVisitor, consent: Consent) -> list[BrowserCall]:
        return [BrowserCall("courier", ("open", self.account, {"email": self.first(visitor, "email")}))]

    def server_event(self, conversion: Conversion, now: datetime | None = None) -> dict[str, JSON]:
        self.check_age(conversion, now)
        return {"name": self.event_name(conversion.event).server, "id": conversion.id}

    def losses(self, conversion: Conversion) -> list[Loss]:
        return []

    def window(self, event: Event) -> timedelta:
        return timedelta(days=1)

    def server_request(
        self, events: Sequence[Mapping[str, JSON] | bytes], test: bool | str | None = None
    ) -> ServerRequest:
        return ServerRequest("POST", self.api_url, {"authorization": self.token}, encode(list(events)))

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Outcome]:
        return [Delivered() for _ in range(count)]

    @staticmethod
    def dedup(first: Half, second: Half) -> Verdict:
        return Verdict(1, True, "the same id")

    def read_signals(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Signals:
        return Signals(click_id=query.get(self.click_parameter))

    def csp_sources(self) -> Mapping[str, tuple[str, ...]]:
        return {"script-src": ("https://pixel.courier.example",)}

    def noscript_images(self, conversions: Sequence[Conversion], visitor: AnyVisitor, consent: Consent) -> list[str]:
        return [f"{self.api_url}/?id={one.id}&event={self.event_name(one.event).browser}" for one in conversions]

    @classmethod
    def emulator(cls) -> Emulator:
        raise NotImplementedError("nobody plays the courier")


PLATFORM = Courier
