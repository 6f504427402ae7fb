"""Visitors: every platform's rule applied alike before and after the seal, blanks left out, nothing shown."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import pickle
from collections.abc import Callable
from datetime import date
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from pixeltwin import Conversion, Visitor
from pixeltwin.errors import InvalidInput
from pixeltwin.normalising.addresses import bare
from pixeltwin.normalising.normal import (
    compact,
    email_address,
    ip_canonical,
    lower_trim,
    phone_digits,
    phone_plus,
    trimmed,
)
from pixeltwin.strictjson import encode
from pixeltwin.visitor import IDENTITY_FIELDS, Rule, SealedVisitor
from tests.samples import NOW, purchase
from tests.strategies import visitors

MARKER = "zq7marker"
EMPTY = hashlib.sha256(b"").hexdigest()
LOWER = Rule("lower", lower_trim)
RAW = Rule("raw", trimmed, hashed=False)


class Gender(str, Enum):
    """A site's own enumeration, as form libraries make them."""

    FEMALE = "f"


def of(**fields: Any) -> Visitor:
    """A visitor of these fields, whatever they are."""
    return Visitor(**fields)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def shouted(value: str) -> str | None:
    return value.upper() if len(value) < 9 else None


texts = st.text(max_size=12) | st.sampled_from(
    ["Ada@Example.com", "+44 20 7183 8750", " ", "Ä" * 9, "a" * 64, "F" * 64]
)
rules = st.builds(
    Rule,
    key=st.uuids().map(str),
    normalise=st.sampled_from([lower_trim, trimmed, email_address, compact, phone_plus, phone_digits, shouted]),
    hashed=st.booleans(),
)
identities = st.dictionaries(st.sampled_from(IDENTITY_FIELDS), texts | st.lists(texts, max_size=3), max_size=5)


# --- rules ---------------------------------------------------------------------------------------------------------


@given(st.text(min_size=1).filter(str.strip))
def test_a_rule_hashes_the_normal_form(text: str) -> None:
    """What is sent is the lower-case hex SHA-256 of the UTF-8 bytes of the value's normal form."""
    normal = lower_trim(text)
    assert normal is not None
    assert LOWER.apply(text) == digest(normal)


@given(st.text("0123456789abcdefABCDEF", min_size=64, max_size=64))
def test_a_digest_is_not_hashed_again(hashed: str) -> None:
    """64 hex digits are a digest already: they pass through in lower case, whichever case they came in."""
    assert LOWER.apply(hashed) == hashed.lower()
    assert Visitor(email=f" {hashed} ").values("email", LOWER) == (hashed.lower(),)
    assert Visitor(phone=hashed).values("phone", Rule("phone", phone_plus)) == (hashed.lower(),)


def test_what_looks_like_a_digest_is_none_where_the_platform_wants_it_raw() -> None:
    """A rule that does not hash takes 64 hex digits for a value like any other."""
    assert RAW.apply("A" * 64) == "A" * 64


@pytest.mark.parametrize("almost", ["a" * 63, "a" * 65, "g" * 64, "a" * 32])
def test_other_hex_is_no_digest(almost: str) -> None:
    """A text of another length, or an MD5, is a value to be hashed."""
    assert LOWER.apply(almost) == digest(almost)


@given(st.lists(st.sampled_from(["", " ", "\t\n", "\u3000"]), max_size=3), st.sampled_from(IDENTITY_FIELDS))
def test_blanks_are_left_out_never_hashed(blanks: list[str], field: str) -> None:
    """An empty or blank value is no value: not the hash of nothing, which every such visitor would share."""
    nobody = of(**{field: blanks})
    assert nobody == Visitor()
    assert not nobody.has(field)
    sealed = nobody.seal({field: (LOWER, RAW)})
    assert sealed == SealedVisitor({})
    assert nobody.values(field, LOWER) == sealed.values(field, LOWER) == ()


@given(st.sampled_from(IDENTITY_FIELDS), st.text())
def test_no_rule_ever_gives_the_hash_of_nothing(field: str, text: str) -> None:
    """Whatever a form sends, the digest of the empty text goes to nobody."""
    visitor = of(**{field: text})
    for rule in (LOWER, Rule("mail", email_address), Rule("compact", compact), Rule("phone", phone_digits)):
        assert EMPTY not in visitor.values(field, rule)


