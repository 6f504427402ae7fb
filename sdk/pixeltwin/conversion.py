"""One conversion and its ONE id: issued or derived when it happens, read from signed tokens, never made again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, Literal, get_args

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from .app import App
from .consent import Consent
from .errors import BadToken, InvalidInput
from .events import Event, Given, given, to_record
from .restoring import restored
from .strictjson import encode
from .visitor import NOBODY, AnyVisitor, SealedVisitor

ActionSource = Literal["web", "app", "offline"]
AHEAD = timedelta(minutes=5)  # a clock this far ahead is taken as now


def issue_id() -> str:
    """A new id nobody can guess: 64 lower-case hex characters from 32 random bytes."""
    return secrets.token_hex(32)


def derive_id(secret_key: str, *, site: str, event: Event, natural_key: str) -> str:
    """The id of the conversion with this natural key: the same on every page, process and webhook that has the key.

    64 lower-case hex characters: HMAC-SHA256 over compact JSON. Reddit's pixel hashes any other string but passes this
    form through, so one string is on all wires; keyed, so nobody can guess an order's id and burn it by firing first.
    """
    message = encode(["v1", site, event.type, event.custom_name, natural_key.strip()])
    return hmac.new(secret_key.encode(), message, hashlib.sha256).hexdigest()


def checked_id(value: str) -> str:
    """An id the caller gives is used as it is: 1 to 256 printable characters, no blank at either end."""
    if not isinstance(value, str) or not 1 <= len(value) <= 256 or not value.isprintable() or value != value.strip():
        raise InvalidInput("Conversion", [("id", "give 1 to 256 printable characters without blanks at the ends")])
    return value


def checked_time(value: datetime, now: datetime | None = None) -> datetime:
    """`value` in UTC. Up to five minutes ahead of `now` is taken as now (clocks differ); more, or no zone, is wrong."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput(
            "Conversion", [("occurred_at", "give a datetime with a time zone, such as datetime.now(timezone.utc)")]
        )
    if value.tzinfo is not timezone.utc:
        value = value.astimezone(timezone.utc)
    if now is not None and value > now:
        if value - now > AHEAD:
            raise InvalidInput("Conversion", [("occurred_at", "lies in the future; check the clock or the time zone")])
        return now
    return value


_ACTION_SOURCES: tuple[str, ...] = get_args(ActionSource)
_GRANTED = Consent.granted()


@dataclass(frozen=True, kw_only=True)  # without slots, so that a copy is one of its __dict__
class Conversion:
    """What happened, once: both halves on every platform are derived from this one object.

    `key` is the natural key the id was derived from, if any. `created` says whether this call made the conversion
    (False: it was known), `stored` whether its server halves are in the outbox.
    """

    event: Event
    id: str
    occurred_at: datetime
    visitor: AnyVisitor = NOBODY
    source_url: str | None = None
    action_source: ActionSource = "web"
    consent: Consent = _GRANTED
    app: App | None = None
    key: str | None = None
    platforms: tuple[str, ...] | None = None
    browser: bool = True
    server: bool = True
    created: bool = field(default=True, compare=False)
    stored: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.event, Event):
            raise InvalidInput("Conversion", [("event", "give an event such as Purchase(...)")])
        if self.action_source not in _ACTION_SOURCES:
            raise InvalidInput("Conversion", [("action_source", f"give one of {', '.join(_ACTION_SOURCES)}")])
        checked_id(self.id)
        object.__setattr__(self, "occurred_at", checked_time(self.occurred_at))

    @cached_property
    def given(self) -> Given:
        """Which fields of the event, and of its items, hold something: what each platform has to have room for."""
        return given(self.event)

    def with_visitor(self, visitor: AnyVisitor) -> Conversion:
        """The same conversion with another visitor."""
        return self._changed({"visitor": visitor})

    def with_consent(self, consent: Consent) -> Conversion:
        """The same conversion with another consent."""
        return self._changed({"consent": consent})

    def as_stored(self) -> Conversion:
        """The same conversion, now that its server halves are in the outbox."""
        return self._changed({"stored": True})

    def _changed(self, fields: dict[str, Any]) -> Conversion:
        """A copy with other fields that need no check, as the rest was checked before: a fifth of `replace`."""
        found = object.__new__(type(self))
        object.__setattr__(found, "__dict__", {**self.__dict__, **fields})
        return found

    def to_record(self) -> dict[str, Any]:
        """Everything but what is personal (visitor, source URL), as plain data; see `conversion_from_record`."""
        record: dict[str, Any] = {
            "event": to_record(self.event),
            "id": self.id,
            "at": round(self.occurred_at.timestamp() * 1000),
            "consent": self.consent.to_record(),
        }
        if self.action_source != "web":
            record["source"] = self.action_source
        if self.app:
            record["app"] = self.app.to_record()
        if self.key is not None:
            record["key"] = self.key
        if self.platforms is not None:
            record["platforms"] = list(self.platforms)
        if not self.browser:
            record["browser"] = False
        if not self.server:
            record["server"] = False
        return record


