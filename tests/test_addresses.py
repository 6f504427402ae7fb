"""Addresses: a visitor's own one is told as it is, one from within a network is nobody's."""

from __future__ import annotations

from datetime import datetime, timezone
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.normalising.addresses import public_address
from pixeltwin.normalising.normal import ip_canonical
from pixeltwin.pages.flood import Flood

PUBLIC = ["203.0.113.7", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2001:db8::1", "2A00:1450:4001:0830::200E"]
INNER = [
    *("127.0.0.1", "127.1.2.3", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.1.1", "fe80::1", "fe80::1%eth0", "fd12:3456::1", "fc00::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_told_as_it_came(address: str) -> None:
    """IPv4 and IPv6 are passed on letter by letter."""
    assert public_address(address) == address


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_left_out(address: str) -> None:
    """A private, loopback or link-local address says where a proxy stands, and nothing of the visitor."""
    assert public_address(address) is None


@pytest.mark.parametrize(
    "text", [None, "", "unix:", "203.0.113.7:https", "[]:443", "shop.example:443", "1.2.3", "1.2.3.256", "٣.1.1.1"]
)
def test_what_is_no_address_is_left_out(text: str | None) -> None:
    """A socket's name or a host name is no address."""
    assert public_address(text) is None


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_proxy_that_appends_the_port_hides_no_address(address: IPv4Address | IPv6Address, port: int) -> None:
    """With a port, and IPv6 in brackets, it is judged, told and counted as the address alone."""
    text = str(address)
    host = f"[{text}]" if address.version == 6 else text
    flood, now = Flood(), datetime(2026, 8, 20, tzinfo=timezone.utc)
    for written in (text, f"{host}:{port}", *([host] if address.version == 6 else [])):
        assert public_address(written) == public_address(text)
        assert ip_canonical(written) == ip_canonical(text)
        flood.takes(written, now)
    assert len(flood) == 1


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_inner_or_public(address: IPv4Address) -> None:
    """The blocks that are kept for inner networks are told from all others exactly."""
    inner = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")
    beyond = ("0.0.0.0/8", "224.0.0.0/3")
    is_inner = any(address in IPv4Network(block) for block in (*inner, *beyond))
    assert (public_address(str(address)) is None) == is_inner


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_judged_by_what_is_in_it(address: IPv4Address) -> None:
    """A server that listens on IPv6 sees the same visitors as public."""
    mapped = f"::ffff:{address}"
    assert (public_address(mapped) is None) == (public_address(str(address)) is None)
