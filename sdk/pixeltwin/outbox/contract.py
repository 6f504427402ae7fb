"""The outbox contract: what every back end does, in the words of the flow. One contract test is run by all of them.

One canonical row a conversion, written once by `put` and never rewritten while it waits; narrow state rows, one a
destination, made when a worker first claims. All times are UTC datetimes handed in; no back end looks at a clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple

from .decisions import Decisions
from .notes import Notes
from .states import BrowserState, ServerState
from .tallies import Tallies

Retried = Literal["waiting", "refused", "expired"]  # the states from which a half can be taken up again
RETRIED: Collection[Retried] = ("waiting", "refused")

UNDECIDED = "consent_pending"  # how the reason begins of a half that waits for its visitor and not for the platform

LEASE = timedelta(seconds=60)
FURTHEST = timedelta(hours=2)  # waits and leases end within half of it; who made one due later had another clock
KEEP_KEYED = timedelta(days=400)  # tombstones of conversions with a natural key
KEEP_OTHERS = timedelta(days=38)  # of all others: the longest window and a day; no half stays open for longer either
KEEP_PERSONAL = timedelta(days=7)  # personal data after a refusal or expiry; on delivery it goes at once
KEEP_HELD = timedelta(days=7)  # a row that nobody releases
KEEP_RECORD = timedelta(hours=48)  # once all server halves ended: the longest the browser half may still be rendered


class NewRow(NamedTuple):
    """What `track` writes. `record` is the conversion without its visitor, `visitor` the sealed visitor, both JSON.

    `unique` is what makes two reports the same conversion (None: each is its own). `held` names what it waits for
    ("consent", "payment": words without blanks); empty: it may go. `event` is its neutral name, to be listed.
    `offered`: its browser half goes out with this very request.
    """

    id: str
    unique: str | None
    event: str
    occurred_at: datetime
    record: bytes
    visitor: bytes
    held: tuple[str, ...] = ()
    offered: bool = False


class Stored(NamedTuple):
    """A canonical row. `visitor` is None once personal data was erased; `record` is None in a tombstone."""

    seq: int
    id: str
    record: bytes | None
    visitor: bytes | None
    held: tuple[str, ...] = ()
    claimed: bool = False  # whether any half may have left: a worker has it, or has tried to send it


class Put(NamedTuple):
    """The answer of `put`: the row, and whether this call made it."""

    row: Stored
    created: bool


class Claim(NamedTuple):
    """One conversion leased to a worker for one destination. `lease` must be handed back with the settlement."""

    row: Stored
    attempts: int  # sends tried before this one, and leases lost, whose sends may have left
    lease: str
    browser: BrowserState  # of this destination's browser half
    browser_at: datetime | None  # when it was offered, or what the browser last said of it
    put_at: datetime  # when the conversion arrived


class Settlement(NamedTuple):
    """What became of a claim: a final state, "waiting" until `due_at`, or "pending" (given back untried).

    Without `due_at` a waiting or pending half is due at once.
    """

    seq: int
    lease: str
    state: ServerState
    reason: str = ""
    due_at: datetime | None = None
    tried: bool = True  # whether a request was made; counts as an attempt


class DeliveryState(NamedTuple):
    """One destination's half of one conversion, to be shown."""

    seq: int
    id: str
    event: str
    occurred_at: datetime
    destination: str
    state: ServerState
    attempts: int
    reason: str
    due_at: datetime | None
    updated_at: datetime
    browser: BrowserState
    browser_at: datetime | None = None  # as in a claim


class Heard(NamedTuple):
    """How many browsers said of each destination's pixel that it fired, and that it was blocked; and of how many
    conversions that pages showed nothing was said at all. A page that says anything does so of all pixels it told."""

    silent: int
    fired: Mapping[str, int]
    blocked: Mapping[str, int]

    @classmethod
    def of(cls, silent: int, said: Iterable[tuple[str, bool, int]]) -> Heard:
        """From counts by destination and by whether its pixel fired."""
        counted = {(name, bool(fired)): count for name, fired, count in said}
        fired, blocked = ({name: n for (name, took), n in counted.items() if took is kind} for kind in (True, False))
        return cls(silent, fired, blocked)


class Migration(NamedTuple):
    """Which version of the schema a store had (None: no tables), and which it has now; 0 where there is no schema."""

    before: int | None
    after: int


UNHEARD = Heard(0, {}, {})


