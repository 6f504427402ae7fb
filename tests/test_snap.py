"""Snap: what both halves say, who is matched, what cannot be sent, its settings and signals."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.app import App
from pixeltwin.consent import Consent
from pixeltwin.conversion import Conversion
from pixeltwin.errors import CannotSend, ConfigurationError, UnknownName
from pixeltwin.events import (
    AddToCart,
    CustomEvent,
    Event,
    Item,
    Lead,
    PageView,
    Purchase,
    ViewContent,
    WatchVideo,
)
from pixeltwin.platforms.snap import Snap
from pixeltwin.sending.lateness import lateness
from pixeltwin.strictjson import encode
from pixeltwin.visitor import Visitor
from tests.samples import lost

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
APP = "7b1e9a00-0000-0000-0000-00000000c0de"
TOKEN = "snap/token+of=tests"
NOON = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
SOMEBODY = Visitor(email="person@example.com", ip_address="203.0.113.9", user_agent="Mozilla/5.0")
PURCHASE = Purchase(order_id="1001", value="59.90", currency="EUR")


def snap(**more: Any) -> Snap:
    return Snap(**{"pixel_id": PIXEL, "access_token": TOKEN, **more})


def conversion(event: Event = PURCHASE, **more: Any) -> Conversion:
    fields = {"id": "a" * 64, "occurred_at": NOON, "visitor": SOMEBODY, "source_url": "https://shop.example/thanks"}
    return Conversion(event=event, **{**fields, **more})


def said(event: Event, platform: Snap | None = None) -> dict[str, Any]:
    """The last argument of the track call."""
    call = (platform or snap()).browser_calls(conversion(event))[0]
    assert call.function == "snaptr"
    parameters: dict[str, Any] = call.args[-1]
    return parameters


def refusal(one: Conversion, platform: Snap | None = None, now: datetime | None = None) -> str:
    """The reason word with which an event is not sent."""
    with pytest.raises(CannotSend) as caught:
        (platform or snap()).server_event(one, now)
    return caught.value.reason


# --- identity --------------------------------------------------------------------------------------------------------

# Snap's own examples (Parameters; test data of its SDKs), and digests of its normal forms.
VECTORS = [
    ("email", "em", "Person@Example.com", "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"),
    ("email", "em", "\t test@email.com ", "73062d872926c2a556f17b36f50e328ddf9bff9d403939bd14b6c3b7f5a33fc2"),
    ("phone", "ph", "+44 844 412 4653", "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"),
    ("phone", "ph", "0044-447-234-2344", "19f25a18866af88fc60189c3af85010a0b971cf976053787fe21e004538c20a0"),
    ("phone", "ph", "+44-0447-234-2344", "19f25a18866af88fc60189c3af85010a0b971cf976053787fe21e004538c20a0"),
    ("phone", "ph", "+1-(447) 234 2344", "34053b331d29734f081bf74160cd33bc2f621b3b6f8ec991500bebf49f14e014"),
    ("first_name", "fn", "John", "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a"),
    ("first_name", "fn", "Raphae\u0308l", "e74bb89e718fe1e19c422a48382870399f8bf7ca8dfa008739e75b0be76627b7"),
    ("last_name", "ln", "O'Brien", "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"),
    ("gender", "ge", "Male", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"),
    ("gender", "ge", "F", "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
    ("city", "ct", "San Francisco", "1a6bd4d9d79dc0a79b53795c70d3349fa9e38968a3fbefbfe8783efb1d2b6aac"),
    ("state", "st", "CA", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
    ("postal_code", "zp", "94101-1234", "3d3425336a5d645d5e09199eabe0b9d5af817bbd35671a5cd42974483cd8c772"),
    ("country", "country", "US", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
    ("external_id", "external_id", " person-id ", "b5400f5d931b20e0e905cc4a009a428ce3427b3110e3a2a1cfc7e6349beabc10"),
]


@pytest.mark.parametrize(("field", "key", "given_", "digest"), VECTORS)
def test_identity_is_normalised_and_hashed_as_published(field: str, key: str, given_: str, digest: str) -> None:
    """Each published example gives its published digest, and a digest in any case passes through in lower case."""
    for value in (given_, digest, digest.upper()):
        visitor = SOMEBODY.model_copy(update={field: (value,)})

        assert snap().server_event(conversion(visitor=visitor))["user_data"][key] == [digest]


RAW = [
    ("ip_address", "client_ip_address", " 203.0.113.9 ", "203.0.113.9"),
    ("ip_address", "client_ip_address", "2001:DB8::0:1", "2001:db8::1"),
    ("ip_address", "client_ip_address", "5" * 64, None),  # the hashed IP address of v2 is an error in v3
    ("mobile_ad_id", "madid", "EA7583CD-A667-48BC-B806-42ECB2B48606", "ea7583cd-a667-48bc-b806-42ecb2b48606"),
    ("mobile_ad_id", "madid", "00000000-0000-0000-0000-000000000000", None),
    ("mobile_ad_id", "madid", "5" * 64, None),
    ("idfv", "idfv", "6D92078A-8246-4BA4-AE5B-76104861E7DC", "6D92078A-8246-4BA4-AE5B-76104861E7DC"),
    ("gender", "ge", "nonbinary", None),
    ("email", "em", "nobody", None),
    ("phone", "ph", "12345", None),
]


@pytest.mark.parametrize(("field", "key", "given_", "wire"), RAW)
def test_what_goes_raw_goes_raw_and_what_is_unusable_goes_nowhere(
    field: str, key: str, given_: str, wire: str | None
) -> None:
    """IP address and device ids are sent as they are; a value without a usable form is left out and named as a loss."""
    one = conversion(visitor=Visitor(external_id="x", email="a@b.example").model_copy(update={field: (given_,)}))
    if field == "email":
        one = one.with_visitor(Visitor(email=given_, phone="+44 844 412 4653"))

    assert snap().server_event(one)["user_data"].get(key) == wire
    assert [loss.field for loss in lost(snap(), one)] == ([] if wire else [field])


@given(
    known=st.sets(
        st.sampled_from(["email", "phone", "mobile_ad_id", "ip_address", "user_agent", "external_id", "city"])
    )
)
def test_an_event_needs_somebody_to_match(known: set[str]) -> None:
    """An event goes out exactly when it has an e-mail, a phone, a device id, or IP address and agent together."""
    everything: dict[str, Any] = {
        "email": "person@example.com",
        "phone": "+448444124653",
        "mobile_ad_id": "ea7583cd-a667-48bc-b806-42ecb2b48606",
        "ip_address": "203.0.113.9",
        "user_agent": "Mozilla/5.0",
        "external_id": "42",
        "city": "Paris",
    }
    signals: Any = {"click_ids": {"snap": "c"}, "browser_ids": {"snap": "b"}}
    one = conversion(visitor=Visitor(**{field: everything[field] for field in known}, **signals))
    enough = known & {"email", "phone", "mobile_ad_id"} or known >= {"ip_address", "user_agent"}

    if enough:
        assert snap().server_event(one)["user_data"]["sc_click_id"] == "c"
    else:
        assert refusal(one) == "no_match_key"


def test_a_withheld_field_reaches_neither_half() -> None:
    """What a platform is never to get is in neither half, and is no loss."""
    platform = snap(withhold={"email"})
    calls = platform.init_calls(SOMEBODY, Consent.granted())

    assert calls[0].args == ("init", PIXEL)
    assert "em" not in platform.server_event(conversion())["user_data"]
    assert lost(platform, conversion()) == []


# --- names and fields ------------------------------------------------------------------------------------------------


def test_all_of_snaps_names_can_be_had_on_both_sides() -> None:
    """Each of the 31 documented names is reachable by `names=`, and is the same in the browser and on the server."""
    names = [known.server for known in Snap.known_names]

    assert len(set(names)) == 31
    for name in names:
        one = conversion(ViewContent(names={"snap": name}, value="1", currency="EUR"))
        assert snap().browser_calls(one)[0].args[:3] == ("track", PIXEL, name)
        assert snap().server_event(one)["event_name"] == name


def test_a_wrong_name_is_answered_with_the_near_one() -> None:
    """The names that people get wrong lead to those that Snap has."""
    for wrong, right in (("ADD_TO_CART", "ADD_CART"), ("SPEND_CREDITS", "SPENT_CREDITS"), ("OPEN_APP", "APP_OPEN")):
        with pytest.raises(UnknownName) as caught:
            snap(names={"AddToCart": wrong})
        assert right in str(caught.value)


def test_own_events_are_mapped_by_setting() -> None:
    """A custom event is what `custom_events=` says, the event's own `names=` goes first, and any other is refused."""
    platform = snap(custom_events={"Quiz finished": "CUSTOM_EVENT_1"})
    quiz = CustomEvent(name="Quiz finished")

    assert platform.event_name(quiz).server == "CUSTOM_EVENT_1"
    assert platform.event_name(quiz.model_copy(update={"names": {"snap": "RATE"}})).server == "RATE"
    assert snap(names={"CustomEvent": "SHARE"}).event_name(quiz).server == "SHARE"
    assert refusal(conversion(CustomEvent(name="Other")), platform) == "no_event_name"
    assert refusal(conversion(WatchVideo()), platform) == "no_event_name"
    with pytest.raises(UnknownName):
        snap(custom_events={"Quiz finished": "CUSTOM_EVENT_6"})


