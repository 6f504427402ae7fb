"""A mapping that stays as it was made: what events, visitors and consents hold instead of a caller's own dict."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

Value = TypeVar("Value")


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise TypeError("a frozen mapping cannot be changed: make another one")


_unchangeable: Any = _refuse


class FrozenDict(dict[str, Value]):
    """A copy of a mapping with text keys that cannot be changed; equal to any mapping with the same content.

    It is a dict, so that reading, copying and encoding it cost no more than a dict's; what would change one raises.
    """

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _unchangeable

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
