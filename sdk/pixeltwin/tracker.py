"""Tracker: the flow, tied together and free of any framework.

`track` asks each platform, writes one row and returns; `snippet` renders browser halves; `deliver` sends server halves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, overload

from markupsafe import Markup
from typing_extensions import Unpack

from . import rows, snippet
from .consent import Consent
from .contract import Platform
from .conversion import Conversion, Signer, derive_id
from .errors import TransactionLost, described
from .events import EVENT_TYPES, Event, Item, Travel
from .fields import build
from .logfields import fields
from .once import once
from .outbox import Outbox, open_outbox
from .outbox.bound import BOUND, Bound
from .tracking import arguments, checked, deciding
from .tracking.announcements import Announcements
from .tracking.arguments import OnError, TrackOptions
from .tracking.holding import Cancellation, Holding
from .tracking.intake import Intake
from .tracking.ledger import Ledger
from .tracking.losses import Losses
from .tracking.mode import checked_mode
from .tracking.remembering import Memory
from .visitor import NOBODY, AnyVisitor, Visitor, collected_rules
from .web import kept_parameters

if TYPE_CHECKING:
    import httpx

    from .delivery import Delivery, Report
    from .insight.health import Health
    from .worker import Worker

log = logging.getLogger("pixeltwin")

WhenUnsure = Literal["suppress", "send"]
SHOWN_WITHIN = timedelta(hours=24)  # a browser half is for the visit, or for the page after a payment


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Tracker:
    """Tracks conversions on these platforms.

    `secret_keys`: what ids are derived with and tokens signed by, oldest first; the last one is used, all are read.
    `site` keeps several sites apart that share an outbox, or keys: their natural keys, and what their pages report.
    `outbox`: "sqlite:///pixeltwin.db", "postgresql://…", "memory:", or an `Outbox`. `outbox_bound`: when about so many
    conversions wait for a platform that no worker has looked at, further ones are lost to it, counted and shouted
    (0: no bound).
    `keep_parameters`: query parameters that a `source_url` may keep beside click ids and utm_*.
    `phone_region` (ISO 3166-1, "DE"): where phone numbers without a country code are from.
    `on_error`: "log" never takes the caller down for a tracking fault: it is logged and counted in `losses`.
    `when_unsure`: what becomes of a server half past the dedup window whose browser half was shown, never confirmed.
    `live=False`: nothing goes anywhere (staging). `test_until` (an aware datetime, or ISO 8601 with a zone; at most 24
    hours ahead): until then server halves go to the platforms' own test modes and no pixel is rendered, so nothing
    counts; then `live` holds by itself. `test_ids`: by platform name, for platforms that test under an id.
    `introduces`: a worker asks each platform about settings that are new, counting nothing, so that `health` knows.
    """

    def __init__(
        self,
        platforms: Sequence[Platform],
        *,
        secret_keys: Sequence[str],
        site: str = "",
        outbox: str | Outbox = "sqlite:///pixeltwin.db",
        outbox_bound: int = BOUND,
        keep_parameters: Sequence[str] = (),
        phone_region: str | None = None,
        on_error: OnError = "log",
        when_unsure: WhenUnsure = "suppress",
        live: bool = True,
        test_until: datetime | str | None = None,
        test_ids: Mapping[str, str] | None = None,
        introduces: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        build(Item, Travel, Visitor, *EVENT_TYPES.values())  # before there are threads
        self.platforms = checked.platforms(platforms)
        self.secret_keys = checked.keys(secret_keys)
        self.site = site
        self.keep_parameters = kept_parameters(self.platforms, keep_parameters)
        self.phone_region = checked.region(phone_region)
        self.on_error: OnError = on_error
        self.when_unsure: WhenUnsure = when_unsure
        self.clock = clock
        self.introduces = introduces
        self.mode = checked_mode(self.platforms, live=live, test_until=test_until, test_ids=test_ids, now=clock())
        self.mode.remind(clock())
        self.announcements = Announcements(self)
        self.losses = Losses(self.announcements.lost)
        self.rules = collected_rules(platform.rules for platform in self.platforms)
        self.on_stored: Callable[[], None] | None = None  # told after each row; the worker's alarm clock
        self.transport: httpx.BaseTransport | None = None  # what the next delivery sends through: a proxy, a test's own
        self.outbox = open_outbox(outbox) if isinstance(outbox, str) else outbox
        self.bound = Bound(self.outbox, outbox_bound, self.losses, self.platforms)
        self.holding = Holding(self.outbox, site=site, losses=self.losses)
        self.memory = Memory(self.outbox, site=site)
        self.ledger = Ledger(self.outbox)
        self._signers: dict[str, Signer] = {}
        self.intake = Intake(self)
        self._delivery: Delivery | None = None
        self._worker: Worker | None = None

    def __repr__(self) -> str:
        return f"Tracker({', '.join(platform.name for platform in self.platforms)})"

    def signer(self, purpose: str, *, shared: bool = False) -> Signer:
        """Signs values that pass through a browser, with this tracker's keys, for this site; `shared`, as what is in
        cookies, which subdomains may have in common: for all sites with these keys."""
        name = purpose if shared else f"{self.site}/{purpose}"
        found = self._signers.get(name)
        if found is None:
            found = self._signers[name] = Signer(self.secret_keys, name, clock=lambda: self.clock())
        return found

    # --- tracking --------------------------------------------------------------------------------------------------

    @overload
    def track(
        self, event: Event, *, visitor: AnyVisitor | None, consent: Consent | None, **options: Unpack[TrackOptions]
    ) -> Conversion: ...

    @overload
    def track(
        self,
        event: Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent | None,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None: ...

    def track(
        self,
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent | None,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None:
        """Track one conversion: make or derive its id, store its server halves, return it. See `TrackOptions`.

        `event` may be a callable that builds it: what it raises is then a tracking fault like any other, and the
        answer None. Errors are logged and counted, or raised where `on_error="raise"`. `visitor=None`: what `remember`
        kept under the natural key is used; so is the consent where `consent=None`, which else counts as denied.
        """
        conversion = self.intake.track(event, visitor, consent, options, hold=False)
        self.announcements.tracked(conversion)
        return conversion

    @overload
    def hold(
        self, event: Event, *, visitor: AnyVisitor | None, consent: Consent, **options: Unpack[TrackOptions]
    ) -> Conversion: ...

    @overload
    def hold(
        self,
        event: Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None: ...

    def hold(
        self,
        event: Event | Callable[[], Event],
        *,
        visitor: AnyVisitor | None,
        consent: Consent,
        **options: Unpack[TrackOptions],
    ) -> Conversion | None:
        """Like `track`, but nobody is told before `confirm`: for a payment that settles later. The visitor's signals
        are those of now. It needs a natural key, and expires after 7 days. Commit before you send him off to pay."""
        conversion = self.intake.track(event, visitor, consent, options, hold=True)
        self.announcements.tracked(conversion)
        return conversion

    def confirm(
        self,
        kind: type[Event],
        key: str | int,
        *,
        name: str | None = None,
        value: Decimal | int | str | None = None,
        currency: str | None = None,
        items: Sequence[Item] | None = None,
        **changes: Any,
    ) -> Conversion:
        """What was held under this key was paid, now: ages and windows count from here. `name` is a CustomEvent's;
        all else are fields of the event that changed since.

        `created` is True if this call made it go, `stored` False if it cannot: it was cancelled, or has expired.
        `UnknownConversion` before the hold came; the confirmation is remembered for 7 days. `InvalidInput` for changes
        that cannot be, `OutboxUnavailable` if it could not be stored: answer with an error and be told again.
        """
        changes.update(value=value, currency=currency, items=items)
        given = {field: one for field, one in changes.items() if one is not None}
        conversion = self.holding.confirm(kind, key, name=name, changes=given, now=self.clock())
        if conversion.created and self.on_stored:
            self.on_stored()
        return conversion

    def cancel(
        self, kind: type[Event], key: str | int, *, name: str | None = None, reason: str = "cancelled"
    ) -> Cancellation:
        """What was held or tracked under this key is not to be: what has not gone never will, the personal data is
        erased. The answer says who had counted it. `UnknownConversion` if nothing is known under the key."""
        self.memory.forget(arguments.plain_key(key))
        return self.holding.cancel(kind, key, name=name, reason=reason, now=self.clock())

    def remember(self, key: str | int, *, visitor: AnyVisitor, consent: Consent, source_url: str | None = None) -> None:
        """Keep a visitor's signals and consent for a later `track` with this key, when he is not there: hashed as in
        a conversion, for 7 days or until they are used. Who denied consent leaves that, and nothing else; who has not
        answered yet is heard later, by `consented`."""
        self.intake.remember(key, visitor, consent, source_url)

    def derive_id(self, event: Event, key: str) -> str:
        """The id of the conversion with this natural key, under the current secret key."""
        return derive_id(self.secret_keys[-1], site=self.site, event=event, natural_key=arguments.plain_key(key))

    # --- rendering -------------------------------------------------------------------------------------------------

    def offer(self, ids: Sequence[str]) -> list[Conversion]:
        """The conversions whose browser half may be rendered now, each handed out once, whatever runs in parallel.

        A conversion past its platforms' dedup windows is not handed out, for its server half goes alone; held ones
        wait. `OutboxUnavailable` may rise.
        """
        if not ids:
            return []
        now = self.clock()
        known = [found for row in self.outbox.get(ids) if (found := self.holding.reviewed(row, now=now)) is not None]
        shown = [one.id for one in known if any(self.in_window(platform, one) for platform in self.platforms)]
        offered = self.outbox.offer(shown, now=now)
        return [found for row in offered if (found := rows.restored(row)) is not None]

    def consented(self, ids: Sequence[str], consent: Consent, *, keys: Sequence[str] = ()) -> None:
        """The visitor decided: what was held for his consent is released with it, what waits for a payment or for his
        answer about one platform, and no page has shown, follows it, and what `remember` kept under these keys while he
        had not answered takes it on. When he allows nobody, all that is held is cancelled, and so is what
        rests on an earlier decision of his; of what was remembered the refusal stays. `OutboxUnavailable` may rise."""
        deciding.decided(self, ids, [arguments.plain_key(key) for key in keys], consent)

    def in_window(self, platform: Platform, conversion: Conversion) -> bool:
        """Whether a pixel may still fire for it: the platform would take both halves for one, and a day is not over."""
        age = self.clock() - conversion.occurred_at
        try:
            return age <= min(platform.window(conversion.event), SHOWN_WITHIN)
        except Exception as error:  # the platform's own code
            self.losses.fault(platform.name, error, conversion_id=conversion.id)
            return False

    def snippet(
        self,
        conversions: Sequence[Conversion],
        *,
        visitor: AnyVisitor | None = None,
        consent: Consent,
        nonce: str | None = None,
        drop: Sequence[str] = (),
    ) -> Markup:
        """The pixels of all platforms that may be told, and the browser half of these conversions.

        A conversion is left out on a platform whose dedup window has passed; in test mode there is nothing, for what a
        pixel says counts. `drop` names query parameters that the page's own URL loses before a pixel can read them.
        """
        shown = self.platforms if self.mode.shows(self.clock()) else ()
        person = self.with_region(visitor or NOBODY)
        return snippet.render(
            shown,
            (lambda platform: [one for one in conversions if self.in_window(platform, one)]) if conversions else None,
            visitor=person,
            consent=arguments.located(consent, person),
            nonce=nonce,
            drop=drop,
            fault=self.losses.fault,
        )

    # --- delivering ------------------------------------------------------------------------------------------------

    @property
    def delivery(self) -> Delivery:
        """What sends this tracker's server halves."""
        found = self._delivery
        if found is None:
            with once():
                found = self._delivery = self._delivery or self._new_delivery()
        return found

    def _new_delivery(self) -> Delivery:
        from .delivery import Delivery

        return Delivery(
            self.platforms,
            self.outbox,
            mode=self.mode,
            when_unsure=self.when_unsure,
            transport=self.transport,
            on_outcome=self.announcements.settled,
            on_change=self.announcements.changed,
            catch_up=self.holding.catch_up,
            introduces=self.introduces,
        )

    def deliver(self, *, limit: int | None = None) -> Report:
        """One pass: everything due is sent, up to `limit` a destination. The worker is this in a loop."""
        now = self.clock()
        self.holding.catch_up(now)
        self.outbox.rouse(now=now)
        return self.delivery.deliver(now, limit=limit)

    def start_worker(self) -> None:
        """Deliver in the background from now on: threads of this process, at most once, in a forked child too."""
        worker = self._worker
        if worker is None:
            with once():
                worker = self._worker = self._worker or self._new_worker()
                self.on_stored = worker.notify
        worker.start()

    def _new_worker(self) -> Worker:
        from .worker import PORTION, Worker

        return Worker(self.delivery, clock=self.clock, portion=PORTION)

    def close(self) -> None:
        """Stop delivering, after the requests in flight, and give back connections."""
        if self._worker is not None:
            self._worker.stop()
            self._worker, self.on_stored = None, None
        if self._delivery is not None:
            self._delivery.close()
            self._delivery = None
        self.outbox.close()

    def health(self, now: datetime | None = None) -> Health:
        """Which platforms take what is sent, since when, and where not, why and what to do: as the outbox knows it, so
        the same from any process. It asks the store only, and writes a note there to see that it can be written."""
        from .insight.health import health_of

        return health_of(self, now)

    # --- faults ----------------------------------------------------------------------------------------------------

    def fault(self, where: str, error: Exception, *, strict: bool) -> None:
        """Log and count an error, or raise it where it is wanted, and where the caller's own work is undone."""
        if strict or isinstance(error, TransactionLost):
            raise error
        self.losses.count("", f"fault: {where}")
        log.error("tracking fault (%s): %s", where, described(error), extra=fields(loss=f"fault: {where}"))

    def with_region(self, visitor: AnyVisitor) -> AnyVisitor:
        """The visitor, with the place his phone number is from where he did not say."""
        if self.phone_region and isinstance(visitor, Visitor) and visitor.phone and not visitor.phone_region:
            return visitor.model_copy(update={"phone_region": self.phone_region})
        return visitor
