"""The life of one conversion on one platform, in order: what the application knows of it, and what arrived here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .times import timestamp


@dataclass(frozen=True, slots=True)
class Step:
    """Something that an application did with a conversion: when (None: after the step before it), what in one word,
    and what there is to say of it."""

    moment: datetime | None
    what: str
    said: str = ""


History = Callable[[str, str], Iterable[Step]]  # by platform and id: what an application knows of the conversion

_WORDS = {"browser": "fired", "server": "sent"}


def nothing_known(platform: str, id: str) -> Iterable[Step]:
    """The history where no application tells one."""
    return ()


def timeline(record: Mapping[str, Any], history: History) -> list[dict[str, Any]]:
    """The steps of a record, as `GET /api/conversions/<key>` gives them."""
    known = history(record["platform"], record["id"]) if record["id"] else ()
    steps = sorted([*_known(known), *_arrived(record["arrivals"])], key=lambda step: step[0])
    return [step for _, step in steps]


def _known(steps: Iterable[Step]) -> Iterator[tuple[str, dict[str, Any]]]:
    at = ""
    for step in steps:
        at = timestamp(step.moment) if step.moment else at
        yield at, {"at": at if step.moment else None, "what": step.what, "side": None, "said": step.said}


def _arrived(arrivals: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in arrivals:
        outcome, side = one["outcome"], one["side"]
        what = outcome if outcome in ("lost", "refused") else _WORDS[side]
        said = one["note"] or ("again, not counted" if outcome == "repeat" else "")
        at = one["received_at"]
        yield at, {"at": at, "what": what, "side": side, "said": said}
        if outcome == "merged":
            yield at, {"at": at, "what": "merged", "side": None, "said": ""}