def test_a_value_without_a_normal_form_is_left_out() -> None:
    """What cannot be an e-mail is not hashed as if it were one; the others of the list stay, in their order."""
    visitor = Visitor(email=["n/a", "B@example.com", "a@example.com", "b@EXAMPLE.com "])
    assert visitor.values("email", Rule("mail", email_address)) == (digest("b@example.com"), digest("a@example.com"))
    assert Visitor(email="n/a").values("email", Rule("mail", email_address)) == ()


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        ("Ada", ("Ada",)),
        ((" Ada ", "", "Ada", "Bea"), ("Ada", "Bea")),
        (42, ("42",)),
        (date(1990, 1, 31), ("1990-01-31",)),
        (Gender.FEMALE, ("f",)),
        (None, ()),
        ([], ()),
    ],
)
def test_an_identity_field_takes_one_value_or_several(given_value: Any, kept: tuple[str, ...]) -> None:
    """Text, numbers and dates come alone or in a list; each is kept once, without the blanks around it."""
    assert Visitor(external_id=given_value).given("external_id") == kept


@pytest.mark.parametrize("wrong", [True, 1.5, b"ada", {"email": "a"}, object(), [None], [["ada"]], "ada\ud800"])
def test_what_is_no_text_is_no_identity(wrong: Any) -> None:
    """Another type is an error that names the field."""
    with pytest.raises(InvalidInput, match=r"^Visitor: email"):
        Visitor(email=wrong)


def test_only_identity_fields_are_asked_for_their_values() -> None:
    """A misspelt field is an error that lists the right ones, not an empty answer."""
    with pytest.raises(InvalidInput, match="no identity field; those are email, phone, "):
        Visitor().given("e_mail")


# --- the seal ------------------------------------------------------------------------------------------------------


@given(identities, st.dictionaries(st.sampled_from(IDENTITY_FIELDS), st.lists(rules, max_size=3)))
def test_a_sealed_visitor_says_what_the_plain_one_said(fields: dict[str, Any], wanted: dict[str, list[Rule]]) -> None:
    """For any rules, a platform reads the same values from the seal as from the visitor himself."""
    plain = Visitor(**fields, phone_region="GB")
    sealed = plain.seal(wanted)
    for field, asked in wanted.items():
        for rule in asked:
            assert sealed.values(field, rule) == plain.values(field, rule)
        assert sealed.has(field) == plain.has(field)
    assert sealed.seal(wanted) is sealed


def test_the_seal_holds_no_identity() -> None:
    """What rests in a row are digests and the raw signals the platforms ask for, nothing that names a person."""
    named = [field for field in IDENTITY_FIELDS if field != "phone"]
    ada = of(**{field: f"{MARKER}@{field}.example" for field in named}, phone="+44 20 7183 8750", user_agent="agent")
    sealed = ada.seal(dict.fromkeys(IDENTITY_FIELDS, (LOWER,)))
    assert len(sealed.sealed) == len(IDENTITY_FIELDS)
    record = encode(sealed.to_record())
    assert MARKER.encode() not in record
    assert b"7183" not in record


@given(visitors(), st.dictionaries(st.sampled_from(IDENTITY_FIELDS), st.lists(rules, max_size=2)))
def test_a_sealed_visitor_comes_back_from_the_store_as_he_went(visitor: Visitor, wanted: dict[str, list[Rule]]) -> None:
    """The record is plain JSON, and what is read back is the same seal."""
    sealed = visitor.seal(wanted)
    assert SealedVisitor.from_record(json.loads(encode(sealed.to_record()))) == sealed
    assert pickle.loads(pickle.dumps(sealed)) == sealed
    assert SealedVisitor.from_record({}) == SealedVisitor({})


signals = st.dictionaries(st.sampled_from(["reddit", "snap", "pinterest"]), st.sampled_from(["1", "2"]))
seals = st.builds(
    SealedVisitor,
    st.dictionaries(st.sampled_from(["email/a", "email/b", "phone/a"]), st.sampled_from([("1",), ("2", "3")])),
    st.sampled_from([None, "one", "two"]),
    st.sampled_from([None, (1, 2), (3, 4)]),
    signals,
    signals,
)


@given(seals, seals)
def test_filling_keeps_what_is_there(first: SealedVisitor, second: SealedVisitor) -> None:
    """A second report adds what the first one lacked and changes nothing that it had."""
    filled = first.filled_from(second)
    for mapping in ("sealed", "click_ids", "browser_ids"):
        assert getattr(filled, mapping) == {**getattr(second, mapping), **getattr(first, mapping)}
    assert filled.user_agent == (first.user_agent or second.user_agent)
    assert filled.screen == (first.screen or second.screen)
    assert filled.filled_from(second) == filled
    assert first.filled_from(SealedVisitor({})) == first


# --- frozen and silent ---------------------------------------------------------------------------------------------


