"""Tracker: the flow, tied together and free of any framework.

`track` asks each platform, writes one row and returns; `snippet` renders browser halves; `deliver` sends server halves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, overload

from markupsafe import Markup
from typing_extensions import Unpack

from . import arguments, asking, rows, snippet
from .arguments import NOBODY, OnError, TrackOptions
from .consent import Consent
from .contract import Platform, collected_rules
from .conversion import Conversion, Signer, checked_time, derive_id, issue_id
from .errors import ConfigurationError, InvalidInput, described
from .events import Event
from .losses import Losses
from .mode import checked_mode
from .outbox import NewRow, Outbox, Stored, open_outbox
from .visitor import AnyVisitor, Visitor

if TYPE_CHECKING:
    from .delivery import Delivery, Report
    from .worker import Worker

log = logging.getLogger("pixeltwin")

WhenUnsure = Literal["suppress", "send"]
SHOWN_WITHIN = timedelta(hours=24)  # a browser half is for the visit, or for the page after a payment
MISSING_SIGNALS = ("no_match_key", "no_source_url")  # refusals that a later report of the same conversion may mend


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Tracker:
    """Tracks conversions on these platforms.

    `secret_keys`: what ids are derived with and tokens signed by, oldest first; the last one is used, all are read.
    `site` keeps the natural keys of several sites apart that share an outbox.
    `outbox`: "sqlite:///pixeltwin.db", "postgresql://…", "memory:", or an `Outbox`.
    `phone_region` (ISO 3166-1, "DE"): where phone numbers without a country code are from.
    `on_error`: "log" never takes the caller down for a tracking fault: it is logged and counted in `losses`.
    `when_unsure`: what becomes of a server half past the dedup window whose browser half was shown, never confirmed.
    `live=False`: nothing goes anywhere (staging). `test_until` (an aware datetime, or ISO 8601 with a zone; at most 24
    hours ahead): until then server halves go to the platforms' own test modes and no pixel is rendered, so nothing
    counts; then `live` holds by itself. `test_ids`: by platform name, for platforms that test under an id.
    """

    def __init__(
        self,
        platforms: Sequence[Platform],
        *,
        secret_keys: Sequence[str],
        site: str = "",
        outbox: str | Outbox = "sqlite:///pixeltwin.db",
        phone_region: str | None = None,
        on_error: OnError = "log",
        when_unsure: WhenUnsure = "suppress",
        live: bool = True,
        test_until: datetime | str | None = None,
        test_ids: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.platforms = _checked_platforms(platforms)
        self.secret_keys = _checked_keys(secret_keys)
        self.site = site
        self.phone_region = _checked_region(phone_region)
        self.on_error: OnError = on_error
        self.when_unsure: WhenUnsure = when_unsure
        self.clock = clock
        self.mode = checked_mode(self.platforms, live=live, test_until=test_until, test_ids=test_ids, now=clock())
        self.mode.remind(clock())
        self.losses = Losses()
        self.rules = collected_rules(self.platforms)
        self.on_stored: Callable[[], None] | None = None  # told after each row; the worker's alarm clock
        self.outbox = open_outbox(outbox) if isinstance(outbox, str) else outbox
        self.outbox.set_destinations([platform.destination for platform in self.platforms if platform.sends])
        self._delivery: Delivery | None = None
        self._worker: Worker | None = None

    def __repr__(self) -> str:
        return f"Tracker({', '.join(platform.name for platform in self.platforms)})"

    def signer(self, purpose: str) -> Signer:
        """Signs values that pass through a browser, with this tracker's keys."""
        return Signer(self.secret_keys, purpose, clock=self.clock)

    # --- tracking --------------------------------------------------------------------------------------------------

    @overload
    def track(
        self, event: Event, *, visitor: AnyVisitor | None, consent: Consent, **options: Unpack[TrackOptions]
    ) -> Conversion: ...

    @overload
    def track(
        self,
        event: Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None: ...

    def track(
        self,
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None:
        """Track one conversion: make or derive its id, store its server halves, return it. See `TrackOptions`.

        `event` may be a callable that builds it: what it raises is then a tracking fault like any other, and the
        answer None. Errors are logged and counted, or raised where `on_error="raise"`.
        """
        strict = options.get("on_error", self.on_error) == "raise"
        try:
            built = event if isinstance(event, Event) else event()
            if not isinstance(built, Event):
                raise InvalidInput("track", [("event", "give an event such as Purchase(...), or what builds one")])
        except Exception as error:
            self._fault("event", error, strict)
            return None
        try:
            conversion, row = self._prepared(built, visitor or NOBODY, consent, options)
        except Exception as error:
            self._fault("input", error, strict)
            conversion, row = self._prepared(built, *arguments.harmless(visitor, consent, options))
        return conversion if row is None else self._put(conversion, row, options.get("connection"), strict)

    def _conversion(self, event: Event, visitor: AnyVisitor, consent: Consent, options: TrackOptions) -> Conversion:
        now = self.clock()
        occurred_at = options.get("occurred_at")
        platforms = options.get("platforms")
        key = arguments.natural_key(event, options.get("key"))
        conversion_id = options.get("id")
        if conversion_id is None:
            conversion_id = issue_id() if key is None else self.derive_id(event, key)
        return Conversion(
            event=event,
            id=conversion_id,
            occurred_at=now if occurred_at is None else checked_time(occurred_at, now),
            visitor=self._with_region(visitor),
            source_url=options.get("source_url"),
            action_source=options.get("action_source", "web"),
            consent=arguments.located(consent, visitor),
            app=options.get("app"),
            key=key,
            platforms=arguments.names(platforms),
            browser=options.get("browser", True) and not self.mode.testing(now),
            server=options.get("server", True),
        )

    def derive_id(self, event: Event, key: str) -> str:
        """The id of the conversion with this natural key, under the current secret key."""
        return derive_id(self.secret_keys[-1], site=self.site, event=event, natural_key=key)

    def _prepared(
        self, event: Event, visitor: AnyVisitor, consent: Consent, options: TrackOptions
    ) -> tuple[Conversion, NewRow | None]:
        """The conversion, its visitor sealed, consent and platforms asked; and its row, if anybody may be told."""
        conversion = self._conversion(event, visitor, consent, options)
        conversion = conversion.with_visitor(conversion.visitor.seal(self.rules))
        told = self.platforms if self.mode.sends(self.clock()) else ()
        wanted = [platform for platform in told if platform.wants(conversion)]
        conversion = asking.within_consent(wanted, conversion, self.losses)
        allowed = [platform for platform in wanted if platform.allowed(conversion.consent)]
        pending = [platform for platform in wanted if platform.state(conversion.consent) == "pending"]
        for platform in allowed:
            asking.ask(platform, conversion, self.clock(), self.losses)
        if not allowed and not pending:
            return conversion, None
        return conversion, rows.new_row(
            conversion,
            site=self.site,
            id_given=options.get("id") is not None,
            held=() if allowed else ("consent",),
            offered=options.get("offered", False),
        )

    def _put(self, conversion: Conversion, row: NewRow, connection: Any, strict: bool) -> Conversion:
        try:
            put = self.outbox.put(row, now=self.clock(), connection=connection)
            if not put.created:
                return self._again(conversion, put.row)
        except Exception as error:
            self._fault("outbox", error, strict)
            return conversion
        if self.on_stored:
            self.on_stored()
        return replace(conversion, stored=True)

    def _again(self, conversion: Conversion, row: Stored) -> Conversion:
        """The conversion was known. Its id and time stand; what its visitor lacked is filled in until it is claimed."""
        known = rows.restored(row)
        if known is None:  # a tombstone: it was counted long ago
            return replace(conversion, id=row.id, browser=False, created=False, stored=True)
        before, after = known.event.__dict__, conversion.event.__dict__
        changed = [name for name in ("value", "currency", "items") if before.get(name) != after.get(name)]
        if changed:
            self.losses.count("", "conflict")
            log.warning(
                "%s was tracked again with another %s; the first report stands", known.event.type, " and ".join(changed)
            )
        filled = replace(
            known,
            visitor=rows.sealed(known).filled_from(rows.sealed(conversion)),
            source_url=known.source_url or conversion.source_url,
        )
        record = rows.personal(filled)
        if row.visitor is not None and record != row.visitor:
            for reason in MISSING_SIGNALS:
                self.outbox.fill(row.seq, record, now=self.clock(), reopens=reason)
            if self.on_stored:
                self.on_stored()
        return filled

    # --- rendering -------------------------------------------------------------------------------------------------

    def offer(self, ids: Sequence[str]) -> list[Conversion]:
        """The conversions whose browser half may be rendered now, each handed out once, whatever runs in parallel.

        A conversion past its platforms' dedup windows renders nowhere; held ones wait. `OutboxUnavailable` may rise.
        """
        if not ids:
            return []
        offered = self.outbox.offer(ids, now=self.clock())
        return [found for row in offered if (found := rows.restored(row)) is not None]

    def consented(self, ids: Sequence[str], consent: Consent) -> None:
        """The visitor decided: what was held for his consent is released with it, or cancelled."""
        held = [row for row in self.outbox.get(ids) if "consent" in row.held and row.record is not None]
        if not held or all(platform.state(consent) == "pending" for platform in self.platforms):
            return
        now = self.clock()
        if not any(platform.allowed(consent) for platform in self.platforms):
            self.outbox.cancel([row.id for row in held], now=now, reason="consent denied")
            return
        freed = self.outbox.release(
            [row.id for row in held], "consent", now=now, rewrite=lambda record: rows.with_consent(record, consent)
        )
        if freed and self.on_stored:
            self.on_stored()

    def in_window(self, platform: Platform, conversion: Conversion) -> bool:
        """Whether a pixel may still fire for it: the platform would take both halves for one, and a day is not over."""
        age = self.clock() - conversion.occurred_at
        return age <= min(platform.window(conversion.event), SHOWN_WITHIN)

    def snippet(
        self,
        conversions: Sequence[Conversion],
        *,
        visitor: AnyVisitor | None = None,
        consent: Consent,
        nonce: str | None = None,
        keep_parameters: Sequence[str] | None = None,
    ) -> Markup:
        """The pixels of all platforms that may be told, and the browser half of these conversions.

        A conversion is left out on a platform whose dedup window has passed; in test mode there is nothing, for what a
        pixel says counts. `keep_parameters` also cleans the page's
        own URL of all other query parameters before a pixel can read it.
        """
        if not self.mode.shows(self.clock()):
            return Markup()
        person = self._with_region(visitor or NOBODY)
        located = arguments.located(consent, person)
        return snippet.render(
            self.platforms,
            lambda platform: [one for one in conversions if self.in_window(platform, one)],
            visitor=person,
            consent=located,
            nonce=nonce,
            keep_parameters=keep_parameters,
        )

    # --- delivering ------------------------------------------------------------------------------------------------

    @property
    def delivery(self) -> Delivery:
        """What sends this tracker's server halves."""
        if self._delivery is None:
            from .delivery import Delivery

            self._delivery = Delivery(self.platforms, self.outbox, mode=self.mode, when_unsure=self.when_unsure)
        return self._delivery

    def deliver(self, *, limit: int | None = None) -> Report:
        """One pass: everything due is sent, up to `limit` a destination. The worker is this in a loop."""
        return self.delivery.deliver(self.clock(), limit=limit)

    def start_worker(self) -> None:
        """Deliver in the background from now on: threads of this process, at most once, in a forked child too."""
        if self._worker is None:
            from .worker import Worker

            self._worker = Worker(self.delivery, clock=self.clock)
            self.on_stored = self._worker.notify
        self._worker.start()

    def close(self) -> None:
        """Stop delivering, after the requests in flight, and give back connections."""
        if self._worker is not None:
            self._worker.stop()
            self._worker, self.on_stored = None, None
        if self._delivery is not None:
            self._delivery.close()
            self._delivery = None
        self.outbox.close()

    # --- faults ----------------------------------------------------------------------------------------------------

    def _fault(self, where: str, error: Exception, strict: bool) -> None:
        if strict:
            raise error
        self.losses.count("", f"fault: {where}")
        log.error("tracking fault (%s): %s", where, described(error))

    def _with_region(self, visitor: AnyVisitor) -> AnyVisitor:
        if self.phone_region and isinstance(visitor, Visitor) and visitor.phone and not visitor.phone_region:
            return visitor.model_copy(update={"phone_region": self.phone_region})
        return visitor


def _checked_platforms(platforms: Sequence[Platform]) -> tuple[Platform, ...]:
    if not platforms:
        raise ConfigurationError("no platform is configured: pass at least one to Tracker([…])")
    for attribute in ("name", "destination"):
        values = [getattr(platform, attribute) for platform in platforms]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ConfigurationError(f"two platforms share the {attribute} {twice.pop()!r}; tell them apart with name=")
    return tuple(platforms)


def _checked_keys(keys: Sequence[str]) -> tuple[str, ...]:
    if isinstance(keys, str) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise ConfigurationError(
            "no secret key is set: pass secret_keys=['…'], oldest first. "
            'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return tuple(keys)


def _checked_region(region: str | None) -> str | None:
    if region is not None and not (isinstance(region, str) and len(region) == 2 and region.isalpha()):
        raise ConfigurationError("phone_region must be the two letters of a country (ISO 3166-1), such as 'DE'")
    return region
