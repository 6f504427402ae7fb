"""Consent sources: what a banner's cookie says, read strictly; absent is pending, unreadable is denied, GPC lowers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent
from pixeltwin.consent_sources import ConsentSource, Cookiebot, GpcMeaning, OneTrust, Tcf, lowered_by_gpc
from pixeltwin.consent_sources.tcstring import NotATCString, decode
from tests.samples import platforms
from tests.test_consent import consents

PIXELS = platforms()
ANSWERED = "2026-08-20T11:59:00.000Z"
VENDORS = {"reddit": 300, "snap": 301, "pinterest": 900}
RISING = ["denied", "pending", "limited", "granted"]

# Written by the reference encoder, @iabtcf/core 1.5.6: for vendors 300-302 and 1200; 2, 7-9, 12 and 900; 2, 9 and 300.
FOUR_PURPOSES_FOUR_VENDORS = "CQuFeUAQuFeUAEsABAENDSEgALIAAAAAAAYgJYQAoCWAJcBLAAAAAAAA.YAAAAAAAAAAA"
FIVE_PURPOSES_SIX_VENDORS = "CQuFeUAQuFeUAEsABAENDSEgAPIAAAAAAAYgHCQBAABQAHAAkABgDhAAAAAA.YAAAAAAAAAAA"
PURPOSE_3_NOT_FOR_300 = "CQuFeUAQuFeUAEsABAENDSEgAPIAAAAAAAYgCWQAwABAAJAJYAAAAIeABAASGAAgEsAA.YAAAAAAAAAAA"
# From the documentation of IAB Tech Lab's framework: purposes 1 to 3, vendors 2, 6 and 8 as a bit field.
DOCUMENTED = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBA"


def onetrust(groups: str, more: str = "", answered: str = ANSWERED) -> dict[str, str]:
    whole = f"isGpcEnabled=0&datestamp=Thu+Aug+20+2026&version=202607.1.0&groups={groups}{more}&AwaitingReconsent=false"
    return {"OptanonConsent": whole, "OptanonAlertBoxClosed": answered}


def cookiebot(marketing: str, stamp: str = "abc==") -> dict[str, str]:
    said = f"{{stamp:%27{stamp}%27%2Cnecessary:true%2Cpreferences:false%2Cstatistics:true%2Cmarketing:{marketing}"
    return {"CookieConsent": f"{said}%2Cmethod:%27explicit%27%2Cver:1%2Cutc:1740000000000%2Cregion:%27de%27}}"}


# --- one answer for all platforms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "state"),
    [
        ("C0001%3A1%2CC0004%3A1", "granted"),
        ("C0001:1,C0002:1,C0004:0", "denied"),
        ("C0001%3A1%2CC0002%3A1", "denied"),
        ("C0001%3A1%2CC00041%3A1", "denied"),
        ("C0004", "denied"),
        ("", "denied"),
    ],
)
def test_onetrust_is_read_by_the_group_of_advertising(groups: str, state: str) -> None:
    """Only a targeting group that is on grants anything; a group that is not listed is off."""
    assert OneTrust().read(onetrust(groups)).default == state


def test_a_site_may_have_its_own_group_for_advertising() -> None:
    """OneTrust lets a site number its groups as it likes, so which one counts is a setting."""
    cookies = onetrust("C0004%3A0%2CBG12%3A1")
    assert OneTrust("BG12").read(cookies).default == "granted"
    assert OneTrust().read(cookies).default == "denied"


def test_the_defaults_onetrust_writes_before_an_answer_are_none() -> None:
    """While the box was not closed the groups are the site's defaults, and the visitor is still to be asked."""
    assert OneTrust().read(onetrust("C0004%3A1", answered="")).default == "pending"
    assert OneTrust().read({}).default == "pending"


def test_onetrust_knows_where_limited_use_would_apply() -> None:
    """The place OneTrust found is kept, so that a limited consent can say for which state it is."""
    granted = OneTrust().read(onetrust("C0004%3A1", "&geolocation=US%3BCA"))
    assert (granted.country, granted.state) == ("US", "CA")
    abroad = OneTrust().read(onetrust("C0004%3A1", "&geolocation=GB%3BENG"))
    assert (abroad.country, abroad.state) == ("GB", None)


@pytest.mark.parametrize(
    ("cookies", "state"),
    [
        (cookiebot("true"), "granted"),
        (cookiebot("false"), "denied"),
        (cookiebot("false", stamp="x,marketing:true,"), "denied"),
        ({"CookieConsent": "-1"}, "granted"),
        ({"CookieConsent": "0"}, "denied"),
        ({"CookieConsent": "marketing:true"}, "denied"),
        ({"CookieConsent": "{marketing:true"}, "denied"),
        ({}, "pending"),
    ],
)
def test_cookiebot_is_read_by_its_marketing_category(cookies: dict[str, str], state: str) -> None:
    """Marketing must be on in a cookie of the documented shape; -1 means that no consent is required there."""
    assert Cookiebot().read(cookies).default == state


