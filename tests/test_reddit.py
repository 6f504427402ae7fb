"""Reddit: its published digests, what can be sent, its settings, its snippet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.emulation import Incoming
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import AddToCart, CustomEvent, Event, Item, Lead, PageView, Purchase, Search, SignUp, ViewContent
from pixeltwin.platforms.reddit import Reddit
from pixeltwin.platforms.reddit.emulator import RedditEmulator
from pixeltwin.snippet import render
from pixeltwin.visitor import Visitor
from tests.pages import fired

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
ID = "ab" * 32
UUID = "b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


def reddit(**more: Any) -> Reddit:
    return Reddit(**{"pixel_id": "a2_abc123", "access_token": "conversion-token", **more})


def conversion(event: Event | None = None, visitor: Visitor | None = None, **more: Any) -> Conversion:
    said = {"id": ID, "occurred_at": NOW, "source_url": "https://shop.example/", **more}
    return Conversion(event=event or PageView(), visitor=visitor or Visitor(user_agent=AGENT), **said)


def user(visitor: Visitor, **more: Any) -> Any:
    return reddit(**more).server_event(conversion(visitor=visitor)).get("user", {})


def lost(said: Conversion, **more: Any) -> set[tuple[str, str]]:
    """What Reddit will not get, and why; what it would like besides is left aside."""
    found = {(loss.field, loss.reason) for loss in reddit(**more).losses(said)}
    return {one for one in found if one[1] != "recommended_signal"}


def accepted(event: Any) -> bool:
    """Whether the sandbox, strict as Reddit, takes this event."""
    body, headers = reddit().server_request([event]).body, {"authorization": "Bearer t"}
    request = Incoming("POST", "/api/v3/pixels/a2_abc123/conversion_events", "", headers, body)
    return RedditEmulator().answer(request, NOW).status == 200


# --- identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "digest"),
    [
        ("alice@example.com", "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"),
        ("Al.ice$+Apple@Example.Com", "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"),
        ("  Jane.Doe+promo@GMAIL.com ", "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"),
        ("a.b.c+x+y@example.com", "9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21"),
        ("jane_doe@example.co.uk", "549c18ccc45caf1ad3a0376b927444d03c9e7e9fbe8427c909aa4f87d99ba048"),
        ("First-Last@Example.com", "a05cf9caa717314c52411085c1326c6a9071a0a6d37767dd140d1d26c058858b"),
        ("o'brien@example.com", "a6226444d4a2c2643dcb7b147151134190c6855c5eb7ae9f7f770f95cc83cf5e"),
        ("josé@example.com", "6c74ceb4d622a6a7f60fe21b93054906363fc911140df0e8b8a86b3f79c93903"),
    ],
)
def test_an_email_has_the_published_digest_on_both_halves(given: str, digest: str) -> None:
    """An address is hashed in Reddit's own normal form, and pixel and API get one digest."""
    visitor = Visitor(email=given)

    assert user(visitor)["email"] == digest
    assert reddit().init_calls(visitor, Consent.granted())[0].args[2]["email"] == digest


@pytest.mark.parametrize("given", ["+tag@example.com", "jane@", "@b.com", "a@b@c.com", "N/A", "A <a@b.com>", "a@b"])
def test_what_is_no_address_is_left_out_and_reported(given: str) -> None:
    """Text that cannot be an e-mail address is never hashed, and the loss is named."""
    odd = conversion(visitor=Visitor(email=given, user_agent=AGENT))

    assert "email" not in reddit().server_event(odd)["user"]
    assert lost(odd) == {("email", "unusable_value")}


@pytest.mark.parametrize(
    ("given", "digest"),
    [
        ("+15554441234", "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"),
        ("+1 (555) 444-1234", "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"),
        ("+44 (0)20 7183 8750", "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"),
        ("0044 20 7183 8750", "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"),
        ("+49 30 901820 poste 12", "4db5829924ee5c466cbd9ac69b2a6af527f758614fa3b3aec8c89b16a709a678"),
    ],
)
def test_a_phone_has_the_published_digest(given: str, digest: str) -> None:
    """A phone number is hashed as E.164 with its plus."""
    assert user(Visitor(phone=given))["phone_number"] == digest


def test_a_national_phone_number_is_left_out() -> None:
    """A number whose country nobody knows is never hashed as it is."""
    assert "phone_number" not in user(Visitor(phone="020 7183 8750", user_agent=AGENT))


