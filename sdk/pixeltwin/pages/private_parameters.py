"""Which query parameters look like secrets or like personal data, by name or by value.

They are taken out of the address bar before a vendor's script reads it. It is a guess, made so that pages go on working
with the rest (`?page=2`); what pixeltwin itself sends is cleaned by a list of what may stay instead.
"""

from __future__ import annotations

import re
from itertools import pairwise

# Click ids and linkers of other platforms, which other tags on the page are waiting for.
_OTHERS = re.compile(r"\w*(clid|clkid|click_?id|braid|fat_id)|_g[al]", re.IGNORECASE)
# Anywhere in a name, whatever stands around it.
_PARTS = re.compile(
    r"token|secret|passw|session|sessid|signature|credential|apikey|authori[sz]|authent|mail|phone|mobile"
    r"|firstname|lastname|surname|fullname|username|birth|iban|creditcard"
)
# Only as a word of its own: "pin" is one, "pinboard" is not.
_WORDS = {
    *("auth", "csrf", "dob", "hmac", "jwt", "login", "nonce", "oauth", "otp", "pass", "pin"),
    *("pwd", "sess", "sid", "sig", "ssn", "tel", "user"),
}
_HINTS = {"code", "hash", "key", "ticket"}  # of a secret or of a coupon, a sort key: the value tells, be it short
_SPLIT = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")

_PERSONAL = re.compile(r"[^@\s]@[^@\s]|^[+\s]\d[\d\s()/-]{6,}$")  # an e-mail address; a phone number with its country
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_LONG_NUMBER = 15  # digits; a time in milliseconds has 13
_SHORT_SECRET = 8  # characters, under a name that hints at one
_SENT_CODE = re.compile(r"[0-9]{6,}")  # to sign in or to reset a password; a coupon has letters
_DIGEST = re.compile(rf"[0-9a-f]{{{_SHORT_SECRET},}}", re.IGNORECASE)


def looks_private(name: str, value: str) -> bool:
    """Whether this parameter is better not shown to anybody."""
    if _OTHERS.fullmatch(name):
        return False
    if _PARTS.search(re.sub(r"[^a-z]", "", name.lower())) or _PERSONAL.search(value) or looks_random(value):
        return True
    words = {word.lower() for word in _SPLIT.split(name)}
    return bool(words & _WORDS) or (bool(words & _HINTS) and _short_secret(words, _joined(value)))


def looks_random(value: str) -> bool:
    """Whether a value is long and nothing that a person would write: a token, a key, a session."""
    if _UUID.search(value) or any(_random_run(run) for run in _RUN.findall(value)):
        return True
    joined = _joined(value)
    return bool(_RUN.fullmatch(joined)) and _changes(joined) >= len(joined) // 3


def _short_secret(words: set[str], text: str) -> bool:
    """Whether this, under a name with one of the hints in it, is more likely a secret than anything else."""
    if ("code" in words and _SENT_CODE.fullmatch(text)) or ("hash" in words and _DIGEST.fullmatch(text)):
        return True
    return _mixed(text)


def _joined(value: str) -> str:
    return re.sub(r"[-_.~]", "", value)  # base64 for URLs has some of these within


def _mixed(text: str) -> bool:
    """Whether digits stand between letters as nobody would write them."""
    return len(text) >= _SHORT_SECRET and not text.isalpha() and _changes(text) >= len(text) // 3


def _random_run(run: str) -> bool:
    digits = sum(one.isdigit() for one in run)
    if digits == len(run):
        return digits >= _LONG_NUMBER
    return _changes(run) >= len(run) // 4


def _changes(text: str) -> int:
    """How often it goes from digits, capitals or small letters to another of these: names of things do so seldom,
    random text all the time."""
    kinds = ["0" if one.isdigit() else "A" if one.isupper() else "a" for one in text]
    return sum(one != other for one, other in pairwise(kinds))
