"""What a pasted secret looks like when the pasting went wrong. Pure; nothing here quotes a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SHORTEST_TOKEN = 20  # characters; the vendors' tokens have dozens or hundreds
SHORTEST_KEY = 16
_STAND_IN = re.compile(
    r"<.*>|\{.*\}|…|x{4,}|\*{3,}|\.{3}|change.?me|(?:your|my|the)[ _-]?.*(?:token|key|secret).*", re.I
)
_WELL_KNOWN_KEYS = frozenset({"dev", "development", "secret", "secret_key", "secretkey", "key", "test", "password"})


def token_faults(token: str) -> Iterator[tuple[str, str]]:
    """What is wrong with an access token as it was pasted: (what, how to mend it)."""
    bare = token.strip()
    if bare.lower().startswith("bearer "):
        yield "begins with “Bearer”", "Paste what stands behind it, and nothing else."
        return
    if len(bare) > 1 and bare[0] in "\"'“‘`" and bare[-1] in "\"'”’`":
        yield "stands in quotes", "Take the quotes away; an .env file and a YAML file do not need the same ones."
        return
    if _STAND_IN.fullmatch(bare):
        yield "is a stand-in from an example", "Generate a token at the platform, and copy it whole."
        return
    if any(one.isspace() for one in bare):
        yield "has blanks or line breaks in it", "Copy it again: a line was wrapped, or two values were pasted."
    elif bare.endswith(("…", "...")):
        yield "ends in dots: the page showed only its beginning", "Press the copy button instead of selecting the text."
    elif not bare.isascii() or not bare.isprintable():
        yield "has characters that no token has", "Copy it again from the platform's own page, as plain text."
    elif bare.startswith("eyJ") and bare.count(".") not in (2, 4):
        yield "is cut off: it should have three parts", "Copy it again, whole, down to its last character."
    elif len(bare) < SHORTEST_TOKEN:
        yield f"has {len(bare)} characters, fewer than any token", "Copy it again, whole."


def key_faults(keys: Sequence[str]) -> Iterator[str]:
    """What is wrong with the secret keys, each as a sentence."""
    if any(key.strip().lower() in _WELL_KNOWN_KEYS or _STAND_IN.fullmatch(key.strip()) for key in keys):
        yield "A secret key is one that anybody would guess."
    elif any(len(key) < SHORTEST_KEY for key in keys):
        yield f"A secret key is shorter than {SHORTEST_KEY} characters."
    if len(set(keys)) < len(keys):
        yield "The same secret key is listed twice."
