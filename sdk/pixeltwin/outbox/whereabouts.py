"""Where an outbox is, for those who only look at one: looking makes no file."""

from __future__ import annotations

import os

from .contract import Outbox


def missing_file(outbox: Outbox) -> str | None:
    """The file that it is kept in, where that is not there."""
    try:
        if outbox.path is not None:
            os.stat(outbox.path)
    except (FileNotFoundError, NotADirectoryError):
        return outbox.path
    except OSError:  # whether it is there is not known; its first use says what is wrong
        pass
    return None
