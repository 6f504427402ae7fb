"""Events: checked at the call that makes them, frozen afterwards, the same after a rest in the store."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import (
    AddToCart,
    CustomEvent,
    Item,
    Lead,
    PageView,
    Purchase,
    Refund,
    Search,
    Subscribe,
    ViewContent,
    WatchVideo,
)
from pixeltwin.errors import InvalidInput, PixeltwinError
from pixeltwin.events import EVENT_TYPES, Event, from_record, to_record
from pixeltwin.normalising.currencies import CURRENCIES
from pixeltwin.restoring import restored
from pixeltwin.strictjson import encode
from tests.strategies import events

MARKER = "zq7marker"
SMALLEST: dict[str, dict[str, Any]] = {
    "Purchase": {"value": 1, "currency": "EUR"},
    "Refund": {"value": 1, "currency": "EUR"},
    "CustomEvent": {"name": "Quiz"},
}


def purchase(**changes: Any) -> Purchase:
    return Purchase(**{"value": "59.90", "currency": "EUR", **changes})


def advice(make: Callable[..., Any], **fields: Any) -> str:
    """What the error says that refuses these fields."""
    with pytest.raises(InvalidInput) as refused:
        make(**fields)
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, PixeltwinError)
    return str(refused.value)


# --- which events there are ----------------------------------------------------------------------------------------


def test_the_events_are_those_the_documentation_lists() -> None:
    """There is an event for each thing a shop reports, under one neutral name."""
    assert list(EVENT_TYPES) == [
        *("PageView", "ViewContent", "ViewCategory", "Search", "AddToCart", "AddToWishlist", "StartCheckout"),
        *("AddPaymentInfo", "Purchase", "Refund", "Lead", "SignUp", "Subscribe", "StartTrial", "WatchVideo"),
        "CustomEvent",
    ]


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_event_needs_only_what_it_cannot_do_without(kind: str) -> None:
    """Only a purchase and a refund need their value and a custom event its name; all else may be left out."""
    event = EVENT_TYPES[kind](**SMALLEST.get(kind, {}))
    assert (event.type, event.item_count) == (kind, None)
    if kind in SMALLEST:
        assert "is required" in advice(EVENT_TYPES[kind])


def test_tax_and_shipping_are_parts_of_the_total() -> None:
    """What is tax and shipping cannot be more than what is paid."""
    assert purchase(tax="9.50", shipping="4.90").value == Decimal("59.90")
    assert "parts of value" in advice(purchase, tax="50", shipping="10")


def test_what_visitors_write_is_cut_and_never_refused() -> None:
    """A search of any length is tracked, cut at 1,000 characters, the same on both halves."""
    assert len(Search(search_string="x" * 5000).search_string) == 1000


def test_an_order_number_is_the_natural_key_of_what_is_paid() -> None:
    """The order id makes two reports of one order the same conversion; events without one occur each time."""
    assert purchase(order_id="1001").natural_key == "1001"
    assert Subscribe(order_id="s-1").natural_key == "s-1"
    assert Lead(order_id="l-1").natural_key == "l-1"
    assert CustomEvent(name="Quiz", order_id="q-1").natural_key == "q-1"
    assert Refund(order_id="1001", value="5", currency="EUR").natural_key is None  # an order may have several
    assert purchase().natural_key is None
    assert AddToCart(items=[Item(id="1")]).natural_key is None


def test_only_a_custom_event_has_a_name_of_its_own() -> None:
    """A custom event carries the caller's name, 1 to 64 characters without blanks around it; the others have none."""
    assert CustomEvent(name=" Quiz finished ").custom_name == "Quiz finished"
    assert purchase().custom_name == ""
    for wrong in ("", "  ", "x" * 65, None, 5):
        assert "CustomEvent: name" in advice(CustomEvent, name=wrong)


# --- money ---------------------------------------------------------------------------------------------------------


@given(st.decimals(min_value=0, max_value=10**12, places=2, allow_nan=False, allow_infinity=False))
def test_money_is_exact_whether_it_comes_as_decimal_or_text(amount: Decimal) -> None:
    """A Decimal and its text make the same Decimal, digit by digit."""
    assert purchase(value=amount).value.as_tuple() == purchase(value=f" {amount} ").value.as_tuple()
    assert purchase(value=amount).value == amount


@given(st.integers(0, 10**14 - 1))
def test_money_may_be_a_whole_number(amount: int) -> None:
    """An int is taken as that many units of the currency."""
    value = purchase(value=amount).value
    assert isinstance(value, Decimal)
    assert value == amount


@given(st.floats())
def test_money_is_never_a_float(amount: float) -> None:
    """A float cannot hold 0.1, so it is refused with advice on what to give."""
    assert "give a Decimal, an int or a string" in advice(purchase, value=amount)
    assert "give a Decimal, an int or a string" in advice(Item, id="1", price=amount)


