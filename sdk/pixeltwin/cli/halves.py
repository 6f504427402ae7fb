"""Both halves of one conversion on one pixel, as they would go out, or why they would not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any

from ..contract import BrowserCall, Loss, Platform
from ..conversion import Conversion
from ..errors import CannotSend, ConfigurationError

_UNTOLD = {
    "denied": "The visitor's consent denies this platform, so nothing is rendered, stored or sent.",
    "pending": "The visitor was not asked yet: the conversion is held until he is.",
}


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel to look at. `made_up`: nothing is configured, so its ids are the platform's examples."""

    platform: Platform
    made_up: bool = False


@dataclass(frozen=True, slots=True)
class Halves:
    """What one pixel is told. `address` is method and URL without its query, where a token could be; `body` is what is
    posted there. An empty half has its reason in `no_browser` or `no_server`."""

    pixel: Pixel
    calls: Sequence[BrowserCall] = ()
    address: str = ""
    body: Any = None
    no_browser: str = ""
    no_server: str = ""
    losses: Sequence[Loss] = ()

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "platform": self.pixel.platform.kind,
            "name": self.pixel.platform.name,
            "made_up": self.pixel.made_up,
            "browser": [{"function": call.function, "args": call.args} for call in self.calls],
            "no_browser": self.no_browser or None,
            "server": {"address": self.address or None, "body": self.body} if self.body else None,
            "no_server": self.no_server or None,
            "losses": [{"field": loss.field, "reason": loss.reason, "detail": loss.detail} for loss in self.losses],
        }


def example(platform: type[Platform]) -> Pixel:
    """A pixel with the made-up settings of the platform's own golden file."""
    try:
        golden = json.loads(files(platform.__module__).joinpath("golden.json").read_text("utf-8"))
    except OSError:
        raise ConfigurationError(f"{platform.title} is not configured and has no example settings") from None
    tokens: dict[str, Any] = {setting.name: "made-up" for setting in platform.settings if setting.secret}
    return Pixel(platform(**{**tokens, **golden["settings"]}), made_up=True)


def halves(pixel: Pixel, conversion: Conversion) -> Halves:
    """What `conversion` becomes on this pixel, step by step as `track` and the snippet take them."""
    platform = pixel.platform
    if not platform.allowed(conversion.consent):
        said = _UNTOLD[platform.state(conversion.consent)]
        return Halves(pixel, no_browser=said, no_server=said)
    if not platform.honours(conversion.consent, conversion.visitor):
        said = f"{platform.title} cannot limit its use with what is known of this visitor, so it is told nothing."
        return Halves(pixel, no_browser=said, no_server=said)
    prepared = platform.prepared(conversion)
    if prepared is None:
        return Halves(pixel, no_browser="before_send left it out.", no_server="before_send left it out.")
    calls, no_browser = _browser(platform, prepared)
    address, body, no_server = _server(platform, prepared)
    return Halves(pixel, calls, address, body, no_browser, no_server, tuple(_losses(platform, prepared)))


def _browser(platform: Platform, conversion: Conversion) -> tuple[Sequence[BrowserCall], str]:
    if not platform.browser:
        return (), "The browser half is switched off (browser=False)."
    if not platform.on_page(conversion):
        return (), "It did not happen on a page, so no pixel is told."
    try:
        calls = platform.browser_calls(conversion)
    except CannotSend as refusal:
        return (), _sentence(refusal)
    return [*platform.init_calls(conversion.visitor, conversion.consent), *calls], ""


def _server(platform: Platform, conversion: Conversion) -> tuple[str, Any, str]:
    """Address, body, and the reason where there is none. Without a token the event is shown as it would be."""
    if not platform.server:
        return "", None, "The server half is switched off (server=False)."
    try:
        event = platform.server_event(conversion, conversion.occurred_at)
    except CannotSend as refusal:
        return "", None, _sentence(refusal)
    if not platform.has_token:
        return "", event, "No access token is set: this event would not be sent."
    request = platform.server_request([event])
    return f"{request.method} {request.url.partition('?')[0]}", json.loads(request.body, parse_float=Decimal), ""


def _losses(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    try:
        yield from platform.losses(conversion)
    except CannotSend:  # said already, where the halves would be
        return


def _sentence(refusal: CannotSend) -> str:
    return f"{refusal.detail[:1].upper()}{refusal.detail[1:].rstrip('.')}."
