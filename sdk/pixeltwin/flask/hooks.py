"""What a site registers of its own: who its visitor is and what he allows, what is tracked, and what is seen of an
address. A hook that fails takes no page down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..consent import Consent, State
from ..errors import described
from ..events import Event
from ..tracker import Tracker
from ..visitor import Visitor

log = logging.getLogger("pixeltwin")

Person = Visitor | Mapping[str, Any] | None


class Hooks:
    """None of them is there until it is registered."""

    def __init__(self) -> None:
        self.consent: Callable[[], Consent | str] | None = None
        self.visitor: Callable[[], Person] | None = None
        self.url: Callable[[str], str | None] | None = None
        self.keep: Callable[[Event], bool] | None = None

    def allowed(self, load: Callable[[], Consent | str], tracker: Tracker) -> Consent:
        """What the visitor allows; nothing where that cannot be found out."""
        try:
            answer = load()
            return answer if isinstance(answer, Consent) else Consent(cast("State", answer))  # which checks it
        except Exception as error:
            if tracker.on_error == "raise":
                raise
            log.error("the consent loader failed (%s); this visitor counts as having refused", described(error))
            return Consent.denied()

    def person(self) -> Mapping[str, Any]:
        """What the site knows of the visitor. Whatever its loader raises is raised: the caller knows what it is for."""
        person = self.visitor() if self.visitor else None
        if person is None:
            return {}
        return person if isinstance(person, Mapping) else {k: v for k, v in person.__dict__.items() if v}

    def keeps(self, event: Event, tracker: Tracker) -> bool:
        """Whether an event is tracked at all; it is where that cannot be found out."""
        try:
            return self.keep is None or self.keep(event)
        except Exception as error:
            tracker.fault("conversion_filter", error, strict=tracker.on_error == "raise")
            return True

    def address(self, url: str, tracker: Tracker) -> str | None:
        """What platforms see of a page's address; nothing where what it was to hide cannot be found out."""
        try:
            return self.url(url) if self.url else url
        except Exception as error:
            tracker.fault("source_url_filter", error, strict=tracker.on_error == "raise")
            return None
