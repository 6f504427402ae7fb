"""The ledger: halves in their order of arrival, grouped into records as each platform would count them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..contract import Platform
from ..dedup import Half
from ..emulation import Rejection
from .arrival import Arrival, Side, arrive, id_form, traces
from .bell import Bell
from .judgement import ask
from .masking import masked_text
from .reasons import OTHER
from .record import Record

RECORDS = 5_000  # the newest are kept
PAYLOADS = 64 * 1024 * 1024  # bytes of payload kept in all
NEAR = timedelta(minutes=1)  # two lone halves of one event this close may have been meant as twins


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: the records as JSON-able data. `anew`: forget what you have, these are all there are."""

    version: int
    anew: bool
    oldest: int
    records: list[dict[str, Any]]


class Ledger:
    """In memory, bounded, safe to use from many threads."""

    def __init__(
        self,
        platforms: Mapping[str, type[Platform]],
        bell: Bell,
        *,
        limit: int = RECORDS,
        payloads: int = PAYLOADS,
    ) -> None:
        self._platforms = platforms
        self._bell = bell
        self._limit = limit
        self._payloads = payloads
        self._lock = threading.Lock()
        self._arrived = 0
        self._opened = 0
        self._emptied = 0
        self._clear()

    def _clear(self) -> None:
        self._records: dict[int, Record] = {}
        self._index: dict[tuple[str, str], dict[int, None]] = {}  # (platform, trace) -> numbers of records
        self._traces: dict[int, set[tuple[str, str]]] = {}  # its inverse
        self._latest: dict[tuple[str, str, Side], int] = {}
        self._bytes = 0

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clear()
            self._emptied = self._bell.ring()

    def add(
        self,
        platform: str,
        halves: Iterable[Half],
        rejected: Iterable[Rejection] = (),
        warnings: Iterable[str] = (),
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Take in what one request brought. `secrets` are its tokens, which are masked before anything is kept."""
        remarks = tuple(masked_text(warning, secrets) for warning in warnings)
        with self._lock:
            for half in halves:
                self._place(platform, self._arrival(half, None, secrets), remarks)
            for rejection in rejected:
                self._place(platform, self._arrival(rejection.half, rejection.reason, secrets), remarks)
            self._forget()

    def changes(self, since: int = 0) -> Changes:
        """What changed after version `since`; 0 for all there is."""
        with self._lock:
            version = self._bell.version
            anew = since < self._emptied or since == 0
            wanted = [record for record in self._records.values() if anew or record.version > since]
            views = [record.view(self._platforms[record.platform], self._lookalike(record)) for record in wanted]
            return Changes(version, anew, next(iter(self._records), self._opened + 1), views)

    # --- placing -------------------------------------------------------------------------------------------------

    def _arrival(self, half: Half, refused: str | None, secrets: tuple[str, ...]) -> Arrival:
        self._arrived += 1
        return arrive(self._arrived, half, refused, secrets)

    def _place(self, platform: str, arrival: Arrival, remarks: tuple[str, ...] = ()) -> None:
        record = None if arrival.refused is not None else self._joined(platform, arrival)
        strangers: list[Arrival] = []
        if record:
            strangers = self._strangers(record, arrival)
        else:
            record = self._related(platform, arrival) or self._open(platform, arrival)
        self._bytes -= record.size
        record.put(arrival, self._platforms[platform].dedup, instead_of=strangers)
        self._bytes += record.size
        record.warn(remarks)
        self._trace(record, arrival)
        self._changed(record)
        for stranger in strangers:
            self._place(platform, stranger)

    def _candidates(self, platform: str, arrival: Arrival) -> Iterator[Record]:
        """The records that have anything in common with an arrival, newest first."""
        numbers: dict[int, None] = {}
        for trace in traces(arrival.half):
            numbers.update(self._index.get((platform, trace), {}))
        for number in sorted(numbers, reverse=True):
            yield self._records[number]

    def _joined(self, platform: str, arrival: Arrival) -> Record | None:
        """The record that the platform's rule counts this half together with; one that lacks its side if possible."""
        rule = self._platforms[platform].dedup
        repeated: Record | None = None
        for record in self._candidates(platform, arrival):
            if record.event != arrival.half.event:
                continue
            counting = record.judgement.counting
            same = [counted for counted in counting if ask(rule, counted.half, arrival.half).counted == 1]
            if any(counted.side != arrival.side for counted in same) and arrival.side not in record.judgement.slots:
                return record
            if same and repeated is None:
                repeated = record
        return repeated

    def _strangers(self, record: Record, arrival: Arrival) -> list[Arrival]:
        """Halves that were put here for their likeness and hold the place of the true twin, which has come now."""
        rule = self._platforms[record.platform].dedup
        counting = record.judgement.counting
        rivals = [counted for counted in counting if counted.side == arrival.side]
        if any(ask(rule, rival.half, arrival.half).counted == 1 for rival in rivals):
            return []
        return rivals

    def _related(self, platform: str, arrival: Arrival) -> Record | None:
        """The record that a half belongs to although it counts by itself: by id, else by order id."""
        fitting = [
            record
            for record in self._candidates(platform, arrival)
            if record.event == arrival.half.event and not record.full and _has_place(record, arrival)
        ]
        by_id = (record for record in fitting if _same_id(record, arrival.half))
        by_order = (record for record in fitting if _same_order(record, arrival.half))
        return next(by_id, None) or next(by_order, None)

    def _open(self, platform: str, arrival: Arrival) -> Record:
        self._opened += 1
        record = Record(self._opened, platform, arrival.half.event)
        self._records[record.number] = record
        if arrival.refused is None:
            self._link(record, arrival)
        return record

    def _trace(self, record: Record, arrival: Arrival) -> None:
        keys = {(record.platform, trace) for trace in traces(arrival.half)}
        self._traces.setdefault(record.number, set()).update(keys)
        for key in keys:
            self._index.setdefault(key, {})[record.number] = None

    # --- lone halves that look alike -----------------------------------------------------------------------------

    def _link(self, record: Record, arrival: Arrival) -> None:
        half = arrival.half
        named = (
            candidate.number
            for candidate in self._candidates(record.platform, arrival)
            if candidate.event != half.event and _same_id(candidate, half)
        )
        other = self._records.get(next(named, self._latest.get((record.platform, half.event, OTHER[half.side]), 0)))
        lone = other.lone if other else None
        if other and lone and lone.side != half.side and abs(half.received_at - lone.received_at) <= NEAR:
            record.lookalike, other.lookalike = other.number, record.number
            other.version = self._bell.ring()
        self._latest[record.platform, half.event, half.side] = record.number

    def _lookalike(self, record: Record) -> Half | None:
        other = self._records.get(record.lookalike or 0)
        return other.lone if other else None

    def _changed(self, record: Record) -> None:
        record.version = self._bell.ring()
        other = self._records.get(record.lookalike or 0)
        if other and record.lone is None:
            record.lookalike = other.lookalike = None
            other.version = self._bell.ring()

    # --- bounds --------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        while self._records and (len(self._records) > self._limit or self._bytes > self._payloads):
            number, record = next(iter(self._records.items()))
            del self._records[number]
            self._bytes -= record.size
            for side in OTHER:
                if self._latest.get((record.platform, record.event, side)) == number:
                    del self._latest[record.platform, record.event, side]
            for key in self._traces.pop(number, ()):
                self._index[key].pop(number, None)
                if not self._index[key]:
                    del self._index[key]


def _has_place(record: Record, arrival: Arrival) -> bool:
    """Whether the record's place for this side is free, or held by another call of the same account."""
    holder = record.judgement.slots.get(arrival.side)
    return holder is None or holder.half.account == arrival.half.account


def _same_id(record: Record, half: Half) -> bool:
    if half.id is None:
        return False
    form = id_form(half.id)
    return any(one.half.id is not None and id_form(one.half.id) == form for one in record.arrivals)


def _same_order(record: Record, half: Half) -> bool:
    """Whether the other side, alone so far, told of the same order."""
    if half.order_id is None or half.side in record.judgement.slots:
        return False
    return any(one.half.order_id == half.order_id and one.side != half.side for one in record.arrivals)
