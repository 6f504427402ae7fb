"""Words of others as a log line or a terminal may show them."""

from __future__ import annotations


def printable(text: str) -> str:
    """On one line, every run of blanks as one, and "�" for each character that does not print: an escape sequence would
    be obeyed by whoever's terminal shows it, a line break would begin a log line that nobody wrote."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(one if one.isprintable() else "�" for one in line)
