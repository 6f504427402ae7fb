"""What tests of conversion tracking need: pytest fixtures, and assertions that show both halves side by side.

    from pixeltwin.testing import assert_merged

    def test_a_purchase_is_counted_once(client, pixeltwin_recorder):
        client.post("/checkout", follow_redirects=True)
        assert_merged("…", "Purchase", after=timedelta(hours=23))

The fixtures come with the package and are there when a test asks for one: see `plugin`, and docs/testing.md.

assertions    what a test says            bench, taken   the applications under test, and what they send to
recorder      both halves, no browser     tape           requests, sent again at other times
route         both halves, a real one     differences    what a failure shows
conformance   the platforms' published dedup rules as data, for whoever claims to follow them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import deferred

if TYPE_CHECKING:
    from .assertions import assert_counted, assert_merged, assert_nothing_sent, assert_nothing_shown, assert_twins
    from .clock import FrozenClock
    from .recorder import Recorder
    from .route import Route
    from .served import ServedSandbox

__all__ = [
    "FrozenClock",
    "Recorder",
    "Route",
    "ServedSandbox",
    "assert_counted",
    "assert_merged",
    "assert_nothing_sent",
    "assert_nothing_shown",
    "assert_twins",
]

_HOMES = {"FrozenClock": ".clock", "Recorder": ".recorder", "Route": ".route", "ServedSandbox": ".served"}

if not TYPE_CHECKING:  # pytest reads this package in every project that has pixeltwin installed
    __getattr__ = deferred(globals(), {name: _HOMES.get(name, ".assertions") for name in __all__})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
