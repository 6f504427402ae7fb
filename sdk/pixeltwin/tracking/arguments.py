"""What `track` takes: its optional arguments, and what is left of them when some are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, TypedDict

from ..app import App
from ..consent import Consent
from ..conversion import ActionSource
from ..errors import InvalidInput
from ..events import Event
from ..visitor import AnyVisitor, Visitor
from ..web import clean_url

OnError = Literal["log", "raise"]


class TrackOptions(TypedDict, total=False):
    """What `track` takes beside the event, its visitor and his consent.

    `key`: the natural key, where the event has none of its own; tracking it again changes nothing. `id`: used as it
    is. `occurred_at`: an aware datetime, now if absent. `source_url`: the page's whole address; of its query only
    what the tracker keeps goes on. `platforms`: the names of those to tell. `browser`, `server`: False switches a
    half off, for good: of a conversion that is tracked again the first report stands. `connection`: a DB-API
    connection to the outbox's own database; the conversion is written inside your transaction. `offered`: the browser
    half is out already (the browser minted the id). `recall`: what the visitor lacks is taken from what `remember`
    kept under the key, as it is where no visitor is given. `on_error`: "raise" or "log", for this call.
    """

    key: str | int | None
    id: str | None
    occurred_at: datetime | None
    source_url: str | None
    action_source: ActionSource
    app: App | None
    browser: bool
    server: bool
    platforms: Iterable[str] | None
    connection: Any
    offered: bool
    recall: bool
    on_error: OnError


def natural_key(event: Event, given: str | int | None) -> str | None:
    key = event.natural_key if given is None else given
    return None if key is None else plain_key(key) or None


def plain_key(key: str | int) -> str:
    """A natural key as it is kept, trimmed. It outlives what is kept of the visitor: of one with an e-mail address in
    it only a digest is. An order_id is a field of its event too, which platforms are told as it is."""
    text = str(key).strip()
    return f"sha256:{sha256(f'natural key {text}'.encode()).hexdigest()}" if "@" in text else text


def required_key(event: Event, given: str | int | None) -> str:
    """The natural key of what is held: without one nobody could confirm it."""
    key = natural_key(event, given)
    if key is None:
        raise InvalidInput("hold", [("key", "give the event an order_id, or pass key=: it is what is confirmed later")])
    return key


def page_url(url: str | None, keep: Sequence[str]) -> str | None:
    """The address of a page as platforms may see it: of its query only what `keep` names."""
    if not url:
        return None
    cleaned = clean_url(url, keep) if isinstance(url, str) else ""
    if not cleaned.startswith(("http://", "https://")):
        advice = "give the page's whole address, https://… (url_for(…, _external=True) makes one), or leave it out"
        raise InvalidInput("track", [("source_url", advice)])
    return cleaned


def names(platforms: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(platforms, str):
        raise InvalidInput("track", [("platforms", f"give a list of names, such as [{platforms!r}]")])
    return None if platforms is None else tuple(platforms)


def located(consent: Consent, visitor: AnyVisitor) -> Consent:
    """Limited consent with the place it applies to, taken from the visitor where the caller did not say."""
    if consent.default != "limited" and "limited" not in consent.platforms.values():
        return consent
    if not isinstance(visitor, Visitor) or (consent.country and consent.state):
        return consent
    return replace(
        consent,
        country=consent.country or next(iter(visitor.country), None),
        state=consent.state or next(iter(visitor.state), None),
    )
