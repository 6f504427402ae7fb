"""Normal forms of identity: text in, the form that is hashed out, or None for what cannot be such a value.

Nothing here belongs to one platform; each platform's identity table names the functions its vendor documents. A value
without a normal form is left out, never hashed as it is.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from ipaddress import IPv6Address

from .addresses import bare
from .places import country, us_state

_ADDRESS = re.compile(r"[^@<>(),;:\"\\\[\]]+@[^@<>(),;:\"\\\[\]_.]+(?:\.[^@<>(),;:\"\\\[\]_.]+)+")
_E164 = re.compile(r"\+[1-9][0-9]{3,16}")
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")  # without leading zeros, which some read as octal
_ISO_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_ZIP_PLUS_4 = re.compile(r"([0-9]{5})-[0-9]{4}")
_GENDERS = {
    "m": "m",
    "male": "m",
    "man": "m",
    "f": "f",
    "female": "f",
    "woman": "f",
    "n": "n",
    "nonbinary": "n",
    "non-binary": "n",
    "non binary": "n",
}


def trimmed(value: str) -> str | None:
    """Without blanks at its ends, else as it is: for ids whose case means something."""
    return value.strip() or None


def lower_trim(value: str) -> str | None:
    """Trimmed, lower case, accents in one composed form (NFC): "Raphaël" is one name however it was typed."""
    text = value.strip().lower()
    return (text if text.isascii() else unicodedata.normalize("NFC", text)) or None


def without_punctuation(value: str) -> str | None:
    """Like `lower_trim`, without punctuation; letters of every script, digits and inner blanks stay."""
    text = lower_trim(value)
    if text is None or text.isalnum():
        return text
    kept = "".join(one for one in text if one.isspace() or unicodedata.category(one)[0] in "LMN")
    return " ".join(kept.split()) or None


def compact(value: str) -> str | None:
    """Like `without_punctuation`, and without any blank: "St. Louis" is "stlouis"."""
    text = without_punctuation(value)
    return "".join(text.split()) if text else None


def email_address(value: str) -> str | None:
    """Lower case without any whitespace; None unless it is one bare address with a domain ("A <a@b.c>" is not)."""
    text = "".join(value.split()).lower()
    return text if _ADDRESS.fullmatch(text) else None


def phone_plus(value: str) -> str | None:
    """An E.164 number with its plus; None for anything else. A visitor's phones are E.164 before a rule sees them."""
    return value if _E164.fullmatch(value) else None


def phone_digits(value: str) -> str | None:
    """An E.164 number as digits only, country code first."""
    return value[1:] if _E164.fullmatch(value) else None


def ip_canonical(value: str) -> str | None:
    """An IP address in its one canonical text form (RFC 5952 for IPv6); an IPv4 address mapped into IPv6 is the IPv4
    address. None when it is no address, or the unspecified one (0.0.0.0, ::). A port is left out."""
    text = bare(value.strip()) if ":" in value else value.strip()
    if ":" not in text:
        return text if _IPV4.fullmatch(text) and text != "0.0.0.0" else None
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    if address.ipv4_mapped:
        return ip_canonical(str(address.ipv4_mapped))
    if address.scope_id or address.is_unspecified:  # "fe80::1%eth0" means something on one machine only
        return None
    return str(address)


def country_code(value: str) -> str | None:
    """ISO 3166-1 alpha-2 in lower case, also of an alpha-3 code and of an English name ("Germany"); None for what is no
    country."""
    return country(value)


def state_code(value: str) -> str | None:
    """A two-letter state code in lower case, also of "US-CA" (ISO 3166-2) and of a US state's name ("California");
    None for other names and longer codes."""
    code = value.strip().lower()
    code = code[3:] if code[2:3] == "-" else code
    return code if len(code) == 2 and code.isascii() and code.isalpha() else us_state(code)


def postal_digits(value: str) -> str | None:
    """A postal code as digits only; of a US ZIP+4 the five that everybody knows. None for codes with letters: their
    digits alone say nothing."""
    text = value.strip()
    plus_4 = _ZIP_PLUS_4.fullmatch(text)
    digits = plus_4[1] if plus_4 else re.sub(r"[\s-]", "", text)
    return digits if digits.isascii() and digits.isdigit() else None


def postal_compact(value: str) -> str | None:
    """A postal code in lower case without blanks and dashes; of a US ZIP+4 the five that everybody knows."""
    plus_4 = _ZIP_PLUS_4.fullmatch(value.strip())
    return plus_4[1] if plus_4 else compact(value)


def gender_letter(value: str) -> str | None:
    """The letter m, f or n; None for what is not known to be one of these."""
    return _GENDERS.get(value.strip().lower())


def date_digits(value: str) -> str | None:
    """YYYYMMDD of an ISO date; None for other spellings, whose order of day and month cannot be known."""
    found = _ISO_DATE.fullmatch(value.strip())
    if not found:
        return None
    try:
        date(*map(int, found.groups()))
    except ValueError:
        return None
    return "".join(found.groups())
