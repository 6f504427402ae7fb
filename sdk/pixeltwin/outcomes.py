"""What a platform's answer means for one event: delivered, not now, never, or the settings are wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform said it took this event; `warning` is what it remarked, if anything."""

    warning: str = ""

    def __str__(self) -> str:
        return f"delivered ({self.warning})" if self.warning else "delivered"


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not now. `after` is seconds to wait (0: at once, None: use your own back-off). `alone`: nobody in the batch can
    be blamed, so halve it and try again."""

    after: float | None = None
    reason: str = ""
    alone: bool = False

    def __str__(self) -> str:
        return self.reason or "retry later"


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform will never take this event as it is; `reason` is its own words."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The token or the account is wrong: the queue waits, no event is burnt; `reason` is the platform's own words."""

    reason: str

    def __str__(self) -> str:
        return self.reason


Outcome = Delivered | RetryLater | Refused | Misconfigured
