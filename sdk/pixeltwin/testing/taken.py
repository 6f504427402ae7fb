"""Applications and trackers that a test has taken over: its clock is theirs, and what they send comes to it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ..config import OPTIONS, TRIED_OUTBOX
from ..contract import Platform, ServerRequest
from ..errors import ConfigurationError
from ..outbox import Outbox, open_outbox
from ..tracker import Tracker
from .asking import Asker, Reply
from .vendors import to_emulator

if TYPE_CHECKING:
    from flask import Flask


class Taken:
    """They are given back as they were by `close`."""

    def __init__(self, asker: Asker, clock: Callable[[], datetime]) -> None:
        self.trackers: list[Tracker] = []
        self._asker = asker
        self._clock = clock
        self._subjects: list[object] = []
        self._back = ExitStack()
        self._lock = threading.Lock()

    def take(self, subject: Flask | Tracker) -> None:
        """Take over an application with a PixelTwin, or a tracker; again changes nothing. Its worker, if one runs, is
        stopped. An application whose outbox is the default one, or in memory, gets an empty one in memory."""
        with self._lock:  # a server's threads may come at once
            if not any(known is subject for known in self._subjects):
                self._subjects.append(subject)
                self._rig(subject if isinstance(subject, Tracker) else self._of(subject))

    def _rig(self, tracker: Tracker) -> None:
        tracker.close()
        self._back.callback(partial(_restore, tracker, clock=tracker.clock, transport=tracker.transport))
        made: Any = _Transport(self._asker, tracker)
        tracker.clock, tracker.transport = self._clock, made
        self.trackers.append(tracker)

    def _of(self, app: Flask) -> Tracker:
        state = app.extensions.get("pixeltwin")
        if state is None:
            raise ConfigurationError("this application has no PixelTwin: call init_app(app) first")
        self._back.callback(partial(_restore, state, site=state.site, threaded=state.threaded))
        tracker: Tracker = state.site.tracker
        if _is_nobodys(tracker.outbox):
            tracker.close()
            tracker = _in_memory(tracker)
        # A test client is on this machine, as everybody is in a sandbox: its address counts as a visitor's.
        state.site, state.threaded = replace(state.site, tracker=tracker, sandboxed=True), False
        return tracker

    def deliver(self) -> None:
        """One pass of each: everything due is sent."""
        for tracker in self.trackers:
            tracker.deliver()

    def close(self) -> None:
        for tracker in self.trackers:
            tracker.close()
        self._back.close()


def _restore(thing: Any, **attributes: Any) -> None:
    for name, value in attributes.items():
        setattr(thing, name, value)


def _is_nobodys(outbox: Outbox) -> bool:
    """Whether it is a file of the default settings, or in memory: what earlier tests left in any is in the way."""
    defaults = [option.default for option in OPTIONS if option.name == "OUTBOX"]
    return repr(outbox) in [repr(open_outbox(url)) for url in (*defaults, TRIED_OUTBOX, "memory:")]


def _in_memory(tracker: Tracker) -> Tracker:
    """The same, with an empty outbox in memory."""
    settings = inspect.signature(Tracker).parameters.keys() - {"outbox", "clock"}
    given: dict[str, Any] = {name: getattr(tracker, name) for name in settings if hasattr(tracker, name)}
    made = Tracker(**given, outbox="memory:")
    made.mode = tracker.mode
    return made


class _Transport:
    """What delivery sends through instead of a network: an httpx transport in its ways, without httpx."""

    def __init__(self, asker: Asker, tracker: Tracker) -> None:
        self._asker = asker
        self._platforms = tracker.platforms

    def handle_request(self, request: Any) -> _Answer:
        asked = ServerRequest(request.method, str(request.url), request.headers, request.read())
        platform = _whose(self._platforms, asked.url)
        return _Answer(self._asker.send(platform.kind, to_emulator(platform, asked)))

    def close(self) -> None:
        pass


class _Answer:
    """What delivery reads of an httpx response that is there already."""

    is_stream_consumed = True

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.headers = reply.headers
        self.content = reply.body

    def close(self) -> None:
        pass


def _whose(platforms: Iterable[Platform], url: str) -> Platform:
    """The platform that asks this URL."""
    return max((one for one in platforms if url.startswith(one.api_url)), key=lambda one: len(one.api_url))
