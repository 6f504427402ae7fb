"""The way of one conversion into the outbox: what the caller gave, asked of consent and platforms, sealed, and put."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import rows
from ..consent import Consent
from ..conversion import Conversion, checked_time, issue_id
from ..errors import InvalidInput
from ..events import Event
from ..outbox import NewRow, Stored
from ..visitor import NOBODY, AnyVisitor
from . import arguments, asking, lapsed, mistakes, repeats
from .arguments import TrackOptions
from .lapsed import PAYMENT
from .remembering import Signals

if TYPE_CHECKING:
    from ..tracker import Tracker

MISSING_SIGNALS = ("no_match_key", "no_source_url")  # refusals that a later report of the same conversion may mend


class Intake:
    """What `Tracker.track`, `hold` and `remember` do, with the settings of that tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def track(
        self,
        event: Event | Callable[[], Event],
        visitor: AnyVisitor | None,
        consent: Consent | None,
        options: TrackOptions,
        *,
        hold: bool,
    ) -> Conversion | None:
        built = self.built(event, options)
        if built is None:
            return None
        strict = options.get("on_error", self._tracker.on_error) == "raise"
        now = self._tracker.clock()
        consent, options = self._checked(consent, options, strict)
        try:
            if hold:
                arguments.required_key(built, options.get("key"))
            signals = self._signals(built, visitor, consent, options, now)
            conversion, row = self._prepared(
                built, visitor or NOBODY, consent, options, now=now, signals=signals, hold=hold
            )
        except Exception as error:
            self._tracker.fault("input", error, strict=strict)
            signals = None
            kept = mistakes.harmless(visitor, consent, options)
            conversion, row = self._prepared(built, *kept, now=now, hold=hold)
            if hold and conversion.key is None:
                return conversion
        connection = options.get("connection")
        if row is not None:
            conversion = self._put(conversion, row, now, connection, strict)
        if signals and (row is None or conversion.stored):
            self._used(conversion, signals, now, connection, strict)
        return conversion

    def built(self, event: Event | Callable[[], Event], options: TrackOptions) -> Event | None:
        """The event, built if it comes as what builds it; None when that failed, as a fault like any other."""
        try:
            built = event if isinstance(event, Event) else event()
            if not isinstance(built, Event):
                raise InvalidInput("track", [("event", "give an event such as Purchase(...), or what builds one")])
            return built
        except Exception as error:
            strict = options.get("on_error", self._tracker.on_error) == "raise"
            self._tracker.fault("event", error, strict=strict)
            return None

    def _checked(
        self, consent: Consent | None, options: TrackOptions, strict: bool
    ) -> tuple[Consent | None, TrackOptions]:
        """Consent and options, without the mistakes in them, which are faults, and with what of its address a page may
        be known by."""
        try:
            mistakes.check(consent, options, self._tracker.platforms)
        except InvalidInput as error:
            self._tracker.fault("input", error, strict=strict)
            consent, options = mistakes.without(consent, options, self._tracker.platforms)
        return consent, {**options, "source_url": self._page(options.get("source_url"), strict)}

    def _page(self, url: str | None, strict: bool) -> str | None:
        try:
            return arguments.page_url(url, self._tracker.keep_parameters)
        except InvalidInput as error:
            self._tracker.fault("input", error, strict=strict)
            return None

    def _signals(
        self, event: Event, visitor: AnyVisitor | None, consent: Consent | None, options: TrackOptions, now: datetime
    ) -> Signals | None:
        """What was remembered for this conversion, where it is wanted."""
        key = arguments.natural_key(event, options.get("key"))
        if key is None or (visitor is not None and consent is not None and not options.get("recall")):
            return None
        return self._tracker.memory.recall(key, now=now)

    def _used(self, conversion: Conversion, signals: Signals, now: datetime, connection: Any, strict: bool) -> None:
        """Forget what was remembered; if the visitor has answered since it was read, his answer holds. In the caller's
        transaction it is forgotten with his commit."""
        key, event = conversion.key or "", conversion.event
        try:
            if event.custom_name:
                unique = rows.natural(event, key, site=self._tracker.site)
                self._tracker.memory.name(key, unique, now=now, connection=connection)
            if connection is not None:
                self._tracker.memory.forget(key, connection=connection)
                return
            latest = self._tracker.memory.recall(key, now=now)
            self._tracker.memory.forget(key)
            if latest and latest.consent != signals.consent:
                self._tracker.consented([conversion.id], latest.consent)
        except Exception as error:
            self._tracker.fault("remember", error, strict=strict)

    def _conversion(
        self, event: Event, visitor: AnyVisitor, consent: Consent, options: TrackOptions, now: datetime
    ) -> Conversion:
        occurred_at = options.get("occurred_at")
        platforms = options.get("platforms")
        key = arguments.natural_key(event, options.get("key"))
        conversion_id = options.get("id")
        if conversion_id is None:
            conversion_id = issue_id() if key is None else self._tracker.derive_id(event, key)
        return Conversion(
            event=event,
            id=conversion_id,
            occurred_at=now if occurred_at is None else checked_time(occurred_at, now),
            visitor=self._tracker.with_region(visitor).seal(self._tracker.rules),
            source_url=options.get("source_url"),
            action_source=options.get("action_source", "web"),
            consent=arguments.located(consent, visitor),
            app=options.get("app"),
            key=key,
            platforms=arguments.names(platforms),
            browser=options.get("browser", True) and not self._tracker.mode.testing(now),
            server=options.get("server", True),
        )

    def _prepared(
        self,
        event: Event,
        visitor: AnyVisitor,
        consent: Consent | None,
        options: TrackOptions,
        *,
        now: datetime,
        signals: Signals | None = None,
        hold: bool = False,
    ) -> tuple[Conversion, NewRow | None]:
        """The conversion, its visitor sealed, consent and platforms asked; and its row, if anybody may be told."""
        if consent is None:
            consent = signals.consent if signals else asking.nobody_said(event)
        conversion = self._conversion(event, visitor, consent, options, now)
        if signals:
            conversion = signals.added_to(conversion)
        told = self._tracker.platforms if self._tracker.mode.sends(now) else ()
        wanted = [platform for platform in told if platform.wants(conversion)]
        conversion = asking.within_consent(wanted, conversion, self._tracker.losses)
        states = [platform.state(conversion.consent) for platform in wanted]
        allowed = [platform for platform, state in zip(wanted, states, strict=True) if state in ("granted", "limited")]
        for platform in allowed:
            asking.ask(platform, conversion, now, self._tracker.losses)
        if not allowed and "pending" not in states:
            return conversion, None
        return conversion, rows.new_row(
            conversion,
            site=self._tracker.site,
            id_given=options.get("id") is not None,
            held=(*(() if allowed else ("consent",)), *((PAYMENT,) if hold else ())),
            offered=options.get("offered", False) and not hold and bool(allowed),
        )

    def _put(self, conversion: Conversion, row: NewRow, now: datetime, connection: Any, strict: bool) -> Conversion:
        try:
            if self._tracker.bound.turns_away(now, strict=strict):
                return conversion
            if PAYMENT in row.held:
                conversion, put = self._tracker.holding.put(conversion, row, now=now, connection=connection)
            else:
                put = lapsed.put(self._tracker.outbox, row, now=now, connection=connection)
            if not put.created:
                return self._again(conversion, put.row, now, connection)
            self._tracker.bound.has_taken(conversion)
        except Exception as error:
            self._tracker.fault("outbox", error, strict=strict)
            return conversion
        if self._tracker.on_stored:
            self._tracker.on_stored()
        return conversion.as_stored()

    def _again(self, conversion: Conversion, row: Stored, now: datetime, connection: Any) -> Conversion:
        """The conversion was known. Its id and time stand; what its visitor lacked is filled in until it is claimed."""
        if lapsed.ended(self._tracker.outbox, row):
            repeats.report_too_late(conversion, self._tracker.losses)
            return replace(conversion, id=row.id, browser=False, created=False, stored=False)
        known = rows.restored(row)
        if known is None:  # a tombstone: it was counted long ago
            return replace(conversion, id=row.id, browser=False, created=False, stored=True)
        repeats.report_conflict(known.event, conversion.event, self._tracker.losses)
        repeats.report_left_out(known, conversion, self._tracker.losses)
        filled = repeats.filled(known, conversion)
        record = rows.personal(filled)
        if row.visitor is not None and record != row.visitor:
            for reason in MISSING_SIGNALS:
                self._tracker.outbox.fill(row.seq, record, now=now, reopens=reason, connection=connection)
            if self._tracker.on_stored:
                self._tracker.on_stored()
        return filled

    def remember(self, key: str | int, visitor: AnyVisitor, consent: Consent, source_url: str | None) -> None:
        """See `Tracker.remember`."""
        strict = self._tracker.on_error == "raise"
        checked, options = self._checked(consent, {"source_url": source_url}, strict)
        try:
            consent, page = checked or Consent.denied(), options.get("source_url")
            person = self._tracker.with_region(visitor)
            told = any(platform.state(consent) != "denied" for platform in self._tracker.platforms)
            kept = Signals(
                (person if told else NOBODY).seal(self._tracker.rules),
                page if told else None,
                arguments.located(consent, person),
            )
            self._tracker.memory.keep(arguments.plain_key(key), kept, now=self._tracker.clock())
        except Exception as error:
            self._tracker.fault("remember", error, strict=strict)
