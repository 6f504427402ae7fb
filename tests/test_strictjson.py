"""JSON as it leaves the house: exact numbers, and nothing in it that HTML could take for markup."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from pixeltwin.frozen import FrozenDict
from pixeltwin.strictjson import decode, encode, encode_for_html, plain
from tests.pages import Page

HOSTILE = (
    "</script><script>alert(1)</script><!--<script>--> ]]> & &lt; ' \" ` ${x} \\ \u2028\u2029\uffff \x00 \x7f 🧀 é"
)
FORBIDDEN = "<>&'\u2028\u2029\ufffe\uffff"

texts = st.text() | st.text(st.sampled_from(HOSTILE), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_what_is_written_is_read_again(value: Any) -> None:
    """Any JSON value comes back from its text, for our own reader and for any other."""
    written = encode(value)
    assert decode(written) == value
    assert json.loads(written) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
@example(Decimal("59.90"))
@example(Decimal("0.10"))
@example(Decimal("1E+3"))
@example(Decimal("1E-7"))
def test_a_decimal_is_a_number_with_exactly_its_digits(amount: Decimal) -> None:
    """Money is never rounded on its way out, and never written with an exponent."""
    written = encode(FrozenDict({"value": amount})).decode()
    assert written == f'{{"value":{plain(amount)}}}'
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal)["value"] == amount
    assert "E" not in written
    if amount.as_tuple().exponent <= 0:  # type: ignore[operator]
        assert Decimal(plain(amount)).as_tuple() == amount.as_tuple()


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_what_is_no_number_is_never_written(wrong: Decimal) -> None:
    """NaN and infinity, which no JSON reader takes, are an error wherever they stand."""
    for value in (wrong, [wrong], {"a": {"b": wrong}}):
        with pytest.raises(TypeError):
            encode(value)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (2**64, "Integer exceeds 64-bit range"),
        (-(2**63) - 1, "Integer exceeds 64-bit range"),
        ("half a pair: \ud800", "surrogates not allowed"),
        ({"\udfff": 1}, "surrogates not allowed"),
        ({1: 2}, "key must be str"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (object(), "object"),
    ],
)
def test_what_json_cannot_hold_is_a_clear_error(wrong: Any, why: str) -> None:
    """What some reader would understand otherwise, or not at all, is refused with the reason, on the page as well."""
    for write in (encode, encode_for_html):
        with pytest.raises(TypeError, match=why):
            write(wrong)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1", "", "{'a': 1}", "\ud800", b"\xff", "[" * 5000, "01", "[1,]"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    """A damaged text, or one that only lax readers take, is refused as a whole."""
    with pytest.raises(ValueError):  # noqa: PT011
        decode(text)


# --- in a page -----------------------------------------------------------------------------------------------------


@given(json_values)
@example(HOSTILE)
@example({HOSTILE: [HOSTILE]})
def test_nothing_in_it_can_be_taken_for_markup(value: Any) -> None:
    """No character that begins markup, ends an attribute or breaks a line of JavaScript is left, in keys or values."""
    written = encode_for_html(value)
    assert not set(FORBIDDEN) & set(written)
    assert json.loads(written) == value
    assert isinstance(written, Markup)
    assert escape(written) == written


@given(json_values)
@example([HOSTILE, {"</script>": "<!--"}])
def test_a_script_element_holds_it_whole(value: Any) -> None:
    """A browser's parser finds one script with exactly the value in it, whatever the value says."""
    found = Page(f"<p>before</p><script type='application/json'>{encode_for_html(value)}</script><p>after</p>")
    assert [element.tag for element in found.elements] == ["p", "script", "p"]
    assert json.loads(found.elements[1].text) == value


@given(json_values)
@example([HOSTILE, "&#39; onclick='alert(1)"])
def test_a_single_quoted_attribute_holds_it_whole(value: Any) -> None:
    """A browser's parser finds one attribute with exactly the value in it."""
    found = Page(f"<div data-json='{encode_for_html(value)}'></div>")
    assert [list(element.attributes) for element in found.elements] == [["data-json"]]
    assert json.loads(found.elements[0].attributes["data-json"]) == value


@given(st.dictionaries(st.text(max_size=5), texts, max_size=3))
def test_frozen_mappings_are_objects(content: dict[str, str]) -> None:
    """What events and visitors keep is written like the dict it was made of."""
    assert encode([FrozenDict(content)]) == encode([content])