def test_the_id_is_text_where_snap_reads_it() -> None:
    """The id is `client_dedup_id` in the browser and `event_id` at the top of the server event, and nowhere else."""
    event = snap().server_event(conversion())

    assert said(PURCHASE)["client_dedup_id"] == event["event_id"] == "a" * 64
    assert not {"event_id", "value", "order_id"} & said(PURCHASE).keys()
    assert "event_id" not in event["custom_data"]


def test_one_category_and_all_brands_of_the_items_are_said() -> None:
    """Both halves carry the category that all items share and each brand once; what has no room is named as lost."""
    mug = Item(id="m", name="Mug", category="kitchen", brand="Acme")
    pan = Item(id="p", name="Pan", category="kitchen", brand="Acme")
    hat = Item(id="h", category="clothes", brand="Hatter")
    same, mixed = AddToCart(items=[mug, pan]), AddToCart(items=[mug, hat])

    assert said(same)["item_category"] == snap().server_event(conversion(same))["custom_data"]["content_category"]
    assert said(same)["brands"] == ["Acme"]
    assert "item_category" not in said(mixed)
    assert snap().server_event(conversion(mixed))["custom_data"]["brands"] == "Acme,Hatter"
    assert [loss.field for loss in lost(snap(), conversion(mixed))] == ["items.name", "items.category"]
    assert [loss.field for loss in lost(snap(), conversion(AddToCart(items=[mug], category="sale")))] == []


