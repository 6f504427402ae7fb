"""The bench a test works at: a sandbox in this process, and the applications and trackers whose halves come to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..sandbox import Clock, create_sandbox
from .asking import Asker
from .clock import FrozenClock
from .taken import Taken
from .tape import Tape, judged, late

if TYPE_CHECKING:
    from flask import Flask

    from .recorder import Recorder

PATIENCE = 5.0  # seconds that a real browser gets to tell what it was called for
QUIET = 0.4  # seconds without a request after which it has nothing more to tell: a pixel sends in batches


class Bench:
    """`pause` is what lets others work for a moment while a test waits for a real browser; None where there is none,
    and then nothing waits: what was done is there."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.sandbox = Tape(create_sandbox(clock=Clock(clock)), clock)
        self.asker = Asker(self.sandbox)
        self.taken = Taken(self.asker, clock)
        self.recorder: Recorder | None = None
        self.pause: Callable[[], None] | None = None

    def found(self, kind: str, event: str | None, good: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The records of an event on a platform, once everything due is delivered. A real browser gets some time until
        they are good."""
        until = time.monotonic() + PATIENCE
        while True:
            self.taken.deliver()
            records = self.asker.records(kind, event)
            if good(records) or self.pause is None or time.monotonic() > until:
                return records
            self.pause()

    def settle(self) -> None:
        """Deliver everything due, and let a real browser say what it has to say."""
        self.taken.deliver()
        seen, until = -1, time.monotonic()
        while self.pause is not None and time.monotonic() < until + QUIET:
            if seen != len(self.sandbox.sent):
                seen, until = len(self.sandbox.sent), time.monotonic()
            self.pause()
        self.taken.deliver()

    def delayed(self, after: timedelta, kind: str) -> list[dict[str, Any]]:
        """The records of a platform that there would be if the server halves came `after` later."""
        return judged(late([one for one in self.sandbox.sent if one.kind == kind], after))

    def reset(self) -> None:
        """Forget what was sent, lift all faults."""
        self.asker.ask("/api/reset", {})
        self.sandbox.sent.clear()

    def losses(self, *kinds: str) -> list[str]:
        """What pixeltwin itself counted as lost, and why; of these platforms, or of all."""
        found: dict[str, None] = {}
        for tracker in self.taken.trackers:
            names = {one.name for one in tracker.platforms if not kinds or one.kind in kinds}
            for platform, reason in tracker.losses.snapshot():
                if platform in ("", *names) and reason != "recommended_signal":
                    found[f"{platform or 'every platform'}: {reason}"] = None
        return list(found)


_active: list[Bench] = []


def active() -> Bench:
    """The bench of the test that runs; `ConfigurationError` where it asked for no fixture that has one."""
    if not _active:
        raise ConfigurationError(
            "nothing is recorded here: let the test ask for the fixture pixeltwin_recorder, pixeltwin_sandbox or "
            "pixeltwin_route"
        )
    return _active[-1]


@contextmanager
def bench(clock: FrozenClock) -> Generator[Bench]:
    """A bench for as long as the block lasts. Each Flask application with a PixelTwin that is used meanwhile is taken
    over by itself; a tracker without one has to be handed to `taken.take`."""
    from flask import appcontext_pushed, has_app_context, request_started

    from ..flask.current import the_app

    made = Bench(clock)

    def used(app: Flask, **_: Any) -> None:
        if "pixeltwin" in app.extensions:
            made.taken.take(app)

    _active.append(made)
    try:
        # A context that was pushed before serves requests as well: nothing is pushed for them then.
        with appcontext_pushed.connected_to(used), request_started.connected_to(used):
            if has_app_context():
                used(the_app())
            yield made
    finally:
        _active.remove(made)
        made.taken.close()