@pytest.mark.parametrize("wrong", ["nan", "-inf", "Infinity", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")])
def test_money_is_a_finite_number(wrong: Any) -> None:
    """NaN and infinity are no amounts, neither as text nor as Decimal."""
    assert "finite" in advice(purchase, value=wrong)


@pytest.mark.parametrize(
    "wrong", ["-0.01", -1, "abc", "", "1,50", "€5", True, False, [], (0, (1,), 0), 10**14, "0.0000001"]
)
def test_what_is_no_amount_is_refused(wrong: Any) -> None:
    """Negatives, words, and more than 14 digits before the point or 6 behind it are errors that name the field."""
    assert advice(purchase, value=wrong).startswith("Purchase: value: ")
    assert advice(ViewContent, value=wrong, currency="EUR").startswith("ViewContent: value: ")


@pytest.mark.parametrize("zero", [0, "0.00", "-0", Decimal("-0.00")])
def test_zero_is_a_value(zero: Any) -> None:
    """A free order has the value zero, which never goes out with a minus."""
    value = purchase(value=zero).value
    assert value == 0
    assert b"-" not in encode(value)


def test_a_value_needs_its_currency() -> None:
    """A value without a currency is refused, for the platforms would guess one; a currency may stand alone."""
    assert "currency='EUR'" in advice(AddToCart, value="5")
    assert "Purchase: currency: is required" in advice(Purchase, value="5")
    assert AddToCart(currency="EUR").value is None


@given(st.sampled_from(sorted(CURRENCIES)), st.sampled_from([str.lower, str.upper, str.title, " {} ".format]))
def test_a_currency_is_written_in_capitals(code: str, spelling: Callable[[str], str]) -> None:
    """Every ISO 4217 code is known however it is spelt, and kept in capitals."""
    assert purchase(currency=spelling(code)).currency == code


@pytest.mark.parametrize("wrong", ["", "EURO", "XXX", "XAU", "€", "ABC", None, 978])
def test_an_unknown_currency_is_refused(wrong: Any) -> None:
    """What is no currency in use is refused with an example of one."""
    assert "ISO 4217 code such as 'EUR'" in advice(purchase, currency=wrong)


# --- items and ids -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple, deque], ids=lambda kind: kind.__name__)
def test_items_are_any_sequence(kind: Callable[[list[Item]], Any]) -> None:
    """A cart may be a list, a tuple or any other sequence; it is kept as a tuple, and its units are counted."""
    cart = AddToCart(items=kind([Item(id="a", quantity=2), Item(id="b")]))
    assert [item.id for item in cart.items] == ["a", "b"]
    assert isinstance(cart.items, tuple)
    assert cart.item_count == 3


@pytest.mark.parametrize("wrong", ["abc", b"abc", {"id": "a"}, Item(id="a"), {Item(id="a")}, iter([]), 5, None])
def test_what_is_no_sequence_of_items_is_refused(wrong: Any) -> None:
    """A single item, a set or a text in the place of the items is an error that says what to give."""
    assert advice(AddToCart, items=wrong) == "AddToCart: items: give a list of Item(...)"


def test_ids_may_be_the_numbers_a_shop_keeps() -> None:
    """An int becomes its digits and blanks around an id fall away, so that 1001 and ' 1001 ' are one order."""
    assert purchase(order_id=1001) == purchase(order_id=" 1001 ")
    assert Item(id=7).id == "7"


@pytest.mark.parametrize("wrong", ["", "   ", 1.5, True, ["1"], "x" * 257, "\ud800"])
def test_an_id_is_never_blank_and_never_another_type(wrong: Any) -> None:
    """A blank id would be everybody's, so it is refused like any other that is no text."""
    assert "Purchase: order_id: " in advice(purchase, order_id=wrong)
    assert "Item: id: " in advice(Item, id=wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, "2", True, None, 10**9])
def test_a_quantity_is_a_whole_number_of_units(wrong: Any) -> None:
    """A line has at least one unit, counted by an int."""
    assert "Item: quantity: " in advice(Item, id="1", quantity=wrong)


# --- frozen --------------------------------------------------------------------------------------------------------


@given(events())
def test_an_event_stays_as_it_was_made(event: Event) -> None:
    """No field can be set or deleted, and no copy, pickle or hash tells two equal events apart."""
    for field in type(event).model_fields:
        before = getattr(event, field)
        with pytest.raises(AttributeError):
            setattr(event, field, before)
        with pytest.raises((AttributeError, ValueError)):
            delattr(event, field)
    for twin in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert twin == event
        assert hash(twin) == hash(event)


def test_what_the_caller_changes_later_changes_no_event() -> None:
    """Lists and mappings are copied when an event is made, and cannot be changed through it."""
    lines, names = [Item(id="a")], {"snap": "LEVEL_COMPLETE"}
    event = AddToCart(items=lines, names=names)
    lines.append(Item(id="b"))
    names["snap"] = "other"
    assert event.item_count == 1
    assert event.names == {"snap": "LEVEL_COMPLETE"}
    with pytest.raises(TypeError):
        event.names["snap"] = "other"  # type: ignore[index]


@pytest.mark.parametrize("wrong", [5, "snap", ["snap"], {"snap": 5}, {5: "PURCHASE"}, None])
def test_names_are_a_mapping_of_texts(wrong: Any) -> None:
    """What is no mapping of platform to event name is refused with advice."""
    assert "give a mapping of platform name to " in advice(PageView, names=wrong)


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_field_that_an_event_has_not_is_an_error(kind: str) -> None:
    """A misspelt field is refused, never dropped."""
    assert advice(EVENT_TYPES[kind], **SMALLEST.get(kind, {}), vlaue="5") == f"{kind}: vlaue: there is no such field"


# --- errors --------------------------------------------------------------------------------------------------------

marked = st.text("abc ", max_size=3).map(lambda text: f"{text}{MARKER}")
wrongs = st.one_of(
    marked.map(lambda text: text + "\ud800"),
    marked.map(lambda text: [{"id": [text]}]),
    marked.map(lambda text: {text}),
    marked.map(lambda text: (text, text, text)),
    marked.map(lambda text: {"snap": [text]}),
    st.just(float("nan")),
)


@given(st.sampled_from(sorted(EVENT_TYPES)), st.data())
def test_an_error_never_quotes_what_it_was_given(kind: str, data: st.DataObject) -> None:
    """Whatever is wrong in whatever field, the message names the field and not the value."""
    fields = {**SMALLEST.get(kind, {}), "currency": "EUR"} if kind not in ("PageView", "WatchVideo") else {}
    field = data.draw(st.sampled_from(sorted(EVENT_TYPES[kind].model_fields)))
    wrong = data.draw(wrongs)
    with pytest.raises(InvalidInput) as refused:
        EVENT_TYPES[kind](**{**fields, field: wrong})
    assert f"{kind}: {field}" in str(refused.value)
    assert MARKER not in f"{refused.value} {refused.value!r} {refused.value.problems}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_the_refusal_to_change_an_event_does_not_quote_the_value_either() -> None:
    """Setting a field of a frozen event tells the field, not what should have been put there."""
    with pytest.raises(AttributeError, match=r"^Lead\.order_id cannot be changed") as refused:
        Lead(order_id="1").order_id = MARKER
    assert MARKER not in str(refused.value)


# --- records -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [from_record, restored])
@given(event=events(), names=st.dictionaries(st.sampled_from(["snap", "reddit"]), st.sampled_from(["SAVE", "Custom"])))
def test_an_event_comes_back_from_the_store_as_it_went(
    read: Callable[[Any], Event], event: Event, names: dict[str, str]
) -> None:
    """The record is plain JSON, and what is read back, checked again or not, is the same event with the same digits."""
    event = type(event)(**{**{name: getattr(event, name) for name in event.model_fields_set}, "names": names})
    back = read(json.loads(encode(to_record(event))))
    assert back == event
    assert type(back) is type(event)
    assert encode(back.model_dump()) == encode(event.model_dump())
    assert {name: type(value) for name, value in back} == {name: type(value) for name, value in event}
    assert to_record(back) == to_record(event)


def test_a_record_holds_only_what_was_said() -> None:
    """Rows stay small: neither defaults nor empty fields are stored."""
    assert to_record(PageView(category=None)) == {"type": "PageView"}
    assert to_record(Search(search_string="boots")) == {"type": "Search", "search_string": "boots"}


@pytest.mark.parametrize("read", [from_record, restored])
@pytest.mark.parametrize("record", [{}, {"type": "Refund"}, {"type": "WatchVideo", "value": "5"}])
def test_a_record_that_is_no_event_is_refused(read: Callable[[Any], Event], record: dict[str, Any]) -> None:
    """What no event wrote is an error, not an empty event."""
    with pytest.raises(InvalidInput):
        read(record)


def test_a_video_has_a_title_and_no_price() -> None:
    """Events have only the fields that mean something for them."""
    assert WatchVideo(title="How to fly a kite").title == "How to fly a kite"
    assert "there is no such field" in advice(WatchVideo, currency="EUR")


READY = """
from pixeltwin import PageView, Reddit, Tracker
from pixeltwin.events import EVENT_TYPES
assert not PageView.__pydantic_complete__, "importing takes longer than it has to"
Tracker([Reddit(pixel_id="a2_shop")], secret_keys=["k"], outbox="memory:")
assert all(kind.__pydantic_complete__ for kind in EVENT_TYPES.values())
"""


def test_what_events_are_checked_by_is_made_with_the_tracker() -> None:
    """Not at import, which nobody should wait for, and not by the first of several threads."""
    subprocess.run([sys.executable, "-c", READY], check=True, timeout=60)
