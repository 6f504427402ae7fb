"""All checks in their order, each a step that can be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..config import Settings
from ..errors import ConfigurationError, PixeltwinError
from ..outbox.memory import MemoryOutbox
from ..outbox.whereabouts import missing_file
from . import settings as written_settings
from .credentials import credentials
from .finding import Finding
from .modes import modes
from .page import page
from .store import absent, queue, store

if TYPE_CHECKING:
    from ..tracker import Tracker


_NO_START = "With these settings alone the application cannot start."


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to look at. `title` says what is being done while it lasts."""

    title: str
    look: Callable[[], Iterable[Finding]]

    def findings(self) -> list[Finding]:
        """What it found; an error of ours on the way is a finding too."""
        try:
            return list(self.look())
        except PixeltwinError as error:
            why = "The rest of this check was left out."
            return [Finding("doctor", "fault", f"{self.title}: {error}.", why)]


def examination(
    settings: Settings, tracker: Callable[[], Tracker], *, url: str | None = None, cookie: str = "", ask: bool = True
) -> Iterator[Step]:
    """The steps, to be taken in order; the tracker, where one can be made, is closed after the last. `ask=False` sends
    nothing to the platforms. `url`: of a page of the site; `cookie`: what somebody has who agreed."""
    yield Step("Reading the settings", lambda: written_settings.written(settings))
    try:
        ours = tracker()
    except ConfigurationError as error:
        found = _unusable(settings, error)
        yield Step("Using the settings", lambda: [found])
        return
    try:
        yield Step("Checking the settings", lambda: written_settings.used(ours))
        yield Step("Looking where conversions go", lambda: modes(settings, ours))
        if path := missing_file(ours.outbox):
            yield Step("Looking for the outbox", lambda: absent(path))
            ours.outbox = _passing(ours)
        else:
            yield Step("Writing to the outbox", lambda: store(ours))
            yield Step("Looking at the queue", lambda: queue(ours.health()))
        for platform in ours.platforms if ask else ():
            if platform.sends:
                yield Step(f"Asking {platform.title}", partial(credentials, ours, platform))
        if url is not None:
            yield Step(f"Looking at {url}", lambda: _page(ours, url, cookie))
    finally:
        ours.close()


def _passing(ours: Tracker) -> MemoryOutbox:
    """An outbox in the missing one's place: what platforms answer is gone with the doctor."""
    outbox = MemoryOutbox()
    outbox.set_destinations([one.destination for one in ours.platforms if one.sends])
    return outbox


def _unusable(settings: Settings, error: ConfigurationError) -> Finding:
    """Why there is no tracker."""
    try:
        platforms = settings.platforms()
    except ConfigurationError:  # which was found when the settings were read
        what = f"The rest was not looked at. {_NO_START} Mend them, and ask again."
        return Finding("settings", "note", what, do=written_settings.sentence(settings.elsewhere))
    if not platforms:
        return written_settings.none_at_all(settings)
    return Finding("settings", "fault", f"{error}.", _NO_START)


def _page(ours: Tracker, url: str, cookie: str) -> Iterator[Finding]:
    from ..network.wire import Timeouts, Wire

    wire = Wire(None, Timeouts())
    try:
        yield from page(wire.post, ours.platforms, url, cookie)
    finally:
        wire.close()