# --- vendor by vendor -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "purposes", "vendors"),
    [
        (DOCUMENTED, {1, 2, 3}, {2, 6, 8}),
        (FOUR_PURPOSES_FOUR_VENDORS, {1, 3, 4, 7}, {300, 301, 302, 1200}),
        (FIVE_PURPOSES_SIX_VENDORS, {1, 2, 3, 4, 7}, {2, 7, 8, 9, 12, 900}),
        ("CO5VTlWO5VTlWH1AAAENAwCwAIAAAAAAAIAAAAoAAAAA.YAAAAAAAAAA", {1}, {1}),
        ("COwxsONOwxsONKpAAAENAdCAAMAAAAAAAAAAAAAAAAAA", {1, 2}, set()),
    ],
)
def test_published_tc_strings_are_decoded(text: str, purposes: set[int], vendors: set[int]) -> None:
    """Strings that others published or encoded give the purposes and vendors that they give."""
    said = decode(text)
    assert said.purposes == purposes
    assert {vendor for vendor in range(2000) if vendor in said.vendors} == vendors


def test_what_the_publisher_forbids_a_vendor_is_no_consent() -> None:
    """A purpose that the site restricts for a vendor is not his, whatever the visitor said."""
    said = decode(PURPOSE_3_NOT_FOR_300)
    assert not said.consents(3, 300)
    assert said.consents(3, 9) and said.consents(1, 300)


def packed(*numbers: tuple[int, int]) -> str:
    """Numbers with their widths, as the base64url of their bits."""
    bits = "".join(format(number, f"0{width}b") for number, width in numbers)
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def written(purposes: set[int], ranges: Sequence[tuple[int, int]], version: int = 2) -> str:
    """A TC string with these purposes and ranges of vendors, after the published layout."""
    vendors = [(max((last for _, last in ranges), default=0), 16), (1, 1), (len(ranges), 12)]
    for first, last in ranges:
        vendors += [(1, 1), (first, 16), (last, 16)] if last > first else [(0, 1), (first, 16)]
    return laid_out(purposes, vendors, version)


def with_field(vendors: set[int], highest: int) -> str:
    """A TC string with all purposes and these vendors, a bit for each up to the highest."""
    field = [(int(vendor in vendors), 1) for vendor in range(1, highest + 1)]
    return laid_out(set(range(1, 25)), [(highest, 16), (0, 1), *field])


def laid_out(purposes: set[int], vendors: list[tuple[int, int]], version: int = 2) -> str:
    head = [(version, 6), *((0, width) for width in (36, 36, 12, 12, 6, 12, 12, 6, 1, 1, 12))]
    asked = [(int(number in purposes), 1) for number in range(1, 25)]
    nobody = [(0, 16), (0, 1)]
    return packed(*head, *asked, (0, 24), (0, 1), (0, 12), *vendors, *nobody, (0, 12))


ranges = st.lists(st.tuples(st.integers(1, 0xFFFF), st.integers(0, 50)), max_size=5).map(
    lambda pairs: [(first, min(first + more, 0xFFFF)) for first, more in pairs]
)


@given(st.sets(st.integers(1, 24)), ranges, st.integers(1, 0xFFFF))
def test_every_tc_string_is_decoded_as_it_was_written(
    purposes: set[int], named: list[tuple[int, int]], anybody: int
) -> None:
    """Whatever purposes and ranges were encoded, these and no others are allowed."""
    said = decode(written(purposes, named))
    assert said.purposes == purposes
    for vendor in [anybody, *(one for pair in named for one in pair)]:
        assert (vendor in said.vendors) == any(first <= vendor <= last for first, last in named)


@given(st.sets(st.integers(1, 300)), st.integers(0, 300))
def test_a_field_of_vendors_is_decoded_as_it_was_written(vendors: set[int], highest: int) -> None:
    """Where each vendor has a bit, those whose bit is set are allowed, and nobody above the highest."""
    said = decode(with_field(vendors, highest))
    assert [vendor for vendor in range(400) if vendor in said.vendors] == sorted(
        vendor for vendor in vendors if vendor <= highest
    )


