"""The life of one conversion on one platform, in order: what the application knows of it, and what arrived here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .times import timestamp


@dataclass(frozen=True, slots=True)
class Step:
    """Something that an application did with a conversion: when, what in one word, and what there is to say of it."""

    moment: datetime
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
    steps = [{"at": timestamp(step.moment), "what": step.what, "side": None, "said": step.said} for step in known]
    return sorted([*steps, *_arrived(record["arrivals"])], key=lambda step: step["at"])


def _arrived(arrivals: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in arrivals:
        outcome, side = one["outcome"], one["side"]
        what = outcome if outcome in ("lost", "refused") else _WORDS[side]
        said = one["note"] or ("again, not counted" if outcome == "repeat" else "")
        yield {"at": one["received_at"], "what": what, "side": side, "said": said}
        if outcome == "merged":
            yield {"at": one["received_at"], "what": "merged", "side": None, "said": ""}
