"""What is the same for every request of a site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..consent_sources import GpcMeaning
from ..events import Event
from ..snippet import Form
from ..tracker import Tracker
from ..web import OWN
from .acknowledgement import Heeded
from .script import Script
from .telling import View


@dataclass(frozen=True)  # without slots, so that what is made of it is made once
class Site:
    """`keep` are the query parameters a source URL keeps; `beacon` is where page views are reported."""

    tracker: Tracker
    script: Script
    keep: tuple[str, ...]
    page_views: str = "beacon"
    clean_page_url: bool = True
    gpc: GpcMeaning = "limited"
    visitor_id: bool = False
    cookie_domain: str | None = None
    sandboxed: bool = False
    inline: bool = False
    shared: bool = False  # whether pages are kept for everybody by a cache
    beacon: str = f"{OWN}/page-view"
    acknowledge: Heeded = "purchases"
    url_filter: Callable[[str], str | None] | None = None
    conversion_filter: Callable[[Event], bool] | None = None

    def view(self, *, told: bool, root: str = "") -> View:
        """The page's own view, minted in the browser; `told`: by the pixels too. `root` here and below: the path that
        the application is below in this request."""
        view = self._views[told]
        return view._replace(beacon=root + view.beacon) if root and view.beacon else view

    @cached_property
    def _views(self) -> tuple[View, View]:
        reports = self.page_views == "beacon"
        beacon = self.beacon if reports else None
        return View(beacon, told=False), View(beacon, heard=reports and self.acknowledge == "all")

    def form(self, root: str = "") -> Form:
        """How pages carry the pixels."""
        return self._form._replace(script=root + self.script.url, root=root) if root else self._form

    @cached_property
    def _form(self) -> Form:
        return Form(self.script.url, self.inline)

    @property
    def tells(self) -> bool:
        """Whether the platforms are told anything now, be it in test mode."""
        return self.tracker.mode.live or self.tracker.mode.testing(self.tracker.clock())  # no clock is read where live

    @property
    def shows(self) -> bool:
        """Whether pixels are rendered now; in test mode they are not, for what a pixel says counts."""
        return self.tracker.mode.shows(self.tracker.clock())