def test_money_is_exact_and_zero_is_a_value() -> None:
    """A price leaves as a JSON number with the digits it was given, and a free order has the price 0."""
    for value in ("59.90", "0", "0.1", "123456789012.34", "1000"):
        one = conversion(Purchase(order_id="1", value=value, currency="EUR"))
        assert re.search(f'"value":{value}[,}}]', encode(snap().server_event(one)).decode())
        assert re.search(f'"price":{value}[,}}]', encode(snap().browser_calls(one)[0].args).decode())


def test_unusual_currencies_and_foreign_fields_are_named_as_losses() -> None:
    """What Snap may not count or has no room for is said: its currency list, a video's title, a date of birth."""
    video = WatchVideo(title="How to", names={"snap": "VIEW_CONTENT"})
    born = SOMEBODY.model_copy(update={"date_of_birth": ("1997-02-16",)})

    assert [loss.reason for loss in lost(snap(), conversion(Lead(value="5", currency="ISK")))] == []
    assert [loss.reason for loss in lost(snap(), conversion(Lead(value="5", currency="AMD")))] == ["doubtful_currency"]
    assert [loss.field for loss in lost(snap(), conversion(video))] == ["title"]
    assert [loss.field for loss in lost(snap(), conversion(visitor=born))] == ["date_of_birth"]


