"""Commands that look at an outbox do not make one: in the wrong folder it would be empty, and by the wrong user the
site's own could not write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import OutboxUnavailable
from ..outbox.whereabouts import missing_file

if TYPE_CHECKING:
    from ..tracker import Tracker


def existing(tracker: Callable[[], Tracker]) -> Callable[[], Tracker]:
    """Gives the tracker; `OutboxUnavailable` where its outbox is a file that is not there."""

    def found() -> Tracker:
        ours = tracker()
        if path := missing_file(ours.outbox):
            raise OutboxUnavailable(
                f"there is no outbox {path}. A site makes it with its first conversion, or its user by `pixeltwin "
                "migrate`. A path in PIXELTWIN_OUTBOX that does not begin with / is relative to the folder in which a "
                "command starts: start it in the site's"
            )
        return ours

    return found