@pytest.mark.parametrize(
    ("given", "digest"),
    [
        ("customer12345", "a4cc2fc5adf58a029291c1514d273989113a1d05e1d753c1d0c3a848af7109cc"),
        (" Customer12345 ", "0d5e32d264a63bf349c5a6d18fa45a9a1c10218b8f58c9874b5b0f48ad5db82c"),
    ],
)
def test_an_external_id_keeps_its_case(given: str, digest: str) -> None:
    """External ids that differ in case are two people, as Reddit's example says."""
    assert user(Visitor(external_id=given))["external_id"] == digest


def test_an_ip_address_is_hashed_in_its_canonical_form_or_sent_raw() -> None:
    """Two spellings of one address give one digest; `hash_ip_address=False` sends the canonical text itself."""
    long, short = Visitor(ip_address="2001:0DB8:0:0:0:0:0:1"), Visitor(ip_address="2001:db8::1")

    assert user(long) == user(short) == {"ip_address": hashlib.sha256(b"2001:db8::1").hexdigest()}
    assert user(long, hash_ip_address=False) == {"ip_address": "2001:db8::1"}


@pytest.mark.parametrize("value", [UUID, f"1677712978045.{UUID}"])
def test_the_pixels_browser_id_is_sent_as_it_stands(value: str) -> None:
    """The value of the pixel's cookie goes out unchanged, with or without its time."""
    assert user(Visitor(browser_ids={"reddit": value}))["uuid"] == value


@pytest.mark.parametrize("value", ["GA1.2.3.4", UUID[:-1], f"x.{UUID}", "00000000-0000-0000-0000-000000000000"])
def test_a_browser_id_that_is_no_uuid_is_left_out_and_reported(value: str) -> None:
    """One bad uuid would void a batch of a thousand, so it is omitted, and the loss is named."""
    odd = conversion(visitor=Visitor(browser_ids={"reddit": value}, user_agent=AGENT))

    assert "uuid" not in reddit().server_event(odd)["user"]
    assert lost(odd) == {("browser_id", "unusable_value")}


# --- what can be sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signal",
    [
        {"click_ids": {"reddit": "3184742045291813272"}},
        {"browser_ids": {"reddit": UUID}},
        {"email": "a@example.com"},
        {"phone": "+15554441234"},
        {"external_id": "1"},
        {"ip_address": "203.0.113.7"},
        {"user_agent": AGENT},
        {"screen": (1920, 1080)},
    ],
)
def test_any_one_signal_is_enough(signal: dict[str, Any]) -> None:
    """Each of Reddit's attribution signals alone makes an event that its API takes."""
    assert accepted(reddit().server_event(conversion(visitor=Visitor(**signal))))


def test_an_event_that_matches_nobody_cannot_be_sent() -> None:
    """Without any signal the event is held back with advice; limited data use is no signal."""
    for consent in (Consent.granted(), Consent.limited()):
        with pytest.raises(CannotSend, match="click id") as refusal:
            reddit().server_event(conversion(visitor=Visitor(first_name="Jane"), consent=consent))
        assert refusal.value.reason == "no_match_key"


def test_a_click_id_on_the_pages_url_is_a_signal() -> None:
    """Reddit reads rdt_cid from the source URL itself."""
    url = "https://shop.example/?rdt_cid=3184742045291813272"

    assert "user" not in reddit().server_event(conversion(visitor=Visitor(screen=None), source_url=url))
    with pytest.raises(CannotSend, match="click id"):
        reddit(withhold={"click_ids"}).server_event(conversion(visitor=Visitor(screen=None), source_url=url))


@pytest.mark.parametrize(
    ("age", "reason"), [(timedelta(days=7, seconds=1), "too_old"), (timedelta(minutes=-6), "in_the_future")]
)
def test_an_event_of_the_wrong_age_cannot_be_sent(age: timedelta, reason: str) -> None:
    """Events over seven days old, or ahead of the clock, are held back; without `now` age is not looked at."""
    with pytest.raises(CannotSend) as refusal:
        reddit().server_event(conversion(), now=NOW + age)

    assert refusal.value.reason == reason
    assert reddit().server_event(conversion(), now=NOW + timedelta(days=7))
    assert reddit().server_event(conversion())