def conversion_from_record(
    record: Mapping[str, Any], visitor: Mapping[str, Any] | None, occurred_at: datetime | None = None
) -> Conversion:
    """The conversion that was stored; without a visitor record (erased on delivery) it has nobody. `occurred_at`: what
    `occurred` makes of the record, where that was asked before."""
    platforms = record.get("platforms")
    app = record.get("app")
    own: dict[str, Any] = {
        "event": restored(record["event"]),
        "id": record["id"],
        "occurred_at": occurred_at or occurred(record),
        "visitor": SealedVisitor.from_record(visitor or {}),
        "source_url": None if visitor is None else visitor.get("url"),
        "action_source": record.get("source", "web"),
        "consent": Consent.from_record(record["consent"]),
        "app": App.from_record(app) if app else None,
        "key": record.get("key"),
        "platforms": None if platforms is None else tuple(platforms),
        "browser": record.get("browser", True),
        "server": record.get("server", True),
        "created": False,
        "stored": True,
    }
    found = object.__new__(Conversion)
    object.__setattr__(found, "__dict__", own)  # it was checked when it was made
    return found


def occurred(record: Mapping[str, Any]) -> datetime:
    """When a stored conversion happened."""
    return datetime.fromtimestamp(record["at"] / 1000, timezone.utc)


class _Dated(TimestampSigner):
    """Dates its signatures by the clock it is given."""

    def __init__(self, *args: Any, clock: Callable[[], datetime], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock().timestamp())


def _derived(secret_keys: Sequence[str], salt: str) -> list[bytes]:
    """The keys for what is signed under this salt, derived here once: itsdangerous would for every signature."""
    options: dict[str, Any] = {"salt": salt, "key_derivation": "hmac", "digest_method": hashlib.sha256}
    return [TimestampSigner(key, **options).derive_key() for key in secret_keys]


class Signer:
    """Signs and reads small JSON values that pass through a browser. One `purpose`, one signer: a value made for one
    purpose is refused for another. Keys are oldest first; the last one signs, all of them verify. `clock` dates the
    signatures; without one the system's does."""

    def __init__(
        self, secret_keys: Sequence[str], purpose: str, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        options: dict[str, Any] = {"key_derivation": "none", "digest_method": hashlib.sha256}
        kind = TimestampSigner if clock is None else _Dated
        if clock is not None:
            options["clock"] = clock
        keys = _derived(secret_keys, f"pixeltwin.{purpose}.v1")
        self._serializer = URLSafeTimedSerializer(keys, signer=kind, signer_kwargs=options)
        self._stamper = kind(_derived(secret_keys, f"pixeltwin.{purpose}.stamp.v1"), **options)

    def sign(self, value: Any) -> str:
        return str(self._serializer.dumps(value))

    def stamp(self, value: str) -> str:
        """A signature of a value that is carried beside it: half as long as both."""
        return self._stamper.sign(value).decode().removeprefix(f"{value}.")

    def bears(self, value: str, stamp: str, *, max_age: timedelta) -> bool:
        """Whether this is the stamp of this value, and not older than `max_age`."""
        try:
            signed = self._stamper.unsign(f"{value}.{stamp}", max_age=int(max_age.total_seconds()))
        except (BadData, UnicodeEncodeError):
            return False
        return signed == value.encode()  # a value may have dots: where it ends is for the signature to say

    def read(self, token: str, *, max_age: timedelta) -> Any:
        """The signed value; `BadToken` when it was forged, changed or is older than `max_age`."""
        try:
            return self._serializer.loads(token, max_age=int(max_age.total_seconds()))
        except (BadData, UnicodeEncodeError) as error:  # SignatureExpired is one too; a token may be any text
            raise BadToken(f"the signed value cannot be used: {type(error).__name__}") from None
