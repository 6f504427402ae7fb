"""Pinterest: what is particular to it. What all platforms share is in test_platform_contract.py."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import Lead, PageView
from pixeltwin.platforms.pinterest import Pinterest
from pixeltwin.snippet import render
from pixeltwin.visitor import Visitor, sha256

NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
TOKEN = "pina_ThisIsSecret0123"
SOMEBODY = Visitor(email="User@Example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11)")
HOSTILE = "</script><script>alert('1')</script><!-- \"&\u2028 🥾"
CALIFORNIA = Consent.limited(country="US", state="CA")
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "pinterest-v5-events.schema.json").read_text("utf-8"))
GOLDEN = json.loads(files("pixeltwin.platforms.pinterest").joinpath("golden.json").read_text("utf-8"))["cases"]


def pinterest(**settings: Any) -> Pinterest:
    return Pinterest(**{"tag_id": "2612345678901", "ad_account_id": "549755885175", "access_token": TOKEN, **settings})


def conversion(event: Any = None, **fields: Any) -> Conversion:
    return Conversion(
        **{"event": event or PageView(), "id": ID, "occurred_at": NOON, "visitor": SOMEBODY, **fields},
    )


def browser_of(**known: Any) -> Visitor:
    """Somebody of whom only the browser is known, and this."""
    return Visitor(ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11)", **known)


# --- identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "key", "given", "digest"),
    [
        ("email", "em", " User@Example.com ", "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"),
        ("email", "em", "user@ex ample.com", "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"),
        ("phone", "ph", "+1 (415) 555-2671", "758fbf68945f21c416814c539ab578876c8d98fb69e6da692def92cd52417fe0"),
        ("phone", "ph", "0044 7700 900123", "033134b911b137918338415ee3d20a064b24773d36a3b02e8b99fdd3fcd6b4cd"),
        ("first_name", "fn", " Zoë", "2752b88686847fa5c86f47b94ce652b7b3f22a91c37617d451a4db9afa431450"),
        ("last_name", "ln", "Doe", "799ef92a11af918e3fb741df42934f3b568ed2d93ac1df74f1b8d41a27932a6f"),
        ("gender", "ge", "Male", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"),
        ("gender", "ge", "f", "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
        ("gender", "ge", "non-binary", "1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9"),
        ("date_of_birth", "db", "1990-01-31", "267b39628557f31a6766b3d7f8823978c276759be4a5c9c52bf868d802ba5a0d"),
        ("city", "ct", "San Francisco", "1a6bd4d9d79dc0a79b53795c70d3349fa9e38968a3fbefbfe8783efb1d2b6aac"),
        ("city", "ct", "St. Louis", "8ba24bdf99947996f3000259be455de791b06fcc0e802ce05031030df1ee8ea3"),
        ("state", "st", "CA", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
        ("state", "st", "US-CA", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
        ("state", "st", "California", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
        ("postal_code", "zp", "94107", "c884a209ebe08750a7d13db63bd02233b375bd79786cbe329ab11586cc35dead"),
        ("postal_code", "zp", "94107-1234", "c884a209ebe08750a7d13db63bd02233b375bd79786cbe329ab11586cc35dead"),
        ("country", "country", "US", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        ("country", "country", "United States", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        (
            "external_id",
            "external_id",
            "Customer-42",
            "a045eb33f8797f35ea7d5fad7c5e0d021e2142e9c1bb6e9dc9f45b4f503b03e8",
        ),
        (
            "mobile_ad_id",
            "hashed_maids",
            "EA7583CD-A667-48BC-B806-42ECB2B48606",
            "6cd6140c54b2741b81b0099b232a3ddaeed82df456f43563574877baec22b632",
        ),
    ],
)
def test_identity_is_hashed_as_published(field: str, key: str, given: str, digest: str) -> None:
    """Each identity field is hashed in the normal form that Pinterest publishes, in an array."""
    visitor = browser_of(**{field: given})

    assert pinterest().server_event(conversion(visitor=visitor))["user_data"][key] == [digest]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("email", "N/A"),
        ("phone", "555-2671"),
        ("gender", "unknown"),
        ("date_of_birth", "01/02/1990"),
        ("state", "Bavaria"),
        ("postal_code", "SW1A 1AA"),
        ("country", "Atlantis"),
        ("mobile_ad_id", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_identity_without_a_normal_form_is_a_loss(field: str, given: str) -> None:
    """A value that cannot be what the field wants is left out and said, never hashed as it is."""
    visitor = browser_of(**{field: given})
    event = pinterest().server_event(conversion(visitor=visitor))
    lost = [
        (loss.field, loss.reason) for loss in pinterest(withhold={"external_id"}).losses(conversion(visitor=visitor))
    ]

    assert event["user_data"] == {"client_ip_address": "203.0.113.7", "client_user_agent": "Mozilla/5.0 (X11)"}
    assert lost == [(field, "unusable_value")]


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"phone": "+14155552671", "external_id": "42", "click_ids": {"pinterest": "dj0y"}},
        {"ip_address": "203.0.113.7"},
        {"user_agent": "Mozilla/5.0 (X11)"},
        {"ip_address": "0.0.0.0", "user_agent": "Mozilla/5.0 (X11)"},
        {"email": "N/A"},
    ],
)
def test_too_little_identity_is_not_sent(known: dict[str, Any]) -> None:
    """Without e-mail, mobile ad id, or IP address and agent together, Pinterest would refuse the event."""
    with pytest.raises(CannotSend) as refusal:
        pinterest().server_event(conversion(visitor=Visitor(**known)))
    assert refusal.value.reason == "no_match_key"


@pytest.mark.parametrize(
    ("query", "cookies", "click_id"),
    [
        ({"epik": "dj0new"}, {"_epik": "dj0old"}, "dj0new"),
        ({}, {"_epik": "dj0old"}, "dj0old"),
        ({"epik": ""}, {"_epik": "dj0old"}, "dj0old"),
        ({}, {"_pin_unauth": "x"}, None),
    ],
)
def test_the_click_id_is_the_newest_one(query: dict[str, str], cookies: dict[str, str], click_id: str | None) -> None:
    """A click that just happened comes before the one that the tag's cookie still remembers."""
    assert pinterest().read_signals(query, cookies).click_id == click_id


