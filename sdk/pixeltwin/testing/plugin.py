"""The fixtures, for pytest: an entry point of the package. Nothing is imported before a test asks for one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from .bench import Bench
    from .clock import FrozenClock
    from .recorder import Recorder
    from .route import Route
    from .served import ServedSandbox


@pytest.fixture
def pixeltwin_clock() -> FrozenClock:
    """The clock of what is under test and of the platforms: it stands still until `advance(hours=23)` moves it."""
    from .clock import FrozenClock

    return FrozenClock()


@pytest.fixture
def _pixeltwin_bench(pixeltwin_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    import os

    from .bench import bench

    for name, value in (("PIXELTWIN_WORKER", "off"), ("PIXELTWIN_OUTBOX", "memory:")):
        if not os.environ.get(name):
            _lend(monkeypatch, name, value)
    with bench(pixeltwin_clock) as made:
        yield made


def _lend(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Set it for applications that are made in the test. What they set themselves wins, a tracker of theirs too."""
    from ..config import Settings

    monkeypatch.setenv(name, value)
    monkeypatch.setattr(Settings, "lent", Settings.lent | {name})


@pytest.fixture
def pixeltwin_recorder(_pixeltwin_bench: Bench) -> Iterator[Recorder]:
    """Records every browser call and server event that each platform would get. No network, no browser."""
    from .recorder import Recorder

    recorder = _pixeltwin_bench.recorder = Recorder(_pixeltwin_bench)
    with recorder.looking():
        yield recorder


@pytest.fixture
def pixeltwin_sandbox(_pixeltwin_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedSandbox]:
    """A sandbox of this test alone on a free port; applications that are made in the test send both halves there."""
    from .served import served

    with served(_pixeltwin_bench) as sandbox:
        _lend(monkeypatch, "PIXELTWIN_SANDBOX", sandbox.url)
        yield sandbox


@pytest.fixture
def pixeltwin_route(_pixeltwin_bench: Bench) -> Callable[..., Route]:
    """`pixeltwin_route(page)`, or a context, of Playwright's synchronous API: what it asks of the vendors' hosts goes
    to the test's sandbox; what it asks of others is blocked and noted, but for those in `allow=("cdn.example",)`."""
    from .route import Route

    def make(target: Page | BrowserContext, *, allow: tuple[str, ...] = ()) -> Route:
        return Route(_pixeltwin_bench, target, allow)

    return make
