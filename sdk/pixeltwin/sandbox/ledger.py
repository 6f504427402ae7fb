"""The ledger: halves in their order of arrival, grouped into records as each platform would count them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..contract import Platform
from ..dedup import Half
from ..emulation import Rejection
from .arrival import Arrival, arrive, hinted, hints, traces
from .attempts import Attempts
from .bell import Bell
from .forms import id_form
from .index import Index
from .judgement import ask
from .masking import masked_text
from .quality import quality
from .reading import Wire
from .record import Record, shown
from .twins import Twins

RECORDS = 5_000  # the newest are kept
PAYLOADS = 64 * 1024 * 1024  # bytes of payload kept in all


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
        wires: Mapping[str, Wire] | None = None,
        limit: int = RECORDS,
        payloads: int = PAYLOADS,
    ) -> None:
        self._platforms = platforms
        self._bell = bell
        self._wires: Mapping[str, Wire] = {kind: Wire() for kind in platforms} | dict(wires or {})
        self._limit = limit
        self._payloads = payloads
        self._lock = threading.Lock()
        self._arrived = 0
        self._opened = 0
        self._emptied = 0
        self._clear()

    def _clear(self) -> None:
        self._records: dict[int, Record] = {}
        self._index = Index()
        self._lost = Attempts()
        self._twins = Twins(self._platforms, self._wires, self._records, self._bell)
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
                self._place(platform, self._arrival(platform, half, None, secrets), remarks)
            for rejection in rejected:
                self._place(platform, self._arrival(platform, rejection.half, rejection.reason, secrets), remarks)
            self._forget()

    def lose(self, platform: str, halves: Iterable[Half], fault: str, secrets: tuple[str, ...] = ()) -> None:
        """Remember halves that a fault kept from arriving."""
        with self._lock:
            for half in halves:
                kept = self._arrival(platform, half, None, secrets)
                self._lost.add(platform, kept.number, kept.half, fault)
                for record in self._candidates(platform, traces(kept.half)):
                    record.version = self._bell.ring()

    def changes(self, since: int = 0) -> Changes:
        """What changed after version `since`; 0 for all there is."""
        with self._lock:
            version = self._bell.version
            anew = since < self._emptied or since == 0
            wanted = [record for record in self._records.values() if anew or record.version > since]
            views = [self._view(record) for record in wanted]
            return Changes(version, anew, next(iter(self._records), self._opened + 1), views)

    def record(self, number: int) -> dict[str, Any] | None:
        """One record, with its payloads compared field by field; None where there is none of that number. A lone half
        is compared with the one that may be its twin, which is told as `beside`."""
        with self._lock:
            record = self._records.get(number)
            if record is None:
                return None
            beside = self._twins.beside(record)
            fields = record.compared(self._wires[record.platform].fields, beside)
            return {**self._view(record), "fields": fields, "beside": shown(beside)}

    def quality(self) -> list[dict[str, Any]]:
        """What the conversions that were taken carry, by platform and event; see `quality`."""
        with self._lock:
            carried = [record.carried(self._platforms[record.platform]) for record in self._records.values()]
        return quality(self._platforms, self._wires, (one for one in carried if one.halves))

    def _view(self, record: Record) -> dict[str, Any]:
        lost = self._lost.of(record.platform, record.event, record.ids)
        return record.view(self._platforms[record.platform], self._twins.likeness(record), lost)

    # --- placing -------------------------------------------------------------------------------------------------

    def _arrival(self, platform: str, half: Half, refused: str | None, secrets: tuple[str, ...]) -> Arrival:
        self._arrived += 1
        return arrive(self._arrived, half, refused, secrets, self._wires[platform])

    def _place(
        self, platform: str, arrival: Arrival, remarks: tuple[str, ...] = (), *, displaced: bool = False
    ) -> None:
        record = None if arrival.refused is not None else self._joined(platform, arrival)
        strangers: list[Arrival] = []
        if record:
            # Windows are not transitive: two halves that each displaced the other would do so for ever.
            strangers = [] if displaced else self._strangers(record, arrival)
        else:
            record = self._related(platform, arrival) or self._open(platform, arrival)
        self._bytes -= record.size
        record.put(arrival, self._platforms[platform].dedup, instead_of=strangers)
        self._bytes += record.size
        record.warn(remarks)
        self._trace(record)
        self._twins.explain(record)
        record.version = self._bell.ring()
        self._twins.part(record)
        for stranger in strangers:
            self._place(platform, stranger, displaced=True)

    def _candidates(self, platform: str, keys: Iterable[str]) -> Iterator[Record]:
        """The records that are found under any of these traces and hints, newest first."""
        for number in self._index.find((platform, key) for key in keys):
            yield self._records[number]

    def _joined(self, platform: str, arrival: Arrival) -> Record | None:
        """The record that the platform's rule counts this half together with; one that lacks its side if possible."""
        rule = self._platforms[platform].dedup
        repeated: Record | None = None
        for record in self._candidates(platform, traces(arrival.half)):
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
        """The record that a half belongs to although it counts by itself: by its id, by its order id, or by its id
        written otherwise or in a wrong place."""

        def fitting(keys: Iterable[str]) -> list[Record]:
            return [
                record
                for record in self._candidates(platform, keys)
                if record.event == arrival.half.event and not record.full and _has_place(record, arrival)
            ]

        traced = fitting(traces(arrival.half))
        by_id = (record for record in traced if _same_id(record, arrival.half))
        by_order = (record for record in traced if _same_order(record, arrival.half))
        found = next(by_id, None) or next(by_order, None)
        if found:
            return found
        likely = (record for record in fitting(hinted(arrival)) if self._twins.surely(record, arrival))
        return next(likely, None)

    def _open(self, platform: str, arrival: Arrival) -> Record:
        self._opened += 1
        record = Record(self._opened, platform, arrival.half.event)
        self._records[record.number] = record
        if arrival.refused is None:
            keys = [*traces(arrival.half), *hinted(arrival)]
            self._twins.link(record, arrival, self._candidates(platform, keys))
        return record

    def _trace(self, record: Record) -> None:
        """What leads to a record. One that is merged needs no hints: nobody looks for a twin of it."""
        keys = {trace for arrival in record.arrivals for trace in traces(arrival.half)}
        if record.judgement.word != "merged":
            keys.update(hint for arrival in record.arrivals for hint in hints(arrival))
        self._index.drop(record.number)
        self._index.add(record.number, ((record.platform, key) for key in keys))

    # --- bounds --------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        while self._records and (len(self._records) > self._limit or self._bytes > self._payloads):
            number, record = next(iter(self._records.items()))
            del self._records[number]
            self._bytes -= record.size
            self._index.drop(number)


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