def test_a_long_tc_string_costs_a_page_hardly_more_than_a_usual_one() -> None:
    """Anybody may send a cookie that names tens of thousands of vendors: it is read without looking at each of them."""
    usual, long = ({"euconsent-v2": with_field(set(range(highest)), highest)} for highest in (1_000, 48_000))

    def seconds(cookies: dict[str, str]) -> float:
        return min(repeat(lambda: Tcf(VENDORS).read(cookies, PIXELS), number=5, repeat=5))

    assert seconds(long) < 25 * seconds(usual)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "C",
        "not base64!",
        DOCUMENTED[:30],
        written({1}, [], version=1),
        written({1}, [], version=3),
        "é",
        packed((2, 6), (0, 207), (5, 16), (1, 1), (1, 12), (1, 1), (9, 16), (3, 16), (0, 29)),
    ],
)
def test_what_is_no_tc_string_is_refused(text: str) -> None:
    """A cut, foreign or contradictory string is an error, never half an answer."""
    with pytest.raises(NotATCString):
        decode(text)


def test_each_platform_needs_its_own_vendor_and_all_its_purposes() -> None:
    """In a TC string consent is given to a vendor for a purpose, and one without the other allows nothing."""
    source = Tcf(VENDORS)

    def states(text: str) -> dict[str, str]:
        consent = source.read({"euconsent-v2": text}, PIXELS)
        return {platform.name: platform.state(consent) for platform in PIXELS}

    assert states(FOUR_PURPOSES_FOUR_VENDORS) == {"reddit": "granted", "snap": "granted", "pinterest": "denied"}
    assert states(FIVE_PURPOSES_SIX_VENDORS) == {"reddit": "denied", "snap": "denied", "pinterest": "granted"}
    assert set(states(PURPOSE_3_NOT_FOR_300).values()) == {"denied"}
    assert set(states(written({1, 3, 4}, [(1, 2000)])).values()) == {"denied"}


def test_a_platform_that_is_not_on_the_list_is_denied_and_the_site_told_so() -> None:
    """Without a vendor id a TC string says nothing of a platform, unless the site lets the purposes count."""
    said = {"euconsent-v2": FOUR_PURPOSES_FOUR_VENDORS}
    some = Tcf({"reddit": 300})
    assert some.read(said, PIXELS).platforms == {"reddit": "granted", "snap": "denied", "pinterest": "denied"}
    assert [advice.partition(" ")[0] for advice in some.advice(PIXELS)] == ["Snap", "Pinterest"]
    lenient = Tcf(unlisted="purposes")
    assert set(lenient.read(said, PIXELS).platforms.values()) == {"granted"}
    assert set(lenient.read({"euconsent-v2": DOCUMENTED}, PIXELS).platforms.values()) == {"denied"}
    assert lenient.advice(PIXELS) == []


def test_without_a_tc_string_the_visitor_is_still_to_be_asked() -> None:
    """An absent cookie is pending, an unreadable one denied."""
    assert Tcf(VENDORS).read({}, PIXELS) == Consent.pending()
    assert Tcf(VENDORS).read({"euconsent-v2": "rubbish"}, PIXELS) == Consent.denied()


# --- any cookie -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "cookie"),
    [(OneTrust(), "OptanonConsent"), (Cookiebot(), "CookieConsent"), (Tcf(VENDORS), "euconsent-v2")],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
@given(text=st.text(min_size=1, max_size=80))
def test_no_cookie_whatever_is_in_it_breaks_a_page(source: ConsentSource, cookie: str, text: str) -> None:
    """What nobody understands is denied for everybody, and nothing raises."""
    consent = source.read({cookie: text, "OptanonAlertBoxClosed": ANSWERED}, PIXELS)
    assert all(platform.state(consent) == "denied" for platform in PIXELS)


# --- Global Privacy Control -----------------------------------------------------------------------------------------


@given(consents, st.sampled_from(["limited", "denied"]))
def test_global_privacy_control_only_ever_lowers(consent: Consent, meaning: GpcMeaning) -> None:
    """With the header no platform is allowed more than before, nor more than the site says that the header means."""
    lowered = lowered_by_gpc(consent, {"sec-gpc": "1"}, meaning)
    for platform in PIXELS:
        before, after = platform.state(consent), platform.state(lowered)
        assert after == min(before, meaning, key=RISING.index)
    assert (lowered.country, lowered.state) == (consent.country, consent.state)


@pytest.mark.parametrize("headers", [{}, {"sec-gpc": "0"}, {"sec-gpc": ""}, {"sec-gpc": "true"}, {"dnt": "1"}])
def test_only_the_header_as_it_is_specified_counts(headers: dict[str, str]) -> None:
    """No header, and any other value of it, says nothing."""
    assert lowered_by_gpc(Consent.granted(), headers, "denied") == Consent.granted()
    assert lowered_by_gpc(Consent.granted(), {"sec-gpc": "1"}, "ignore") == Consent.granted()
