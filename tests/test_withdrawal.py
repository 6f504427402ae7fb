"""What a browser loses when consent is taken back: vendors' cookies, and pixels on a page that is still open."""

from __future__ import annotations

import pytest

from pixeltwin import Consent, Reddit
from pixeltwin.contract import Platform
from pixeltwin.pages.withdrawal import cleared, stopped
from pixeltwin.tracking.losses import Losses
from pixeltwin.web import Request
from tests.samples import platforms

THEIRS = {name: "1" for platform in platforms() for name in platform.own_cookies}


def asked(url: str = "https://shop.example/", **cookies: str) -> Request:
    return Request("GET", url, {}, cookies or THEIRS)


@pytest.mark.parametrize("platform", platforms(), ids=lambda platform: platform.kind)
def test_a_refused_platform_loses_its_own_cookies_and_no_others(platform: Platform) -> None:
    """Each platform names what its script sets, and a refusal of one touches nothing of the rest."""
    consent = Consent.granted(platforms={platform.kind: "denied"})
    found = cleared(platforms(), consent, asked())
    assert {cookie.name for cookie in found} == set(platform.own_cookies) != set()
    assert not any(cookie.value for cookie in found)


@pytest.mark.parametrize("state", ["granted", "limited", "pending"])
def test_nothing_is_cleared_before_a_refusal(state: str) -> None:
    """Who allows a platform something, or has not answered, keeps its cookies."""
    assert cleared(platforms(), Consent(state), asked()) == []  # type: ignore[arg-type]


def test_two_pixels_of_one_platform_share_their_cookies() -> None:
    """While one of them is allowed the platform's cookies stay."""
    pixels = [Reddit(pixel_id="a2_one"), Reddit(pixel_id="a2_two", name="second")]
    assert cleared(pixels, Consent.granted(platforms={"second": "denied"}), asked()) == []
    assert cleared(pixels, Consent.denied(), asked())


@pytest.mark.parametrize(
    ("url", "domains"),
    [
        ("https://www.eu.shop.example/a", [None, "www.eu.shop.example", "eu.shop.example", "shop.example"]),
        ("https://shop.example:8443/", [None, "shop.example"]),
        ("http://localhost/", [None]),
        ("http://127.0.0.1:5000/", [None]),
        ("http://[2001:db8::1]/", [None]),
    ],
)
def test_a_cookie_is_deleted_wherever_a_script_may_have_set_it(url: str, domains: list[str | None]) -> None:
    """For the host itself and for each domain above it, but never for a whole top-level domain."""
    assert [cookie.domain for cookie in cleared(platforms(), Consent.denied(), asked(url, _scid="1"))] == domains


def test_an_open_page_stops_the_pixels_that_are_refused() -> None:
    """Each refused pixel is named, with the calls its vendor documents for it and what undoes them; a pixel that is
    allowed is not."""
    said = stopped(platforms(), Consent.denied(platforms={"snap": "granted"}), fault=Losses().fault)
    stop, undo = ([["pintrk", ("setconsent", given)]] for given in (False, True))
    assert said == [["reddit", [], []], ["pinterest", stop, undo]]
