"""Every error pixeltwin raises, under one root.

PixeltwinError
├── InvalidInput            a value handed to an event, visitor, consent or conversion is wrong (also a ValueError)
│   └── UnknownName         a platform does not know that event name; `near` lists what it does know
├── ConfigurationError      a setting is missing or cannot be right (also a ValueError)
├── CannotSend              this platform would refuse this conversion; `reason` says why
├── OutboxUnavailable       the store could not be read or written
│   └── TransactionLost     and with it SQLite undid the caller's own transaction: `track(connection=)` always raises it
├── UnknownConversion       no conversion is stored under that key (also a LookupError)
└── BadToken                a signed value was forged, damaged or has expired (also a ValueError)

Messages say what to do next and never quote personal data or secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from traceback import extract_tb
from typing import Any


class PixeltwinError(Exception):
    """The root of everything pixeltwin raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Passes between processes, facts and all, whatever the constructor takes."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[PixeltwinError], args: tuple[Any, ...], facts: dict[str, Any]) -> PixeltwinError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class InvalidInput(PixeltwinError, ValueError):
    """A value is wrong. `problems` holds one (field, advice) pair a fault."""

    def __init__(self, subject: str, problems: Sequence[tuple[str, str]]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        lines = "; ".join(f"{field}: {advice}" if field else advice for field, advice in self.problems)
        super().__init__(f"{subject}: {lines}")


class UnknownName(InvalidInput):
    """A platform has no event of that name; `near` lists the closest names it has."""

    def __init__(self, platform: str, name: str, near: Sequence[str], known: Sequence[str]) -> None:
        self.platform = platform
        self.name = name
        self.near = tuple(near)
        advice = f"did you mean {' or '.join(self.near)}?" if self.near else f"it knows {', '.join(known)}"
        super().__init__(f"{platform} has no event called {name!r}", [("", advice)])


def nearest(name: str, spellings: Iterable[str]) -> list[str]:
    """The closest spellings, closest first, by their letters alone (ADD_TO_CART is near AddCart)."""
    by_letters = {letters(spelling): spelling for spelling in spellings}
    return [by_letters[one] for one in get_close_matches(letters(name), by_letters, n=3, cutoff=0.7)]


def letters(name: str) -> str:
    """A name without case and what joins its words."""
    return name.replace("_", "").replace("-", "").lower()


class ConfigurationError(PixeltwinError, ValueError):
    """A setting is missing or wrong; the message names it and says what it should be."""


class CannotSend(PixeltwinError):
    """The platform would refuse this conversion.

    `reason` is a stable word to count by ("no_match_key", "too_old", …); `detail` is the sentence for people.
    """

    def __init__(self, platform: str, reason: str, detail: str) -> None:
        self.platform = platform
        self.reason = reason
        self.detail = detail
        super().__init__(f"{platform}: {detail}")


class OutboxUnavailable(PixeltwinError):
    """The outbox could not be read or written; the cause is chained."""


class TransactionLost(OutboxUnavailable):
    """SQLite undid the whole transaction of `connection=`, with what the caller wrote before; the cause is chained."""


class UnknownConversion(PixeltwinError, LookupError):
    """Nothing is stored under that key. `remembered`: what was said of it waits for it, and need not be said again."""

    def __init__(self, message: str, *, remembered: bool = False) -> None:
        self.remembered = remembered
        super().__init__(message)


class BadToken(PixeltwinError, ValueError):
    """A signed value was not made with any of the secret keys, was changed, or is too old."""


def described(error: BaseException) -> str:
    """An error as a log may show it. Our own messages are safe; of others only the type and the place are told, for
    their texts may quote what they were handed: personal data, or a token."""
    if isinstance(error, PixeltwinError):
        return f"{type(error).__name__}: {error}"
    frames = extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{place}"
