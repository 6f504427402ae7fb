"""JSON as it leaves the house: exact decimals, no NaN, and a form that is safe inside HTML."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from markupsafe import Markup


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("NaN and infinity are no JSON numbers")
        return orjson.Fragment(plain(value))
    if hasattr(value, "items"):  # frozen mappings
        return dict(value.items())
    raise TypeError(f"{type(value).__name__} cannot become JSON")


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, the digits it was given."""
    text = str(value)  # half of the time that a format takes
    return format(value, "f") if "E" in text else text


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON; a Decimal becomes a number with exactly its digits. `TypeError` for what JSON cannot hold:
    a Decimal that is no number, an int over 64 bits, half a surrogate pair, another type."""
    return orjson.dumps(value, default=_exact)


def pretty(value: Any) -> str:
    """The same, two spaces a level, for people to read."""
    return orjson.dumps(value, default=_exact, option=orjson.OPT_INDENT_2).decode()


def decode(data: bytes | str) -> Any:
    """The value of a JSON text; ValueError when it is none."""
    return orjson.loads(data)


# In a <script> these could end the element, begin a comment or (before ES2019) end a JavaScript line; the apostrophe
# makes the text safe inside a single-quoted attribute as well. XML has no U+FFFE and U+FFFF: a page would end there.
_UNSAFE = ("<", ">", "&", "'", "\u2028", "\u2029", "\ufffe", "\uffff")
_SAFE = tuple((sign, f"\\u{ord(sign):04x}") for sign in _UNSAFE)


def encode_for_html(value: Any) -> Markup:
    """JSON that can stand in a script element or in a single-quoted attribute."""
    text = encode(value).decode()
    for sign, escaped in _SAFE:
        if sign in text:  # nearly none is there; looking is faster than replacing, or than translating each letter
            text = text.replace(sign, escaped)
    return Markup(text)  # every unsafe character was just replaced
