"""Whose address it is: only one that a visitor has in the public internet says anything of him."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
# What some proxies make of it, Azure's among them: "203.0.113.9:51234", "[2001:db8::9]:443".
_WITH_PORT = re.compile(r"(\d+(?:\.\d+){3}):\d+|\[([^\[\]]+)\](?::\d+)?", re.ASCII)
_UNIQUE_LOCAL = 0xFC00 >> 9  # the first seven bits of fc00::/7 (RFC 4193)


def bare(text: str) -> str:
    """An address without its port and brackets; what is none stays as it is."""
    found = _WITH_PORT.fullmatch(text)
    return found[1] or found[2] if found else text


def public_address(text: str | None) -> str | None:
    """The address as it is, but for a port; None for a private, loopback or link-local one, and for what is none."""
    if not text:
        return None
    plain = _IPV4.fullmatch(text)
    if plain:
        return text if _is_outside(*map(int, plain.groups())) else None
    if (without := bare(text)) != text:
        return public_address(without)
    try:
        address = IPv6Address(text)
    except ValueError:  # a Unix socket
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
