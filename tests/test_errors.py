"""Errors: one root for all of them, the tree drawn where people look, the facts on the error itself."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest

from pixeltwin import errors
from pixeltwin.errors import CannotSend, ConfigurationError, InvalidInput, PixeltwinError, UnknownName

CLASSES: dict[str, Any] = {
    name: found for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)
}


def test_the_tree_in_the_documentation_is_the_real_one() -> None:
    """The module's docstring draws every error below its parent, with the built-in error that it also is."""
    drawn = re.findall(r"^([│ ]*)[├└]── (\w+) +(.*(?:\n(?:│ {3,}| {4,})[a-z(].*)*)", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name, _ in drawn} == set(CLASSES) - {"PixeltwinError"}
    parents = ["PixeltwinError"]
    for indent, name, text in drawn:
        del parents[1 + len(indent) // 4 :]
        first, *others = CLASSES[name].__bases__
        assert first.__name__ == parents[-1]
        also = re.search(r"\(also a (\w+)\)", text)
        assert [base.__name__ for base in others] == ([also[1]] if also else [])
        parents.append(name)


@pytest.mark.parametrize("name", CLASSES)
def test_one_except_catches_whatever_is_raised(name: str) -> None:
    """All errors have one root, and each says in its docstring what happened."""
    assert issubclass(CLASSES[name], PixeltwinError)
    assert CLASSES[name].__doc__


def test_the_facts_are_on_the_error() -> None:
    """A program reads the field, the reason and the near matches without taking the message apart."""
    wrong = InvalidInput("Purchase", [("value", "is required"), ("", "try again")])
    assert (wrong.subject, wrong.problems) == ("Purchase", (("value", "is required"), ("", "try again")))
    assert str(wrong) == "Purchase: value: is required; try again"
    cannot = CannotSend("reddit", "too_old", "takes no event older than 7 days")
    assert (cannot.platform, cannot.reason, cannot.detail) == ("reddit", "too_old", "takes no event older than 7 days")
    assert str(cannot) == "reddit: takes no event older than 7 days"


def test_an_unknown_name_is_answered_with_what_comes_near() -> None:
    """Near matches are offered, or all names where nothing is near."""
    near = UnknownName("Snap", "ADD_TO_CART", ["ADD_CART"], ["ADD_CART", "PURCHASE"])
    assert near.near == ("ADD_CART",)
    assert "did you mean ADD_CART?" in str(near)
    assert "it knows ADD_CART, PURCHASE" in str(UnknownName("Snap", "???", [], ["ADD_CART", "PURCHASE"]))


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("Purchase", [("value", "is required")]),
        UnknownName("Snap", "X", ["Y"], ["Y"]),
        CannotSend("reddit", "too_old", "too old"),
        ConfigurationError("set it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way_between_processes(error: PixeltwinError) -> None:
    """A worker pool or a test runner can hand an error on, facts and all."""
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
