"""Phone numbers: every spelling of a number becomes the one form the platforms hash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixeltwin import Visitor
from pixeltwin.normalising.normal import phone_digits, phone_plus
from pixeltwin.normalising.phones import e164
from pixeltwin.visitor import Rule, sha256
from tests.thoroughness import examples

phonenumbers: Any = import_module("phonenumbers")

PLUS = Rule("phone+", phone_plus)
DIGITS = Rule("phone", phone_digits)


def by_the_library(number: str) -> str | None:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        # Reddit, Conversions API v3 reference, and the clean-up rules of its Segment destination
        ("+15554441234", "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"),
        ("+1 (555) 444-1234", "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"),
        ("+44 20 7183 8750", "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"),
        ("+44 (0)20 7183 8750", "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"),
        ("0044 20 7183 8750", "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"),
        ("+49 30 901820 poste 12", "4db5829924ee5c466cbd9ac69b2a6af527f758614fa3b3aec8c89b16a709a678"),
    ],
)
def test_the_plus_form_has_the_published_digest(spelling: str, expected: str) -> None:
    """E.164 with its plus, hashed, is what Reddit publishes for these numbers."""
    assert Visitor(phone=spelling).values("phone", PLUS) == (expected,)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        # Snap, Conversions API documentation, and the tests of its business SDK
        ("+44 844 412 4653", "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"),
        ("0044-447-234-2344", "19f25a18866af88fc60189c3af85010a0b971cf976053787fe21e004538c20a0"),
        ("+44-0447-234-2344", "19f25a18866af88fc60189c3af85010a0b971cf976053787fe21e004538c20a0"),
        ("+1-(447) 234 2344", "34053b331d29734f081bf74160cd33bc2f621b3b6f8ec991500bebf49f14e014"),
        # Digits only, country code first, no leading zeros: Pinterest, API for Conversions v5
        ("+1 (415) 555-2671", "758fbf68945f21c416814c539ab578876c8d98fb69e6da692def92cd52417fe0"),
        ("0044 7700 900123", "033134b911b137918338415ee3d20a064b24773d36a3b02e8b99fdd3fcd6b4cd"),
    ],
)
def test_the_digits_form_has_the_published_digest(spelling: str, expected: str) -> None:
    """E.164 without its plus, hashed, is what Snap and Pinterest publish for these numbers."""
    assert Visitor(phone=spelling).values("phone", DIGITS) == (expected,)


@pytest.mark.parametrize(
    "extension",
    [
        " x99",
        "x99",
        " ext. 99",
        " ext 99",
        " extn 99",
        " extension 99",
        ";ext=99",
        " #99",
        " anexo 99",
        " poste 99",
        " int. 99",
    ],
)
def test_an_extension_is_not_part_of_the_number(extension: str) -> None:
    """Whatever marks an extension, it and what follows are dropped."""
    assert e164(f"+1 555 444 1234{extension}") == "+15554441234"
    assert e164(f"1-555-444-1234{extension}", "US") == "+15554441234"


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("+39 06 698 12345", "+390669812345"),  # an Italian number keeps its zero
        ("+390669812345", "+390669812345"),
        ("+4402071838750", "+442071838750"),  # a British one loses it
        ("0041 ( 0 ) 44 668 18 00", "+41446681800"),
        ("+34 (0)912 345 678", "+34912345678"),  # some write one where there is none to dial
        ("+39 (0)6 698 12345", "+390669812345"),  # and some where it belongs
        ("tel:+1-415-555-2671", "+14155552671"),
        ("+1 800 FLOWERS", "+18003569377"),
        ("٠٠٤٤ ٢٠ ٧١٨٣ ٨٧٥٠", None),  # no plus and no 00 as we read it: a national number
        ("+7 8 495 123-45-67", "+74951234567"),
    ],
)
def test_the_prefix_of_a_country_is_the_librarys_business(spelling: str, expected: str | None) -> None:
    """A zero or another trunk prefix behind the country code goes where the country's plan says so."""
    assert e164(spelling) == expected


@pytest.mark.parametrize("number", ["+1 234", "+1 000 000 0000", "+442071838750123"])
def test_a_number_with_its_country_code_is_taken_even_where_it_seems_impossible(number: str) -> None:
    """Numbering plans change faster than anybody's tables."""
    assert e164(number) == number.replace(" ", "")


