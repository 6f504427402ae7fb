"""Signals: what happens to conversions, told to whoever in this process wants to know.

    from pixeltwin.signals import half_settled

    @half_settled.connect
    def note(tracker, settled): ...

The sender is the `Tracker`; `connect(receiver, sender=tracker)` hears one tracker alone. Receivers are called where it
happens: in the request for the first two, in a worker's thread for the others, so they should be quick. One that raises
harms neither tracking nor delivery: it is logged, and counted in `tracker.losses`. Each process tells of what it did
itself. Receivers are held weakly, as blinker does: keep a reference to yours.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace

from .errors import described

__all__ = ["conversion_lost", "conversion_tracked", "destination_changed", "half_settled"]

log = logging.getLogger("pixeltwin")

_ours = Namespace()

conversion_tracked: NamedSignal = _ours.signal(
    "conversion-tracked",
    doc="`conversion`: it was stored for the first time, held ones too. With `connection=` your commit comes later.",
)
conversion_lost: NamedSignal = _ours.signal(
    "conversion-lost",
    doc="`platform`, `reason`: a conversion that this platform will not get (an empty one: that nobody gets), as it is "
    "counted in `tracker.losses`. A field that a platform has no place for is counted there too, and not told here.",
)
half_settled: NamedSignal = _ours.signal(
    "half-settled",
    doc="`settled`: a server half whose new state was just stored, with platform, destination, id, state and reason.",
)
destination_changed: NamedSignal = _ours.signal(
    "destination-changed",
    doc="`destination`, `standing`: a destination began to fail, was paused, or works again.",
)


def tell(signal: NamedSignal, sender: Any, **facts: Any) -> int:
    """Call each receiver with what happened. Returns how many of them raised; they are logged."""
    failed = 0
    for receiver in tuple(signal.receivers_for(sender)):
        try:
            receiver(sender, **facts)
        except Exception as error:
            failed += 1
            log.error("a receiver of the signal %s failed: %s", signal.name, described(error))
    return failed
