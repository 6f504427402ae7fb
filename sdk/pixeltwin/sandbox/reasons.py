"""The sentences for what no dedup rule was asked about: a half that came alone, or was refused."""

from __future__ import annotations

from ..dedup import Half
from .arrival import Side, id_form
from .judgement import Judgement

OTHER: dict[Side, Side] = {"browser": "server", "server": "browser"}


def reason(title: str, judgement: Judgement, lookalike: Half | None = None) -> str:
    """Why the record has its verdict. `lookalike`: a lone half of the other side that may be its twin."""
    word = judgement.word
    if word == "counted twice":
        more = f" In all it is counted {judgement.counted} times." if judgement.counted > 2 else ""
        return judgement.reason + more
    if word == "merged":
        return judgement.reason
    if word == "rejected":
        return _rejected(title, judgement)
    side: Side = "browser" if word == "browser only" else "server"
    half = judgement.slots[side].half
    alone = _alone(title, half) if half.id is not None else _nameless(title, half)
    return f"{alone} {_resembles(title, half, lookalike)}" if lookalike else alone


def _alone(title: str, half: Half) -> str:
    if half.side == "browser":
        return (
            "Only the browser half arrived. The server half was not sent (yet), "
            f"or its ID is in a field that {title} does not read."
        )
    return (
        "Only the server half arrived. The browser half never did: it was blocked, its page was never shown, "
        f"or its ID is in a field that {title} does not read."
    )


def _nameless(title: str, half: Half) -> str:
    return (
        f"This {half.side} half carries no ID in a field that {title} reads, "
        f"so no {OTHER[half.side]} half can be recognised as the same conversion."
    )


def _rejected(title: str, judgement: Judgement) -> str:
    said = [
        f"{title} refused the {side} half: {refused.refused}".rstrip(".") + "."
        for side, refused in judgement.refused.items()
        if side not in judgement.slots
    ]
    left = " and ".join(f"the {side} half" for side in judgement.slots)
    said.append(f"It counts {left} alone." if left else "It counts nothing.")
    return " ".join(said)


def _resembles(title: str, half: Half, other: Half) -> str:
    seconds = round((half.received_at - other.received_at).total_seconds())
    when = "at the same time" if seconds == 0 else f"{abs(seconds)} s {'earlier' if seconds > 0 else 'later'}"
    if other.id and half.id and id_form(other.id) == id_form(half.id):
        return f"A {other.side} half with the same ID arrived as {other.event}: {title} merges only events of one name."
    if other.id is None:
        return f"A {other.side} half of the same event arrived {when} without an ID that {title} reads: is it the twin?"
    if half.id is None:
        return f"A {other.side} half of the same event arrived {when} with an ID: is it the twin?"
    return f"A {other.side} half of the same event arrived {when} under another ID: was the ID made twice?"