def test_limited_use_is_said_by_both_halves() -> None:
    """Where only limited use is allowed, the start, the call and the server event all say so; else none does."""
    limited = conversion(consent=Consent.limited(country="US", state="CA"))
    start = snap().init_calls(SOMEBODY, limited.consent)[0].args[-1]

    assert start["data_use"] == snap().browser_calls(limited)[0].args[-1]["data_use"] == ["lmu"]
    assert snap().server_event(limited)["data_processing_options"] == ["LMU"]
    assert "data_use" not in said(PURCHASE)
    assert "data_processing_options" not in snap().server_event(conversion())


# --- what Snap would refuse ------------------------------------------------------------------------------------------


def test_a_web_event_needs_its_page() -> None:
    """Without the page's URL a web event is not sent, for Snap requires it; an offline event has none."""
    assert refusal(conversion(source_url=None)) == "no_source_url"
    offline = snap().server_event(conversion(source_url=None, action_source="offline"))
    assert (offline["action_source"], "event_source_url" in offline) == ("OFFLINE", False)


def test_a_purchase_needs_its_price() -> None:
    """Any event sent as PURCHASE has a value, or is not sent."""
    assert refusal(conversion(Lead(names={"snap": "PURCHASE"}))) == "no_value"


def test_events_that_wait_for_over_a_week_are_said() -> None:
    """Snap takes them for a month yet, but what waits so long is worth little, which log and health tell."""
    week = timedelta(days=7)

    assert lateness(snap(), NOON, NOON + week).level == 0
    late = lateness(snap(), NOON, NOON + week + timedelta(seconds=1))
    assert late.level == 1 and "optimises" in late.meaning


def test_events_are_taken_for_37_days() -> None:
    """Exactly 37 days old is sent, a moment older is not, and neither is what lies over five minutes ahead."""
    age = timedelta(days=37)

    assert snap().server_event(conversion(), NOON + age)["event_time"] == 1787227200000
    assert refusal(conversion(), now=NOON + age + timedelta(seconds=1)) == "too_old"
    assert snap().server_event(conversion(), NOON - timedelta(minutes=5))
    assert refusal(conversion(), now=NOON - timedelta(minutes=6)) == "in_the_future"


def test_events_of_an_app_go_to_the_app() -> None:
    """An app's event carries app_data with sixteen texts, in a lane of its own whose requests name the Snap App ID."""
    platform = snap(snap_app_id=APP.upper())
    phone = Visitor(mobile_ad_id="EA7583CD-A667-48BC-B806-42ECB2B48606", screen=(390, 844))
    app = App("android", "com.example.shop", version="3.1", os_version="15")
    one = conversion(visitor=phone, app=app, action_source="app", source_url=None)
    event, web = platform.server_event(one), platform.server_event(conversion())

    assert event["action_source"] == "MOBILE_APP"
    assert event["app_data"]["app_id"] == "com.example.shop"
    assert event["app_data"]["advertiser_tracking_enabled"] == 1
    info = event["app_data"]["extinfo"]
    assert info == [
        "a2",
        "com.example.shop",
        "3.1",
        "",
        "15",
        *[""] * 4,
        "390",
        "844",
        *[""] * 5,
    ]
    assert platform.lane(event) != platform.lane(web)
    assert f"/v3/{APP}/events?" in platform.server_request([encode(event)]).url
    assert f"/v3/{PIXEL}/events?" in platform.server_request([encode(web)]).url
    assert refusal(one) == "no_app_id"
    assert refusal(conversion(visitor=phone, action_source="app"), platform) == "no_app"


# --- settings and requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["", "a2_shop", "11111111-2222-3333-4444-555555555555", f"{PIXEL}0"])
def test_a_pixel_id_that_the_pixel_would_ignore_is_refused(wrong: str) -> None:
    """The constructor takes only what Snap's script takes: a UUID of versions 1 to 5, in any case, blanks around it."""
    with pytest.raises(ConfigurationError, match="pixel_id"):
        snap(pixel_id=wrong)
    assert snap(pixel_id=f" {PIXEL.upper()} ").account == PIXEL


