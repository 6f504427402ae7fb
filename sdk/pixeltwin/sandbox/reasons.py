"""The sentences for what no dedup rule was asked about: a half that came alone, or was refused."""

from __future__ import annotations

from collections.abc import Iterator

from ..dedup import Half
from .arrival import Side
from .judgement import Judgement
from .kinship import OTHER, SURE, Kinship, Likeness


def reason(title: str, judgement: Judgement, like: Likeness | None = None, kin: Kinship | None = None) -> str:
    """Why the record has its verdict. `like`: its lone half has something in common with one that may be the twin;
    `kin`: what its two halves have in common although each counts by itself."""
    word = judgement.word
    if word == "counted twice":
        more = f" In all it is counted {judgement.counted} times." if judgement.counted > 2 else ""
        return judgement.reason + more + (f" {kin.said}" if kin else "")
    if word == "merged":
        return judgement.reason
    if word == "rejected":
        return _rejected(title, judgement)
    side: Side = "browser" if word == "browser only" else "server"
    half = judgement.slots[side].half
    if like and (like.kin.strength >= SURE or not like.verdict.certain):
        return f"Not merged. {like.kin.said} {sentence(like.verdict.reason)}"
    alone = _alone(title, half) if half.id is not None else _nameless(title, half)
    return f"{alone} {like.kin.said}" if like else alone


def sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a field: that stays as the vendor writes it."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text


def doubts(judgement: Judgement) -> Iterator[str]:
    """What looks wrong about halves that are counted once: one ID may stand for two conversions."""
    if judgement.counted != 1:
        return
    taken = [arrival.half for arrival in judgement.taken]
    for side in OTHER:
        orders = dict.fromkeys(half.order_id for half in taken if half.side == side and half.order_id)
        if len(orders) > 1:
            yield (
                f"One ID, but the {side} half named {len(orders)} orders ({', '.join(orders)}), counted as one. "
                "Was the ID cached with the page, or given to two events?"
            )
    values = dict.fromkeys(half.value for half in taken if half.value is not None)
    if len(values) > 1:
        amounts = " and ".join(f"{value:f}" for value in values)
        yield f"The halves that are one do not say one value: {amounts}."


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
