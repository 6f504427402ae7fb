"""The core segment of an IAB Europe TC string (version 2), decoded strictly.

Layout: IAB Tech Lab, "Transparency and Consent String with Global Vendor & CMP List Formats", v2.2 of 2023-05, "The
Core String". Base64url, most significant bit first; further segments follow after dots and are not needed here.
No decoder for Python is kept up (the newest releases are of 2022 and 2024), so this one is small and refuses what it
does not understand.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

VERSION = 2
PURPOSES = 24  # bits
# created, updated, CMP, its version, screen, language, vendor list, policy, two flags, special features
_BEFORE_PURPOSES = sum((36, 36, 12, 12, 6, 12, 12, 6, 1, 1, 12))
_AFTER_PURPOSES = sum((24, 1, 12))  # legitimate interests, purpose one treatment, the publisher's country
_ALLOWED_BY_CONSENT = 1  # the restriction type that requires consent, which is what is asked for anyway


class NotATCString(ValueError):
    """The text is no TC string of version 2."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """A set of vendor ids as it was written, a bit each (`field`, the last one's is the lowest) or as ranges: whoever
    wrote it may name 65,535 of them, and few are asked for."""

    highest: int
    field: int = 0
    ranges: tuple[tuple[int, int], ...] = ()

    def __contains__(self, vendor: int) -> bool:
        if self.ranges:
            return any(first <= vendor <= last for first, last in self.ranges)
        return 1 <= vendor <= self.highest and bool(self.field >> (self.highest - vendor) & 1)


@dataclass(frozen=True, slots=True)
class TCString:
    """What a visitor said: the purposes and the vendors he consented to, and what the publisher forbids: purposes, and
    for which vendors."""

    purposes: frozenset[int]
    vendors: Vendors
    forbidden: tuple[tuple[int, Vendors], ...]

    def consents(self, purpose: int, vendor: int) -> bool:
        """Whether this vendor may act for this purpose on the ground of consent."""
        return purpose in self.purposes and vendor in self.vendors and not self._forbids(purpose, vendor)

    def _forbids(self, purpose: int, vendor: int) -> bool:
        return any(purpose == one and vendor in vendors for one, vendors in self.forbidden)


def decode(text: str) -> TCString:
    """`NotATCString` when the text is none."""
    bits = _Bits(text.partition(".")[0])
    if bits.number(6) != VERSION:
        raise NotATCString("not of version 2")
    bits.number(_BEFORE_PURPOSES)
    asked = bits.number(PURPOSES)
    purposes = frozenset(number for number in range(1, PURPOSES + 1) if asked >> (PURPOSES - number) & 1)
    bits.number(_AFTER_PURPOSES)
    vendors = _vendors(bits)
    _vendors(bits)  # legitimate interests
    return TCString(purposes, vendors, _restrictions(bits))


class _Bits:
    """Numbers read one after the other; each costs as much as it is wide, however long the text is."""

    def __init__(self, text: str) -> None:
        try:
            self._data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotATCString("not base64url") from None
        self._at = 0

    def number(self, width: int) -> int:
        first = self._at // 8
        self._at += width
        last = (self._at + 7) // 8
        if last > len(self._data):
            raise NotATCString("it ends too early")
        whole = int.from_bytes(self._data[first:last], "big")
        return whole >> (last * 8 - self._at) & ((1 << width) - 1)


def _vendors(bits: _Bits) -> Vendors:
    """A section of vendors: one bit each, or ranges."""
    highest = bits.number(16)
    if bits.number(1):
        return _ranges(bits, highest)
    return Vendors(highest, field=bits.number(highest))


def _ranges(bits: _Bits, highest: int) -> Vendors:
    found: list[tuple[int, int]] = []
    for _ in range(bits.number(12)):
        several = bits.number(1)
        first = bits.number(16)
        last = bits.number(16) if several else first
        if not 1 <= first <= last <= highest:
            raise NotATCString("a range of vendors that cannot be")
        found.append((first, last))
    return Vendors(highest, ranges=tuple(found))


def _restrictions(bits: _Bits) -> tuple[tuple[int, Vendors], ...]:
    found: list[tuple[int, Vendors]] = []
    for _ in range(bits.number(12)):
        purpose, kind = bits.number(6), bits.number(2)
        vendors = _ranges(bits, highest=0xFFFF)
        if kind != _ALLOWED_BY_CONSENT:
            found.append((purpose, vendors))
    return tuple(found)
