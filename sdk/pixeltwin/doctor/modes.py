"""Where conversions go now: to the platforms, to their test modes, to a sandbox, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..config import PREFIX, Settings
from .finding import Finding

if TYPE_CHECKING:
    from ..tracker import Tracker

CHECK = "mode"


def modes(settings: Settings, tracker: Tracker) -> Iterator[Finding]:
    """Whether what is tracked now counts."""
    now, mode = tracker.clock(), tracker.mode
    counts = True
    if mode.testing(now):
        counts = False
        why = "Real conversions of this time are lost to your campaigns."
        yield Finding(CHECK, "warning", mode.notice(now), why, f"Unset {PREFIX}TEST_UNTIL where customers buy.")
    elif not mode.live:
        counts = False
        why = "That is right on a staging site, and nowhere else."
        yield Finding(CHECK, "warning", mode.notice(now), why, f"Set {PREFIX}DELIVERY=live where customers buy.")
    if settings.sandbox:
        counts = False
        why = "No platform counts what goes there."
        yield Finding(CHECK, "warning", "Both halves go to a sandbox.", why, f"Unset {PREFIX}SANDBOX in production.")
    if counts:
        yield Finding(CHECK, "ok", "Delivery is live.")