def test_a_national_number_needs_its_region() -> None:
    """Without a region nobody knows whose number it is: it is left out, never hashed as it is."""
    assert e164("020 7183 8750") is None
    assert e164("020 7183 8750", "GB") == e164("020 7183 8750", "gb") == "+442071838750"
    assert Visitor(phone="020 7183 8750").values("phone", PLUS) == ()
    assert Visitor(phone="020 7183 8750", phone_region="GB").values("phone", PLUS) == (sha256("+442071838750"),)


def examples_of_all_regions() -> Iterator[tuple[str, Any]]:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                yield region, number


def test_every_countrys_numbers_are_understood_however_they_are_kept() -> None:
    """With a plus, with 00, as digits with the country code or as they are dialled at home: it is the same number."""
    formats = phonenumbers.PhoneNumberFormat
    for region, number in examples_of_all_regions():
        full = phonenumbers.format_number(number, formats.E164)
        national, international = (
            phonenumbers.format_number(number, one) for one in (formats.NATIONAL, formats.INTERNATIONAL)
        )
        spellings = [full, f"00{full[1:]}", full[1:], international, international[1:], national]
        assert {e164(one, region) for one in spellings} == {full}, region


@pytest.mark.parametrize(
    ("digits", "region", "expected"),
    [
        ("4915123456789", "DE", "+4915123456789"),
        ("49 (0)151 23456789", "de", "+4915123456789"),
        ("04915 123456", "DE", "+494915123456"),  # its prefix says that 49 is the area's
        ("4930", "DE", "+494930"),  # nobody's number with the code taken off
        ("49180203902", "DE", "+4949180203902"),  # a service (0180) is no customer
        ("3907690831", "IT", "+393907690831"),  # a mobile number, as Italians write it
        ("390669812345", "IT", "+390669812345"),
        ("4915123456789", "FR", None),
    ],
)
def test_digits_are_read_with_the_country_code_where_that_is_their_likely_meaning(
    digits: str, region: str, expected: str | None
) -> None:
    """Digits that begin with the region's own code are the number in full, unless they are dialled so at home."""
    assert e164(digits, region) == expected


@pytest.mark.parametrize("region", [None, "US", "GB"])
@pytest.mark.parametrize(
    "wrong", ["", "+", "00", "N/A", "none", "+999 1234567", "+9991234567", "+44", "x99", "12", "1" * 30]
)
def test_what_is_no_number_has_no_form(wrong: str, region: str | None) -> None:
    """Words, unknown country codes and far too many digits are nothing, with or without a region."""
    assert e164(wrong, region) is None


two_digit_codes = st.integers(20, 99)
clean = st.builds(
    lambda code, number: f"+{code}{number}",
    st.sampled_from([1, 7, 44, 49, 33, 39, 52, 54, 86, 261, 375, 672, 993]) | two_digit_codes | st.integers(200, 999),
    st.text("0123456789", min_size=4, max_size=13),
)


@settings(max_examples=examples(2000))
@given(clean)
@example("+78001234567")
@example("+115553334444")
@example("+4402071838750")
@example("+44180020123456")
@example("+5491123456789")
@example("+86121209639377")
def test_a_clean_number_is_what_the_library_makes_of_it(number: str) -> None:
    """The short cut for numbers in form already never says anything else than the library."""
    assert e164(number) == by_the_library(number)


@given(st.text() | st.text("+0123456789 ()-x#e.", max_size=20), st.sampled_from([None, "US", "zz", "de", ""]))
def test_whatever_is_typed_is_a_number_in_form_or_nothing(typed: str, region: str | None) -> None:
    """No text raises, and what comes out is a plus and digits."""
    found = e164(typed, region)
    assert found is None or (found[0] == "+" and found[1:].isascii() and found[1:].isdigit())


def test_the_tables_are_loaded_by_the_first_number_that_needs_them() -> None:
    """A process that sees only numbers in form never pays for the library."""
    code = (
        "import sys; from pixeltwin.normalising.phones import e164;"
        "assert e164('+442071838750') and 'phonenumbers' not in sys.modules;"
        "assert e164('+44 20 7183 8750') and 'phonenumbers' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
