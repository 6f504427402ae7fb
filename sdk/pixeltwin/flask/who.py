"""Who did it, as `PixelTwin.track` and its like take it: keywords beside those of `Tracker.track`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from ..consent import Consent
from ..tracking.arguments import TrackOptions
from ..visitor import AnyVisitor


class Who(TypedDict, total=False):
    """An explicit visitor or consent, and any identity field of `Visitor` as a keyword."""

    visitor: AnyVisitor | None
    consent: Consent | None
    email: Any
    phone: Any
    external_id: Any
    first_name: Any
    last_name: Any
    gender: Any
    date_of_birth: Any
    city: Any
    state: Any
    postal_code: Any
    country: Any
    phone_region: Any


class TwinOptions(TrackOptions, Who, total=False):
    """What `PixelTwin.track` takes beside the event: `TrackOptions`, and who it is."""


class Whose(TypedDict):
    visitor: AnyVisitor | None
    consent: Consent | None
    identity: Mapping[str, Any]


_WHO = frozenset(Who.__annotations__)
_IDENTITY = _WHO - {"visitor", "consent"}


def plain(options: TwinOptions | Who) -> TrackOptions:
    """All else, as the tracker takes it; which knows what is no argument at all."""
    return cast("TrackOptions", {name: value for name, value in options.items() if name not in _WHO})


def whose(options: TwinOptions | Who) -> Whose:
    """Who it is, sorted out of the options."""
    identity = {name: value for name, value in options.items() if name in _IDENTITY}
    return {"visitor": options.get("visitor"), "consent": options.get("consent"), "identity": identity}