def test_an_offline_event_is_matched_by_email_and_phone_alone() -> None:
    """A store's event carries no device signal and no URL, and nobody without e-mail and phone can be matched."""
    visitor = Visitor(email="a@example.com", ip_address="203.0.113.7", user_agent=AGENT, click_ids={"reddit": "1"})
    sale = conversion(Purchase(value="5", currency="EUR"), visitor, action_source="offline")
    event = reddit().server_event(sale)

    assert (event["action_source"], set(event["user"])) == ("PHYSICAL_STORE", {"email"})
    assert not {"click_id", "event_source_url"} & set(event)
    assert "not_in_stores" in {loss.reason for loss in reddit().losses(sale)}
    assert accepted(event)
    with pytest.raises(CannotSend, match="e-mail or a phone") as refusal:
        reddit().server_event(replace(sale, visitor=Visitor(user_agent=AGENT)))
    assert refusal.value.reason == "no_match_key"


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (
            ViewContent(value="5", currency="EUR", category="x"),
            {
                ("value", "unsupported_metadata"),
                ("currency", "unsupported_metadata"),
                ("category", "unsupported_field"),
            },
        ),
        (Search(search_string="boots"), {("search_string", "unsupported_field")}),
        (SignUp(order_id="1", sign_up_method="email"), {("sign_up_method", "unsupported_field")}),
        (AddToCart(items=[Item(id="1", brand="Acme")]), {("items.brand", "unsupported_field")}),
        (AddToCart(items=[Item(id="1")], names={"reddit": "Lead"}), set()),
    ],
)
def test_what_reddit_has_no_room_for_is_named(event: Event, named: set[tuple[str, str]]) -> None:
    """Every field left off both halves is reported with a reason to count by."""
    assert lost(conversion(event)) == named


def test_of_several_people_the_first_is_sent() -> None:
    """Reddit takes one value a field: the first is sent and the others are a named loss."""
    pair = conversion(visitor=Visitor(email=["alice@example.com", "b@example.com"]))

    assert reddit().server_event(pair)["user"]["email"].startswith("ff8d9819")
    assert lost(pair) == {("email", "one_value_only")}


def test_a_custom_event_carries_its_own_name_on_both_halves() -> None:
    """Custom events, and events Reddit has no type for, keep their name, byte for byte, in pixel and API."""
    platform, event = reddit(names={"PageView": "Custom"}), CustomEvent(name="Quiz finished ✓")

    assert platform.browser_calls(conversion(event))[0].args[2]["customEventName"] == "Quiz finished ✓"
    assert platform.server_event(conversion(event))["type"]["custom_event_name"] == "Quiz finished ✓"
    assert platform.server_event(conversion(PageView()))["type"]["custom_event_name"] == "PageView"
    with pytest.raises(UnknownName, match="AddToCart"):
        reddit(names={"PageView": "ADD_CART"})


@pytest.mark.parametrize(
    ("country", "state", "place"),
    [
        ("us", "ca", ("US", "US-CA")),
        ("US", "US-CA", ("US", "US-CA")),
        (None, "US-CA", ("US", "US-CA")),
        ("US", None, ("US", None)),
        (None, "CA", (None, None)),
        ("US", "DE-BY", ("US", None)),
        ("America", "California", ("US", "US-CA")),
        ("United States", "us-ny", ("US", "US-NY")),
        ("Germany", "Bavaria", ("DE", None)),
        ("Narnia", "California", (None, None)),
    ],
)
def test_limited_data_use_is_the_same_on_both_halves(
    country: str | None, state: str | None, place: tuple[str | None, str | None]
) -> None:
    """Limited consent sets LDU in the pixel and in the API, with the same place or none."""
    consent = Consent.limited(country=country, state=state)
    options = reddit().init_calls(Visitor(), consent)[0].args[2]
    processing = reddit().server_event(conversion(consent=consent))["user"]["data_processing_options"]

    assert (options["dpm"], options.get("dpcc"), options.get("dprc")) == ("LDU", *place)
    assert (processing["modes"], processing.get("country"), processing.get("region")) == (["LDU"], *place)
    assert "dpm" not in reddit().init_calls(Visitor(), Consent.granted())[0].args[2]


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_id", ["", "  ", "a2 abc", "a2_abc/../x", '"a2_abc"', "x" * 101])
def test_an_impossible_pixel_id_is_refused_with_advice(pixel_id: str) -> None:
    """A pixel ID that cannot be one is an error where it is set, not a silent loss later."""
    with pytest.raises(ConfigurationError, match="a2_abc123"):
        reddit(pixel_id=pixel_id)


@pytest.mark.parametrize("token", ["Bearer abc.def", '"abc"', "abc\ndef", "abc def"])
def test_a_token_with_something_around_it_is_refused_and_not_shown(token: str) -> None:
    """A token pasted with quotes, blanks or its scheme is an error that does not quote it, from a callable too."""
    for given in (token, lambda: token):
        with pytest.raises(ConfigurationError) as refusal:
            reddit(access_token=given).server_request([])
        assert token not in str(refusal.value)


