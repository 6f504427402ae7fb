"""Two answers of one visitor: what he allowed when something happened, and what he said later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..consent import Consent, State, lower
from ..contract import Platform


def together(then: Consent, later: Consent, platforms: Sequence[Platform]) -> Consent:
    """What holds for these platforms: the lower of the two answers; where one of them is still pending, the other.
    Limited use applies where the later answer says, if it does."""
    found = {one.name: _together(one.state(then), one.state(later)) for one in platforms}
    new = {one.name: found[one.name] for one in platforms if found[one.name] != one.state(then)}
    place = later if later.country or later.state else then
    return replace(then, platforms={**then.platforms, **new}, country=place.country, state=place.state)


def _together(then: State, later: State) -> State:
    if "pending" in (then, later):
        return later if then == "pending" else then
    return lower(then, later)
