"""Access tokens have no place in a ledger: what a request carried is masked before anything of it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, quote

MASK = "•••"
_SECRET_NAME = re.compile(r"token|secret|password|authorization", re.IGNORECASE)
_SHORTEST = 6  # what somebody typed as a token to try things out ("test") stands in other values by chance


def secrets_of(query: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The tokens of a request, wherever clients put them: headers and query parameters with a telling name. Header
    names are lower case."""
    found: list[str] = []
    for name, value in headers.items():
        if _SECRET_NAME.search(name):
            scheme, _, credentials = value.strip().partition(" ")
            found.append(credentials.strip() or scheme)
    found += [value.strip() for name, value in parse_qsl(query) if _SECRET_NAME.search(name)]
    return tuple(dict.fromkeys(secret for secret in found if len(secret) >= _SHORTEST))


def is_secret(name: str) -> bool:
    """Whether a field, parameter or header of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def masked(value: Any, secrets: tuple[str, ...]) -> Any:
    """The same data without these secrets, and without the value of any field that is named like one."""
    if isinstance(value, str):
        return masked_text(value, secrets)
    if isinstance(value, Mapping):
        return {
            masked_text(name, secrets): MASK if one and _SECRET_NAME.search(name) else masked(one, secrets)
            for name, one in cast("Mapping[str, Any]", value).items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(one, secrets) for one in cast("Sequence[Any]", value)]
    return value


def masked_text(text: str, secrets: tuple[str, ...]) -> str:
    """The text without these secrets, as they are or percent-encoded. Lone surrogates go too: no JSON takes them."""
    for secret in secrets:
        for spelling in {secret, quote(secret, safe="")}:
            text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", MASK, text)
    return text.encode("utf-8", "replace").decode()