def test_ids_and_tokens_are_trimmed_and_doubtful_ones_remarked_on() -> None:
    """Blanks around pixel ID and token are not part of them; odd shapes give advice instead of an error."""
    fine, odd = (
        reddit(pixel_id=" a2_abc123 ", access_token=" tok\n"),
        reddit(pixel_id="12345", access_token="eyJhbGc.x"),
    )

    assert fine.account == "a2_abc123"
    assert fine.server_request([]).headers["Authorization"] == "Bearer tok"
    assert fine.check_settings() == []
    assert len(odd.check_settings()) == 2
    assert not Reddit(pixel_id="a2_abc123", access_token="  ").sends


def test_the_script_is_asked_for_by_pixel() -> None:
    """The pixel ID is in the script's URL, whatever that URL is, and the policy follows where the script is from."""
    assert reddit().script_url == "https://www.redditstatic.com/ads/pixel.js?pixel_id=a2_abc123"
    assert reddit(script_url="/p.js?v=1").script_url == "/p.js?v=1&pixel_id=a2_abc123"
    assert reddit().csp_sources()["img-src"] == ("https://alb.reddit.com",)
    assert reddit(script_url="http://127.0.0.1:8000/p.js").csp_sources()["img-src"][1] == "http://127.0.0.1:8000"
    assert reddit(script_url="/p.js").csp_sources()["script-src"][1] == "'self'"


def test_signals_are_read_from_the_url_first() -> None:
    """The landing URL's click id wins over the cookies'; junk in either is nobody's id."""
    platform = reddit()
    cookies = {"_rdt_cid": "cookie", "rdt_cid": "old", "_rdt_uuid": f"1677712978045.{UUID}"}
    seen = platform.read_signals({"rdt_cid": "landing"}, cookies)

    assert (seen.click_id, seen.browser_id) == ("landing", f"1677712978045.{UUID}")
    assert platform.read_signals({}, cookies).click_id == "cookie"
    assert platform.read_signals({}, {"rdt_cid": "old"}).click_id == "old"
    assert platform.read_signals({"RDT_CID": "x", "rdt_cid": "a b"}, {"_rdt_uuid": "x"}) == platform.read_signals(
        {}, {}
    )
    assert platform.read_signals({"rdt_cid": "9" * 257}, {}).click_id is None


# --- the snippet -----------------------------------------------------------------------------------------------------

HOSTILE = "</script><!--<script>\u2028'\"`${x}&"


def rendered(nonce: str | None = "n0nce") -> str:
    hostile = conversion(
        Purchase(order_id=HOSTILE, value="1.10", currency="EUR", items=[Item(id=HOSTILE, name=HOSTILE)]),
        Visitor(email="jane.doe@example.com", phone="+15554441234"),
    )
    pair = [hostile, replace(hostile, id="cd" * 32, event=Lead())]
    return str(render([reddit()], lambda _: pair, visitor=hostile.visitor, consent=hostile.consent, nonce=nonce))


def test_the_snippet_is_one_script_whatever_a_product_is_called() -> None:
    """Hostile names cannot end the script or the string they stand in, and come out as they went in."""
    html = rendered()
    first, _ = fired(html)

    assert html.lower().count("<script") == html.lower().count("</script") == 1
    assert "<!--" not in html
    assert "\u2028" not in html
    assert (first.function, first.event) == ("rdt", "Purchase")
    assert first.args[2]["products"][0]["name"] == HOSTILE


def test_the_snippet_carries_the_nonce_and_nobodys_address() -> None:
    """The nonce stands on the script, an absent one leaves no attribute, and identity is in it as digests only."""
    html = rendered()

    assert html.startswith('<script nonce="n0nce">')
    assert rendered(None).startswith("<script>")
    assert hashlib.sha256(b"janedoe@example.com").hexdigest() in html
    for plain in ("jane.doe", "janedoe@", "5554441234"):
        assert plain not in html


def test_the_snippet_starts_once_and_fires_each_conversion_under_its_own_guard() -> None:
    """One loader and one init, then a guarded call for each conversion, its ID a string."""
    html = rendered()

    assert html.count("pixeltwin.load(") == html.count('"rdt",["init","a2_abc123"') == 1
    assert [(call.platform, call.event) for call in fired(html)] == [("reddit", "Purchase"), ("reddit", "Lead")]
    assert f'"conversionId":"{ID}"' in html
    assert "noscript" not in html


def test_the_template_asks_for_nothing_it_is_not_given() -> None:
    """The template renders with undefined names forbidden."""
    environment = Environment(
        loader=PackageLoader("pixeltwin.pixel_templates", ""), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["js"] = json.dumps
    assert "callQueue" in environment.get_template("reddit.js.jinja").render(name="reddit", script_url="/p.js")
