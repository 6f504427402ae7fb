"""Which records hold what: found by any of their traces, forgotten with all of them."""

from __future__ import annotations

from collections.abc import Iterable

Key = tuple[str, str]  # a platform, and a trace or hint there


class Index:
    """Numbers of records by key."""

    def __init__(self) -> None:
        self.numbers: dict[Key, dict[int, None]] = {}
        self.keys: dict[int, set[Key]] = {}

    def add(self, number: int, keys: Iterable[Key]) -> None:
        for key in keys:
            self.keys.setdefault(number, set()).add(key)
            self.numbers.setdefault(key, {})[number] = None

    def find(self, keys: Iterable[Key]) -> list[int]:
        """The numbers that any of the keys leads to, the newest record first."""
        found: dict[int, None] = {}
        for key in keys:
            found.update(self.numbers.get(key, {}))
        return sorted(found, reverse=True)

    def drop(self, number: int) -> None:
        for key in self.keys.pop(number, ()):
            self.numbers[key].pop(number, None)
            if not self.numbers[key]:
                del self.numbers[key]
