"""What a tracker lets be known of its work as it goes: signals, and a log line for each half that was settled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .. import signals
from ..logfields import fields

if TYPE_CHECKING:
    from blinker import NamedSignal

    from ..conversion import Conversion
    from ..sending.report import Settled
    from ..sending.standing import Standing
    from ..tracker import Tracker

log = logging.getLogger("pixeltwin")

_RECEIVER_FAILED = "fault: signal"


class Announcements:
    """One tracker's. Each call costs a look at who listens, and no more while nobody does."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def tracked(self, conversion: Conversion | None) -> None:
        """`track` or `hold` has returned this."""
        if self._heard(signals.conversion_tracked) and conversion and conversion.stored and conversion.created:
            self._tell(signals.conversion_tracked, conversion=conversion)

    def lost(self, platform: str, reason: str) -> None:
        """A conversion was counted as lost."""
        # A receiver that fails at this very signal is counted in silence, or it would be told of its own failure.
        if self._heard(signals.conversion_lost) and reason != _RECEIVER_FAILED:
            self._tell(signals.conversion_lost, platform=platform, reason=reason)

    def settled(self, settled: Settled) -> None:
        """A worker stored what became of a server half."""
        if log.isEnabledFor(logging.DEBUG):
            known = fields(
                platform=settled.platform,
                destination=settled.destination,
                state=settled.state,
                reason=settled.reason,
                conversion_id=settled.id,
            )
            log.debug("%s: %s is %s", settled.platform, settled.id, settled.state, extra=known)
        if self._heard(signals.half_settled):
            self._tell(signals.half_settled, settled=settled)

    def changed(self, destination: str, standing: Standing) -> None:
        """A worker found that a destination does not take events any more, or does again."""
        if self._heard(signals.destination_changed):
            self._tell(signals.destination_changed, destination=destination, standing=standing)

    def _heard(self, signal: NamedSignal) -> bool:
        return bool(signal.receivers) and signal.has_receivers_for(self._tracker)

    def _tell(self, signal: NamedSignal, **facts: object) -> None:
        for _ in range(signals.tell(signal, self._tracker, **facts)):
            self._tracker.losses.count("", _RECEIVER_FAILED)
