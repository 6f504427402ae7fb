"""Phone numbers to E.164, through the phonenumbers library; it is imported when the first number needs it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

# Taken as they are: numbers in form already, under country codes whose numbering plan has no prefix to take off but a
# leading zero (libphonenumber 9's tables, 2026). The library knows the others: Russia's 8, Madagascar's area code …
_CLEAN = re.compile(
    r"\+(?:1[2-9][0-9]{9}|44[2-9][0-9]{6,11}"
    r"|(?:2[07]|3[0-49]|4[0135-9]|5[1-368]|6[02-6]|84|9[0-58])[1-9][0-9]{6,12})"
)
_BRACKETED_ZERO = re.compile(r"\(\s*0\s*\)")
_EXTENSION = re.compile(r"\s*(?:;ext=|ext\b|extn\b|x|anexo|#|poste|int\b).*$", re.IGNORECASE | re.DOTALL)


def e164(number: str, region: str | None = None) -> str | None:
    """`+<country><number>`, or None when the country cannot be known or it is no number.

    `region` (ISO 3166-1 alpha-2) is assumed for a number without a country code. A number that carries its country
    code is taken even where the library thinks it impossible: numbering plans change faster than its tables.
    Extensions are dropped, and so is a bracketed zero ("+44 (0)20 …", dialled only inside the country) where it does
    not belong to the number, as it does in Italy. A leading 00 is a plus.

    Many shops keep the form that Snap and Pinterest publish: the country code and no plus. Digits that begin with the
    code of `region` are read so where that makes a mobile or fixed-line number, unless the region dials no prefix
    (Italy) and they are a number without their code. What is also a national number that lacks its prefix, as
    "4915123456789" in Leer, is far more often the number with its code: so it is among the library's examples.
    """
    if _CLEAN.fullmatch(number):
        return number
    phonenumbers: Any = import_module("phonenumbers")

    text = _EXTENSION.sub("", number).strip()
    if text.startswith("00"):
        text = "+" + text[2:]
    parsed = _read(phonenumbers, text, region)
    if _BRACKETED_ZERO.search(text) and not (parsed and phonenumbers.is_valid_number(parsed)):
        parsed = _read(phonenumbers, _BRACKETED_ZERO.sub(" ", text), region)
    if parsed is None or not (text.startswith("+") or phonenumbers.is_possible_number(parsed)):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _read(phonenumbers: Any, text: str, region: str | None) -> Any:
    """A number in full or of the region; None when it is neither."""
    parsed = _parsed(phonenumbers, text, region)
    if region is None or parsed is None or text.startswith("+"):
        return parsed
    begins_with_code = phonenumbers.normalize_digits_only(text).startswith(str(parsed.country_code))
    if not begins_with_code or not phonenumbers.ndd_prefix_for_region(region.upper(), True):
        return parsed  # where no prefix is dialled, digits that are a number without their code are that number
    full = _parsed(phonenumbers, f"+{text}", None)
    kinds = phonenumbers.PhoneNumberType
    usual = (kinds.FIXED_LINE, kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE)
    return full if full and phonenumbers.number_type(full) in usual else parsed


def _parsed(phonenumbers: Any, text: str, region: str | None) -> Any:
    """The library's reading of a number, or None."""
    try:
        return phonenumbers.parse(text, region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