def test_doubtful_settings_are_pointed_out() -> None:
    """A token pasted with its scheme, with blanks or cut off, and one ID used twice, are each told with advice."""
    for platform in (
        snap(access_token="Bearer eyJa.b.c"),
        snap(access_token='"quoted"'),
        snap(access_token="eyJhbGciOiJIUzI1NiJ9.eyJh"),
        snap(snap_app_id=PIXEL),
    ):
        assert len(platform.check_settings()) == 1
    assert snap(snap_app_id=APP).check_settings() == []


def test_a_request_goes_to_v3_with_the_token_encoded() -> None:
    """Events leave in one envelope to the pixel's v3 address, tests to /validate, the token percent-encoded."""
    events = [snap().server_event(conversion()), snap().server_event(conversion(PageView()))]
    live, test = snap().server_request(events), snap().server_request(events, test=True)
    token = "snap%2Ftoken%2Bof%3Dtests"

    assert live.url == f"https://tr.snapchat.com/v3/{PIXEL}/events?access_token={token}"
    assert test.url == f"https://tr.snapchat.com/v3/{PIXEL}/events/validate?access_token={token}"
    assert [one["event_name"] for one in json.loads(live.body)["data"]] == ["PURCHASE", "PAGE_VIEW"]
    assert "Authorization" not in live.headers


def test_what_was_tested_can_be_asked_for() -> None:
    """Logs and stats of tested events are asked of the pixel or the app, with the token encoded and out of sight."""
    platform = snap(snap_app_id=APP)
    logs, stats = platform.validation_logs(), platform.validation_stats(app=True)
    token = "snap%2Ftoken%2Bof%3Dtests"

    assert (logs.method, logs.body) == ("GET", b"")
    assert logs.url == f"https://tr.snapchat.com/v3/{PIXEL}/events/validate/logs?access_token={token}"
    assert stats.url == f"https://tr.snapchat.com/v3/{APP}/events/validate/stats?access_token={token}"
    assert token not in repr(logs)
    with pytest.raises(ConfigurationError, match="snap_app_id"):
        snap().validation_logs(app=True)


# --- signals ---------------------------------------------------------------------------------------------------------

CLICK = "0b7a1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d"


@pytest.mark.parametrize(
    ("query", "cookies", "click"),
    [
        ({"ScCid": "AbC-1"}, {"_scclid": "older"}, "AbC-1"),
        ({"to": f"https://shop.example/?a=1&ScCid={CLICK}"}, {}, CLICK),
        ({}, {"_scclid": "kept"}, "kept"),
        ({}, {"_scsrid": f"2|{CLICK}"}, CLICK),
        ({}, {"_scsrid": f"2%7C{CLICK}"}, CLICK),
        ({}, {"_scsrid": "1|native"}, None),
        ({"ScCid": " "}, {}, None),
        ({"ScCid": "x" * 600}, {}, None),
        ({"sc_click_id": "no"}, {}, None),
    ],
)
def test_the_click_id_is_found_where_snap_leaves_it(
    query: dict[str, str], cookies: dict[str, str], click: str | None
) -> None:
    """The URL's ScCid comes first, its case kept, then the cookies of Snap's tags and of its pixel."""
    assert snap().read_signals(query, cookies).click_id == click


def test_the_pixels_cookie_is_taken_as_it_stands() -> None:
    """The browser id is `_scid`, a UUID or not, else its replica."""
    scid = "nGq1Zk0w8Jx2Yt5LhR7aVbCd"
    assert snap().read_signals({}, {"_scid": scid, "_scid_r": "x"}).browser_id == scid
    assert snap().read_signals({}, {"_scid_r": "replica"}).browser_id == "replica"
    assert snap().read_signals({}, {}).browser_id is None


def test_the_policy_names_the_hosts_that_the_script_talks_to() -> None:
    """The sources hold the host that published policies forget, and the sandbox's own where the script is its."""
    assert "https://tr6.snapchat.com" in snap().csp_sources()["connect-src"]
    assert "https://tr.snapchat.com" in snap().csp_sources()["frame-src"]
    elsewhere = snap(script_url="http://127.0.0.1:8000/snap/scevent.min.js").csp_sources()
    assert "http://127.0.0.1:8000" in elsewhere["script-src"]
    assert "http://127.0.0.1:8000" in elsewhere["connect-src"]