# --- the body --------------------------------------------------------------------------------------------------------


SAID = [case for case in GOLDEN if "server" in case]


@pytest.mark.parametrize("case", SAID, ids=[case["name"] for case in SAID])
def test_golden_bodies_keep_to_the_published_schema(case: Any) -> None:
    """Every body written down beside the code is valid under the schema that Pinterest publishes; what is newer than
    the schema is in no body unless it was switched on."""
    valid = Draft202012Validator(SCHEMA).is_valid({"data": [case["server"]]})

    assert valid != case.get("settings", {}).get("newer_fields", False)


def test_age_and_clock_are_looked_at_only_when_asked() -> None:
    """Events over 7 days old and events ahead of the clock are not sent; without a clock nothing is said of time."""
    platform = pinterest()
    platform.check(conversion(), NOON + timedelta(days=7))
    platform.check(conversion())
    for now, reason in (
        (NOON + timedelta(days=7, seconds=1), "too_old"),
        (NOON - timedelta(minutes=6), "in_the_future"),
    ):
        with pytest.raises(CannotSend) as refusal:
            platform.check(conversion(), now)
        assert refusal.value.reason == reason


def test_names_of_pinterests_own_are_reached_by_either_spelling() -> None:
    """A documented name is taken in the tag's and in the API's spelling, and a wrong one brings the near matches."""
    for spelling in ("findlocation", "find_location"):
        found = pinterest().server_event(conversion(Lead(names={"pinterest": spelling})))
        assert found["event_name"] == "find_location"
    with pytest.raises(UnknownName) as unknown:
        pinterest().server_event(conversion(Lead(names={"pinterest": "AddCart"})))
    assert {"addtocart", "add_to_cart"} & set(unknown.value.near)


def test_app_events_have_no_tag_twin() -> None:
    """An app's own events go to the API alone, and neither as a call nor as an image to the tag."""
    platform, installed = pinterest(), conversion(PageView(names={"pinterest": "app_install"}))

    assert platform.server_event(installed)["event_name"] == "app_install"
    with pytest.raises(CannotSend):
        platform.browser_calls(installed)
    assert len(platform.noscript_images([installed], SOMEBODY, Consent.granted())) == 1


# --- limited data processing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("consent", [CALIFORNIA, Consent.limited(country="us", state="US-CA")])
def test_limited_use_is_on_both_halves(consent: Consent) -> None:
    """Limited use puts the flag, the state and the country on the tag, the API event and the image, hashed alike."""
    platform = pinterest()
    event = platform.server_event(conversion(consent=consent))
    options = platform.init_calls(SOMEBODY, consent)[0].args[2]
    base, image = platform.noscript_images([conversion()], SOMEBODY, consent)

    assert event["custom_data"] == {"opt_out_type": options["opt_out_type"]} == {"opt_out_type": "LDP"}
    assert event["user_data"]["st"] == [options["st"]] == [sha256("ca")]
    assert event["user_data"]["country"] == [options["country"]] == [sha256("us")]
    for url in (base, image):
        assert f"pd[opt_out_type]=LDP&pd[st]={sha256('ca')}&pd[country]={sha256('us')}" in url