class Outbox(ABC):
    """A durable queue of conversions. Every method is safe from any thread and process; `OutboxUnavailable` when the
    store cannot be reached, is full, or is locked for longer than its patience (a request: 2 s of SQLite, 250 ms of
    PostgreSQL; a worker or a command: 5 s). `ConfigurationError` when the store can never do."""

    one_writer: ClassVar[bool] = False  # whether who has its write lock keeps everybody else from writing

    @property
    def path(self) -> str | None:
        """The whole path of the file that it is kept in, where it is one."""
        return None

    def keeps_sessions(self) -> bool:
        """Whether each of its connections has a session of its own at the server, where there is one: it is asked."""
        return True

    # --- the request -----------------------------------------------------------------------------------------------

    @abstractmethod
    def put(self, new: NewRow, *, now: datetime, connection: Any = None) -> Put:
        """Write one conversion and return; durable when it returns. If `new.unique` is known already nothing is
        written and the known row is returned. `connection`: the caller's own, on the outbox's own database; the row
        is written inside his transaction, which is never committed here."""

    @abstractmethod
    def find(self, unique: str) -> Stored | None:
        """The row with this natural key, tombstones included."""

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[Stored]:
        """The rows with these conversion ids, in order of arrival."""

    @abstractmethod
    def fill(
        self, seq: int, visitor: bytes, *, now: datetime, reopens: str | None = None, connection: Any = None
    ) -> bool:
        """Replace the visitor of a row of which no half may have left yet. False when it was too late, or its personal
        data is erased. `reopens`: halves that were refused for a reason that begins with this text become pending, and
        for their sake it is not too late. `connection`: as in `put`; a store with many writers at a time
        may write it by itself, for what is known of a visitor harms nobody if the caller rolls back."""

    @abstractmethod
    def offer(self, ids: Sequence[str], *, now: datetime) -> list[Stored]:
        """Hand out browser halves, each exactly once whatever happens in parallel: rows with these ids whose browser
        half was never offered or suppressed and which are not held. They are offered from now on."""

    @abstractmethod
    def retract(self, ids: Sequence[str]) -> None:
        """What was offered was on no page after all: it can be offered again, unless a browser acknowledged it
        or it was cancelled meanwhile."""

    @abstractmethod
    def acknowledge(self, id: str, fired: Iterable[str], *, now: datetime, blocked: Iterable[str] = ()) -> None:
        """The browser said that these destinations' pixels fired, and that those did not, whose scripts were blocked;
        so their half was offered, however it got there. What was blocked may fire after all; what fired stays so."""

    @abstractmethod
    def release(
        self,
        ids: Sequence[str],
        reason: str,
        *,
        now: datetime,
        rewrite: Callable[[bytes], bytes] | None = None,
        occurred_at: datetime | None = None,
    ) -> list[str]:
        """Lift one thing rows wait for ("consent", "payment"); rows that wait for nothing more become pending.
        `rewrite` makes the new record of each row that waited for it (the consent that was given, the amount that was
        paid), within the transaction; if it raises, nothing is changed. `occurred_at`: when these rows happened, if
        that has changed with it. Returns the ids that became pending."""

    @abstractmethod
    def rewrite(self, ids: Sequence[str], change: Callable[[bytes], bytes]) -> None:
        """Replace the records of rows with these ids whose browser half was never offered, held or not: `change` makes
        the new one of the old, within the transaction; if it raises, nothing is changed. A worker that has a row has
        its old record."""

    @abstractmethod
    def cancel(self, ids: Sequence[str], *, now: datetime, reason: str) -> int:
        """What has not gone to a platform yet never will: held, pending and waiting halves become "cancelled", a
        browser half that was not offered is suppressed, the rows' personal data is erased. Halves on their way or
        final stay as they are. Returns how many conversions had a server half to cancel."""

    @abstractmethod
    def give_up(self, seq: int, *, connection: Any = None) -> None:
        """A row that has ended loses its natural key: who reports it next makes a row of his own. `connection`: as in
        `put`; if he rolls back, the row has its key."""

    # --- beside the rows -------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def notes(self) -> Notes:
        """What is kept for conversions that are still to come."""

    @property
    @abstractmethod
    def decisions(self) -> Decisions:
        """What visitors decided about consent: a ledger beside the rows."""

    @property
    @abstractmethod
    def tallies(self) -> Tallies:
        """How many conversions carried which signals, by day: counts beside the rows, which outlive them."""

    # --- the worker ------------------------------------------------------------------------------------------------

    @abstractmethod
    def set_destinations(self, destinations: Sequence[str]) -> None:
        """Which destinations the rows are for that this process puts from now on; they wait for all of these. Without
        any (and before the first call) rows have no server half, and their visitor is not even stored unless they are
        held. What other processes set, or set before, concerns their rows and not these."""

    @abstractmethod
    def claim(self, destination: str, *, now: datetime, limit: int, lease: timedelta = LEASE) -> list[Claim]:
        """Lease up to `limit` conversions due for this destination: first those that are due again, longest due first,
        then new ones, oldest first. They come in order of arrival. No two workers hold the same lease; a lease that
        was not settled in time returns by itself and counts as an attempt, for its worker may have sent.
        `ConfigurationError` for a destination that was never set."""

    @abstractmethod
    def settle(self, destination: str, settlements: Sequence[Settlement], *, now: datetime) -> int:
        """Record outcomes in one transaction; a settlement whose lease was lost is ignored. Returns how many counted.
        A conversion whose halves have ended at every destination it is for loses its personal data: at once when all
        were delivered, suppressed or cancelled, after `KEEP_PERSONAL` otherwise."""

    @abstractmethod
    def next_due(self, destinations: Sequence[str], *, now: datetime) -> datetime | None:
        """When there is next something to claim for any of these; `now` if there already is; None if nothing waits."""

    @abstractmethod
    def rouse(self, *, now: datetime) -> int:
        """Halves that are due further away than `FURTHEST`, as where a clock was set back, are due now: those that wait
        at once, a leased one when it has been seen so for a `LEASE`, for its worker may be alive and have the other
        clock. Returns how many changes were made. Call it every few minutes."""

    @abstractmethod
    def purge(self, *, now: datetime) -> int:
        """Erase what has outlived its time. A row whose halves all ended becomes a tombstone without record and
        visitor after `KEEP_RECORD`, or `KEEP_PERSONAL` where one was refused or expired. Rows held for `KEEP_HELD` and
        halves open for `KEEP_OTHERS` expire, and the rows become tombstones at once. Tombstones go after theirs
        (the newest row stays, for the numbering), and so does what is kept beside the rows. Returns how many changes
        were made. Call it every few minutes."""

    @abstractmethod
    def share(self, destination: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Change what all workers know of a destination. `change` is called with what is kept (None: nothing yet) and
        returns what shall be kept (None: nothing); if it raises, nothing is changed. One caller at a time, whatever
        thread, process or host. It may be called again where the store asks for that, so it must only compute. Returns
        what is kept now. `ConfigurationError` for a destination that was never set."""

    @abstractmethod
    def backlog(self) -> dict[str, int]:
        """About how many conversions no worker has looked at yet, by destination: all that came since the first of
        them. It costs the same however many there are, and takes no lock."""

    @abstractmethod
    def oldest(self, destination: str) -> datetime | None:
        """When it occurred, of all conversions whose half is open here and not held, the one that arrived first. None
        if there is none. `ConfigurationError` for a destination that was never set."""

    @abstractmethod
    def open_rows(self, *, after: int | None, limit: int) -> list[Stored]:
        """Rows of which a half is open, and which are not held, in order of arrival: those behind this seq, `limit` at
        the most. None: from the first one, and to find it costs as much as all that is open."""

    # --- people ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def migrate(self) -> Migration:
        """Make or upgrade the schema now, in one transaction; any number of processes may do it at once."""

    @abstractmethod
    def shared(self) -> dict[str, bytes]:
        """What `share` keeps, by destination."""

    @abstractmethod
    def counts(self, *, due: bool = False) -> dict[str, dict[str, int]]:
        """How many conversions are in which server state, by destination; unclaimed rows count as pending or held.
        `due`: only those that are pending, claimed or waiting, without the `UNDECIDED`, at a price that does not grow
        with the history."""

    @abstractmethod
    def deliveries(
        self, *, state: str | None = None, destination: str | None = None, id: str | None = None, limit: int = 100
    ) -> list[DeliveryState]:
        """The newest rows, to be listed: one entry a destination, `limit` entries in all."""

    @abstractmethod
    def heard(self, event: str, *, newest: int = 10_000) -> Heard:
        """What browsers said of the conversions of this event among the `newest` of all."""

    @abstractmethod
    def retry(
        self,
        *,
        now: datetime,
        destination: str | None = None,
        ids: Sequence[str] | None = None,
        states: Collection[Retried] = RETRIED,
    ) -> int:
        """Make waiting halves due at once and reopen those that ended in one of `states`, while their data is there.
        Returns how many."""

    @abstractmethod
    def close(self) -> None:
        """Give back connections; the outbox can be used again afterwards."""
