"""Where server halves go: to the platforms, for a while to the platforms' own test modes, or nowhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ..contract import Platform
from ..errors import ConfigurationError
from ..frozen import FrozenDict

log = logging.getLogger("pixeltwin")

LONGEST_TEST = timedelta(hours=24)  # a test mode that somebody forgot costs a day's conversions at most
REMIND_EVERY = timedelta(hours=1)
_UNTIL = "test_until (PIXELTWIN_TEST_UNTIL)"
_EXAMPLE = "such as 2026-08-20T14:00:00+02:00"


class Mode:
    """`live`: whether server halves go to the platforms when no test is on. Until `test_until` they go to each
    platform's own test mode, which counts nothing, and no pixel is rendered, for it would count; then `live` holds
    again by itself. `test_ids`: what a platform's own site calls the test, by platform name, where it needs one.
    """

    def __init__(
        self,
        platforms: Sequence[Platform] = (),
        *,
        live: bool = True,
        test_until: datetime | None = None,
        test_ids: Mapping[str, str] | None = None,
    ) -> None:
        self.live = live
        self.test_until = test_until
        self._ids: Mapping[str, str] = FrozenDict(test_ids or {})
        self._lacking = [one.name for one in platforms if one.sends and self.lacks_id(one)]
        self._reminded_at: datetime | None = None

    def testing(self, now: datetime) -> bool:
        """Whether test mode is on."""
        return self.test_until is not None and now < self.test_until

    def sends(self, now: datetime) -> bool:
        """Whether server halves go anywhere now."""
        return self.live or self.testing(now)

    def shows(self, now: datetime) -> bool:
        """Whether pixels may be rendered now: a pixel has no test mode."""
        return self.live and not self.testing(now)

    def test(self, platform: Platform, now: datetime) -> bool | str | None:
        """What `server_request` gets as `test=` now; None when what is sent counts."""
        return self.test_id(platform) or True if self.testing(now) else None

    def lacks_id(self, platform: Platform) -> bool:
        """Whether this platform cannot be tested for want of an id."""
        return platform.test_needs_id and not self.test_id(platform)

    def test_id(self, platform: Platform) -> str | None:
        """What the platform's own site calls the test, where that is known."""
        return self._ids.get(platform.name) or self._ids.get(platform.kind)

    # --- being loud ------------------------------------------------------------------------------------------------

    def notice(self, now: datetime) -> str:
        """What people must know of it; empty when delivery is live."""
        if self.test_until is not None and self.testing(now):
            waiting = f" Without a test id nothing goes to {', '.join(self._lacking)}." if self._lacking else ""
            return (
                f"TEST MODE until {self.test_until:%Y-%m-%d %H:%M %Z}: server events go to the platforms' test modes, "
                f"no pixel is rendered, nothing counts. Then delivery is {'live' if self.live else 'off'}.{waiting}"
            )
        return "" if self.live else "Delivery is off: nothing is sent."

    def remind(self, now: datetime) -> None:
        """Log that test mode is on, at most once an hour, and that it is over."""
        if not self.testing(now):
            if self._reminded_at is not None:
                self._reminded_at = None
                log.warning("Test mode is over. Delivery is %s.", "live" if self.live else "off")
        elif self._reminded_at is None or now - self._reminded_at >= REMIND_EVERY:
            self._reminded_at = now
            log.warning("%s", self.notice(now))


def checked_mode(
    platforms: Sequence[Platform],
    *,
    live: bool,
    test_until: datetime | str | None,
    test_ids: Mapping[str, str] | None,
    now: datetime,
) -> Mode:
    """The mode that settings describe; `ConfigurationError` for what would not do what its author thinks."""
    until = _moment(test_until) if isinstance(test_until, str) else test_until
    if until is not None and until.tzinfo is None:
        raise ConfigurationError(f"{_UNTIL} needs a time zone, {_EXAMPLE}")
    if until is not None and until - now > LONGEST_TEST:
        raise ConfigurationError(
            f"{_UNTIL} is more than {LONGEST_TEST // timedelta(hours=1)} hours ahead: until then no conversion counts, "
            "so test mode must end within a day. Set an earlier time"
        )
    known = {name for one in platforms for name in (one.name, one.kind)}
    if unknown := set(test_ids or ()) - known:
        raise ConfigurationError(f"test_ids (PIXELTWIN_TEST_IDS): no platform is called {', '.join(sorted(unknown))}")
    return Mode(platforms, live=live, test_until=until, test_ids=test_ids)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip().upper().replace("Z", "+00:00"))
    except ValueError:
        raise ConfigurationError(f"{_UNTIL} must be a time {_EXAMPLE}") from None
