"""Two answers of one visitor: what he allowed when something happened, and what he said later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..consent import Consent, State, lower
from ..contract import Platform


def together(then: Consent, later: Consent, platforms: Sequence[Platform], *, answers: bool = True) -> Consent:
    """What holds for these platforms: the lower of the two answers; where one of them is still pending, the other.
    Without `answers` the other one was not said after this was pending, and grants nothing of it.
    Limited use applies where it was said with the answer that holds: the later one, if both limit and it says where."""
    found = {one.name: _together(one.state(then), one.state(later), answers) for one in platforms}
    new = {one.name: found[one.name] for one in platforms if found[one.name] != one.state(then)}
    limits = any(found[one.name] == "limited" == one.state(later) for one in platforms)
    place = later if limits and (later.country or later.state) else then
    return replace(then, platforms={**then.platforms, **new}, country=place.country, state=place.state)


def _together(then: State, later: State, answers: bool) -> State:
    if later == "pending":
        return then
    if then == "pending" and answers:
        return later
    return lower(then, later)