@given(visitors())
def test_a_visitor_stays_as_he_was_made(visitor: Visitor) -> None:
    """A visitor cannot be changed, and copies and pickles of him are equal to him."""
    with pytest.raises(AttributeError, match=r"^Visitor\.email cannot be changed"):
        visitor.email = MARKER
    for twin in (copy.copy(visitor), copy.deepcopy(visitor), pickle.loads(pickle.dumps(visitor))):
        assert twin == visitor
        assert hash(twin) == hash(visitor)


def test_what_the_caller_changes_later_changes_no_visitor() -> None:
    """Lists and mappings are copied, and empty signals are none."""
    mails, clicks = ["a@example.com"], {"reddit": "r1", "snap": ""}
    visitor = Visitor(email=mails, click_ids=clicks)
    mails.append("b@example.com")
    clicks["reddit"] = "r2"
    assert visitor.given("email") == ("a@example.com",)
    assert visitor.click_ids == {"reddit": "r1"}
    with pytest.raises(TypeError):
        visitor.click_ids["reddit"] = "r2"  # type: ignore[index]


@pytest.mark.parametrize("show", [repr, str, "{}".format, pretty_repr], ids=["repr", "str", "format", "rich"])
def test_nothing_of_a_person_is_shown(show: Callable[[object], str], caplog: pytest.LogCaptureFixture) -> None:
    """No printing of a visitor, sealed or not, or of his conversion, shows more than which fields there are."""
    identity = dict.fromkeys(IDENTITY_FIELDS, f"{MARKER}@example.com")
    ada = of(**identity, user_agent=MARKER, click_ids={"reddit": MARKER}, browser_ids={"snap": MARKER})
    sealed = ada.seal({"email": (RAW,), "city": (LOWER,)})
    conversion = Conversion(event=purchase(), id="1", occurred_at=NOW, visitor=ada)
    with caplog.at_level(logging.INFO):
        logging.getLogger("shop").info("%s", ada)
    for said in (show(ada), show(sealed), show(conversion), show([ada, {"who": ada}]), caplog.text):
        assert MARKER not in said
        assert "email" in said
        assert digest(f"{MARKER}@example.com") not in said


wrongs = st.sampled_from(
    [[[MARKER]], {MARKER: MARKER}, f"{MARKER}\ud800", (MARKER, MARKER, MARKER), [f"{MARKER}\ud800"], object()]
)


@given(st.sampled_from(sorted(Visitor.model_fields)), wrongs)
def test_an_error_never_quotes_what_it_was_given(field: str, wrong: Any) -> None:
    """Whatever of a visitor is wrong, the message names the field and not the value."""
    if field in IDENTITY_FIELDS and isinstance(wrong, tuple):
        return
    if field in ("click_ids", "browser_ids") and isinstance(wrong, dict):
        return
    with pytest.raises(InvalidInput) as refused:
        Visitor(**{field: wrong})
    assert f"Visitor: {field}" in str(refused.value)
    assert MARKER not in f"{refused.value!r} {refused.value.problems}"


@pytest.mark.parametrize("wrong", [(0, 1), (1920,), (40000, 1), (1, -1), "1920x1080", ("wide", "high")])
def test_a_screen_is_its_width_and_height_in_pixels(wrong: Any) -> None:
    """What cannot be a screen is refused."""
    assert Visitor(screen=(1920, 1080)).screen == (1920, 1080)
    with pytest.raises(InvalidInput, match=r"^Visitor: screen"):
        Visitor(screen=wrong)


@given(st.one_of(st.ip_addresses(), st.ip_addresses(v=6, network="::ffff:0:0/96")))
def test_an_address_has_one_form_however_it_is_written(address: IPv4Address | IPv6Address) -> None:
    """IPv4, IPv6 long or short, and IPv4 mapped into IPv6 become the one text that the standard library gives them."""
    plain = getattr(address, "ipv4_mapped", None) or address
    expected = None if plain.is_unspecified else str(plain)
    for written in (str(address), address.exploded.upper(), f" {address.exploded}\t"):
        assert ip_canonical(written) == expected


@given(st.one_of(st.text(max_size=20), st.from_regex(r"([0-9]{1,4}\.){3}[0-9]{1,4}", fullmatch=True)))
def test_what_the_standard_library_calls_no_address_is_none(text: str) -> None:
    """Text is an address exactly where Python reads one, leading zeros, other scripts' digits and ranges included, or
    where it does without the port."""
    try:
        known = not ip_address(bare(text.strip())).is_unspecified
    except ValueError:
        known = False
    assert (ip_canonical(text) is not None) == known
