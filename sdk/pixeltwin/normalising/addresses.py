"""Whose address it is: only one that a visitor has in the public internet says anything of him."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_UNIQUE_LOCAL = 0xFC00 >> 9  # the first seven bits of fc00::/7 (RFC 4193)


def public_address(text: str | None) -> str | None:
    """The address as it is; None for a private, loopback or link-local one, and for what is no address."""
    if not text:
        return None
    plain = _IPV4.fullmatch(text)
    if plain:
        return text if _is_outside(*map(int, plain.groups())) else None
    try:
        address = IPv6Address(text)
    except ValueError:  # a Unix socket, or an address with its port
        return None
    if address.ipv4_mapped:
        return text if public_address(str(address.ipv4_mapped)) else None
    inner = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return None if inner or int(address) >> 121 == _UNIQUE_LOCAL else text


def on_this_machine(host: str) -> bool:
    """Whether a host is a name or address of the loopback interface."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_outside(first: int, second: int, third: int, fourth: int) -> bool:
    """Whether an IPv4 address is none of those that a proxy inside has: RFC 1918, RFC 6598 (carriers' and clouds' inner
    networks), loopback, link-local; nor this network, multicast or reserved."""
    if max(first, second, third, fourth) > 255 or first in (0, 10, 127) or first >= 224:
        return False
    blocks = {100: range(64, 128), 169: range(254, 255), 172: range(16, 32), 192: range(168, 169)}
    return second not in blocks.get(first, ())