@pytest.mark.parametrize(
    "consent",
    [
        Consent.limited(),
        Consent.limited(country="US"),
        Consent.limited(state="CA"),
        Consent.limited(country="US", state="Cal."),
    ],
)
def test_limited_use_without_a_place_is_not_sent(consent: Consent) -> None:
    """Where state or country is not known Pinterest would ignore the flag, so neither half goes out."""
    platform, limited = pinterest(), conversion(consent=consent)

    assert not platform.honours(consent, SOMEBODY)
    for half_of in (lambda: platform.server_event(limited), lambda: platform.init_calls(SOMEBODY, consent)):
        with pytest.raises(CannotSend) as refusal:
            half_of()
        assert refusal.value.reason == "limited_use_impossible"
    assert platform.noscript_images([limited], SOMEBODY, consent) == []
    assert render([platform], lambda _: [limited], visitor=SOMEBODY, consent=consent) == ""


def test_limited_use_may_take_the_place_from_the_visitor() -> None:
    """State and country of the visitor serve where the consent does not say them."""
    visitor = Visitor(email="user@example.com", state="CA", country="US")

    assert pinterest().honours(Consent.limited(), visitor)
    assert pinterest().limited_use(Consent.limited(), visitor) == pinterest().limited_use(CALIFORNIA, SOMEBODY)


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"tag_id": ""},
        {"tag_id": "26-abc"},
        {"ad_account_id": "abc"},
        {"ad_account_id": "1" * 19},
        {"ad_account_id": None},
        {"access_token": "pina_x\r\nHost: elsewhere"},
        {"names": {"Lead": "purchase"}},
    ],
)
def test_impossible_settings_are_refused_at_once(settings: dict[str, Any]) -> None:
    """A setting that cannot be right is an error when the platform is made, and never quotes the token."""
    with pytest.raises((ConfigurationError, UnknownName)) as error:
        pinterest(**settings)
    assert "pina_" not in str(error.value)


def test_settings_are_trimmed() -> None:
    """Blanks that came along when an ID or token was copied are no part of it."""
    platform = pinterest(tag_id=" 2612345678901\n", ad_account_id=" 549755885175 ", access_token=f" {TOKEN} ")
    request = platform.server_request([{}], test=True)

    assert platform.init_calls(SOMEBODY, Consent.granted())[0].args[1] == "2612345678901"
    assert request.url == "https://api.pinterest.com/v5/ad_accounts/549755885175/events?test=true"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_swapped_ids_are_noticed() -> None:
    """A tag ID and an ad account ID in each other's place are pointed out, right ones are not."""
    assert pinterest().check_settings() == []
    swapped = " ".join(pinterest(tag_id="549755885175", ad_account_id="2612345678901").check_settings())
    assert "looks like an ad account ID" in swapped
    assert "looks like a tag ID" in swapped
    assert len(pinterest(tag_id="12", ad_account_id="34").check_settings()) == 2
    assert pinterest(partner_name="ss-shop").check_settings() == []
    assert "partner_name" in pinterest(partner_name="My Shop").check_settings()[0]


def test_without_a_token_there_is_a_browser_half_only() -> None:
    """The tag alone needs neither token nor ad account, and says so when asked to send."""
    platform = Pinterest(tag_id="2612345678901")

    assert not platform.sends
    assert platform.browser_calls(conversion())
    with pytest.raises(ConfigurationError):
        platform.server_request([{}])


def test_the_page_needs_only_the_hosts_it_is_told() -> None:
    """The sources for a content security policy are Pinterest's own, or the sandbox's where that stands in for it."""
    hosts = {host for found in pinterest().csp_sources().values() for host in found}
    assert hosts == {"https://s.pinimg.com", "https://ct.pinterest.com"}

    local = pinterest(**Pinterest.emulated("http://127.0.0.1:8000/sandbox/"))
    assert {host for found in local.csp_sources().values() for host in found} == {"http://127.0.0.1:8000"}
    assert local.noscript_images([], SOMEBODY, Consent.granted())[0].startswith(
        "http://127.0.0.1:8000/sandbox/pinterest/v3/?"
    )
    assert local.script_url == "http://127.0.0.1:8000/sandbox/pinterest/ct/core.js"
    assert pinterest(script_url="/core.js").csp_sources()["script-src"][0] == "'self'"
