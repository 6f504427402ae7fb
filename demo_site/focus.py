"""Where the keyboard goes on when what had the focus is gone."""

from __future__ import annotations

from collections.abc import Sequence

HEADING = "cart-heading"


def neighbour(row: Sequence[str], gone: str) -> str:
    """What stands after it in the row, else before it; the heading where it stood alone, or not at all."""
    if gone not in row:
        return HEADING
    at = row.index(gone)
    return next(iter((*row[at + 1 :], *row[:at][-1:])), HEADING)
