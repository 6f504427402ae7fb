"""Two payloads read side by side: which spellings of a value mean the same, and what a payload mentions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixeltwin.platforms import installed
from pixeltwin.sandbox.comparison import same
from pixeltwin.sandbox.forms import MOST_MENTIONS, id_form, mentions, respelled
from pixeltwin.strictjson import encode
from pixeltwin.visitor import sha256
from tests.sandboxed import KINDS

LINES = {"itemPrice": "item_price", "product_id": "id"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (59.9, "59.90"),
        ("59.90", Decimal("59.9")),
        ("a,b", ["a", "b"]),
        ("sku-1", ["sku-1"]),
        ("ada@example.com", sha256("ada@example.com")),
        (sha256("x"), [sha256("x").upper()]),
        ("https://shop.example/thanks?rdt_cid=1", "https://shop.example/thanks"),
        ("1677712978045.b8f7eb7d-b357-437b-8bd3-e1c8166c7132", "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"),
        ('[{"id": "a", "itemPrice": 1.5}]', [{"id": "a", "item_price": "1.50"}]),
        ([{"product_id": "a", "brand": None}], [{"id": "a"}]),
    ],
)
def test_two_spellings_of_one_value_are_equal(one: Any, other: Any) -> None:
    """A number and its text, a list and its commas, a text and its digest, lines under two names mean the same."""
    assert same(one, other, LINES)
    if not isinstance(other, list) or not isinstance(other[0], dict):
        assert same(other, one, LINES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (59.9, "5990"),
        ("c-1", "C-1"),
        ("a,b", ["b", "a"]),
        ([{"id": "a"}], [{"id": "a"}, {"id": "b"}]),
        ([{"id": "a", "itemPrice": 1}], [{"id": "a", "item_price": 2}]),
        ([{"id": "a", "itemPrice": 1}], [{"id": "a"}]),
        ("https://shop.example/a", "https://shop.example/b"),
        (True, 1),
    ],
)
def test_two_values_are_two(one: Any, other: Any) -> None:
    """What differs in amount, case, order, number or address is different."""
    assert not same(one, other, LINES)


@given(JSON)
@example("NaN")
def test_a_value_is_equal_to_itself(value: Any) -> None:
    """Whatever a payload holds is equal to itself, as data and as its JSON text."""
    assert same(value, value, {})
    if isinstance(value, (list, dict)):
        assert same(encode(value).decode(), value, {})


@given(JSON)
def test_mentions_are_bounded_and_stand_where_they_say(payload: Any) -> None:
    """Of any payload at most so many identifiers are noted, each in the form in which its spellings meet."""
    found = mentions(payload)
    assert len(found) <= MOST_MENTIONS
    assert all(len(form) == 64 for form in found)


def test_an_id_is_found_wherever_it_stands() -> None:
    """An identifier deep inside a payload is noted with its path; prices, names and addresses are none."""
    payload = {"custom_data": {"event_id": "c-1001", "items": [{"sku": "sku-77"}]}, "url": "https://a.example/c-1001"}
    found = mentions(payload)
    assert found[id_form("c-1001")] == "custom_data.event_id"
    assert found[id_form("sku-77")] == "custom_data.items[0].sku"
    assert len(found) == 2
    assert mentions({"name": "Trail boots", "price": 59.9, "quantity": 2}) == {}


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=30))
def test_spellings_meet(id: str) -> None:
    """An ID, its upper and lower case and its blanks have a form in common; so has the digest of what was meant."""
    assert id_form(id) in respelled(id)
    assert respelled(f" {id} ") & respelled(id.strip())
    assert sha256(id.strip().lower()) in respelled(id) or len(id.strip()) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_every_platform_tells_where_its_fields_are(kind: str) -> None:
    """The table begins with the ID, on both sides, and no place is listed twice with different names."""
    fields = installed()[kind].emulator().fields
    assert fields[0].name == "ID"
    assert fields[0].browser
    assert fields[0].server
    places = [field.browser for field in fields if field.browser]
    assert len(places) == len(set(places))
