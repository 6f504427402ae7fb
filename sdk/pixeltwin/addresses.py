"""Whose address it is: only one that a visitor has in the public internet says anything of him."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Where requests come from that a proxy passed on without saying for whom: RFC 1918, 6598 (carriers' and clouds' inner
# networks) and 4193.
_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_INNER = tuple(ip_network(one) for one in _RANGES)


def public_address(text: str | None) -> str | None:
    """The address as it is; None for a private, loopback or link-local one, and for what is no address."""
    if not text:
        return None
    try:
        address = ip_address(text)
    except ValueError:  # a Unix socket, or an address with its port
        return None
    return None if _is_inner(address) else text


def _is_inner(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped:
        return _is_inner(mapped)
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return True
    return any(address in network for network in _INNER if network.version == address.version)
