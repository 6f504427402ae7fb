"""Where an outbox is, for those who only look at one: looking makes no file."""

from __future__ import annotations

import os

from .contract import Outbox
from .sqlite import SQLiteOutbox


def file_of(outbox: Outbox) -> str | None:
    """The whole path of its file, where it is kept in one."""
    return outbox.path if isinstance(outbox, SQLiteOutbox) else None


def missing_file(outbox: Outbox) -> str | None:
    """The file that it is kept in, where that is not there."""
    path = file_of(outbox)
    try:
        if path is not None:
            os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError:  # whether it is there is not known; its first use says what is wrong
        pass
    return None
