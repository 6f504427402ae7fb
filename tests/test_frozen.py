"""Frozen mappings: a copy that cannot be changed, equal to any mapping with the same content."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.frozen import FrozenDict

contents = st.dictionaries(st.text(max_size=3), st.integers(), max_size=4)


@given(contents, contents)
def test_a_frozen_mapping_equals_what_it_was_made_of(one: dict[str, int], other: dict[str, int]) -> None:
    """Equality and hash go by content, whatever the order and the kind of mapping."""
    frozen = FrozenDict(one)
    backwards = FrozenDict(dict(reversed(one.items())))
    assert frozen == one == dict(frozen)
    assert frozen == backwards
    assert hash(frozen) == hash(backwards)
    assert (frozen == FrozenDict(other)) == (one == other)
    assert (len(frozen), list(frozen), repr(frozen)) == (len(one), list(one), repr(one))


@given(contents)
def test_a_frozen_mapping_is_a_copy(content: dict[str, int]) -> None:
    """What happens to the mapping it was made of, and to its own copies, does not reach it."""
    before = dict(content)
    frozen = FrozenDict(content)
    content["new"] = 1
    assert frozen == before
    for twin in (copy.copy(frozen), copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert twin == frozen
        assert type(twin) is FrozenDict


def test_a_frozen_mapping_cannot_be_changed() -> None:
    """No method of a dict that changes one does so here; nothing at all makes an empty one."""
    frozen: Any = FrozenDict({"a": 1})
    changes: list[Callable[[], Any]] = [
        lambda: frozen.__setitem__("a", 2),
        lambda: frozen.__delitem__("a"),
        lambda: frozen.__ior__({"a": 2}),
        lambda: frozen.update(a=2),
        lambda: frozen.setdefault("b", 2),
        lambda: frozen.pop("a"),
        lambda: frozen.popitem(),
        lambda: frozen.clear(),
    ]
    for change in changes:
        with pytest.raises(TypeError):
            change()
    assert frozen == {"a": 1}
    with pytest.raises(KeyError):
        frozen["b"]
    with pytest.raises(AttributeError):
        frozen.a = 2
    assert FrozenDict() == {}
