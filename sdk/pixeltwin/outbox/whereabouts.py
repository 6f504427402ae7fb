"""Where an outbox is and whose its file is, for those who only look at one: looking makes no file."""

from __future__ import annotations

import os
import sys

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


def belongs_to_another(path: str) -> str:
    """What to do about a file that is another user's and closed to this process; nothing where it is not."""
    try:
        owner = os.stat(path).st_uid
    except OSError:
        return ""
    if sys.platform == "win32" or owner == os.geteuid() or os.access(path, os.R_OK | os.W_OK):
        return ""
    return (
        f"It belongs to {_name(owner)}, and this process runs as {_name(os.geteuid())}: the site and all commands must "
        "run as one user. Where it was made by another than the site's, give it to that one with chown, and the files "
        "beside it"
    )


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
