"""A mapping that stays as it was made: what events, visitors and consents hold instead of a caller's own dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, overload

Value = TypeVar("Value", covariant=True)
Default = TypeVar("Default")


class FrozenDict(Mapping[str, Value]):
    """A copy of a mapping with text keys that cannot be changed; equal to any mapping with the same content."""

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[str, Value] | None = None) -> None:
        self._content: dict[str, Value] = dict(content or {})

    def __getitem__(self, key: str) -> Value:
        return self._content[key]

    def __contains__(self, key: object) -> bool:
        return key in self._content

    # Mapping's own `get` raises and catches a KeyError for whatever is absent, which is most of what is asked for here.
    @overload
    def get(self, key: str, /) -> Value | None: ...

    @overload
    def get(self, key: str, /, default: Value | Default) -> Value | Default: ...

    def get(self, key: str, /, default: object = None) -> object:
        return self._content.get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __hash__(self) -> int:
        return hash(frozenset(self._content.items()))

    def __repr__(self) -> str:
        return repr(self._content)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (self._content,)
