"""Signs of our own in ASCII, for outputs that cannot say them: a check that reads "?" tells nothing."""

from __future__ import annotations

import codecs

ASCII = "pixeltwin-ascii"  # the name of the error handler
_LOOK = {"✓": "+", "✗": "x", "·": "-", "×": "x", "…": "..."}


def _instead(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: its look, else "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_LOOK.get(one, "?") for one in lacking), error.end


codecs.register_error(ASCII, _instead)
