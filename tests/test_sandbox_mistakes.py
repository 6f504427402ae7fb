"""The sandbox judges anybody's traffic: the ten commonest mistakes, made by a shop that knows nothing of pixeltwin.

The shop speaks HTTP as a WooCommerce extension does: the pixel scripts' own hits and the APIs' JSON, written by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

import pytest

from pixeltwin import Item, Purchase, Visitor
from pixeltwin.sandbox import create_sandbox
from tests.samples import AGENT
from tests.sandboxed import KINDS, Callers, conversion, serving

PIXEL = "2f6c1a52-8f0e-4d6b-9c1e-3b7a5d9e0f11"
KEY = "wc_order_8fZ3kQ1"
EMAIL = hashlib.sha256(b"ada@example.com").hexdigest()
TOKEN = {"Authorization": "Bearer wc-test-token"}
CUSTOMER = Visitor(
    email="ada@example.com", phone="+4930901820", external_id="c-1", ip_address="203.0.113.7", user_agent=AGENT
)


@pytest.fixture(scope="module")
def server() -> Iterator[Callers]:
    with serving(create_sandbox()) as callers:
        yield callers


@pytest.fixture
def shop(server: Callers) -> Shop:
    server.post("/api/reset")
    return Shop(server)


@dataclass
class Shop:
    """Two pixels and an account, by raw HTTP."""

    http: Callers

    def now(self) -> datetime:
        told: str = self.http.send("GET", "/api/clock").json["now"]
        return datetime.fromisoformat(told.replace("Z", "+00:00"))

    def reddit_pixel(self, event: str = "Purchase", **fields: Any) -> None:
        hit = {"id": "a2_shop", "event": event, "ts": int(self.now().timestamp() * 1000), **fields}
        assert self.http.send("GET", f"/reddit/rp.gif?{urlencode(hit)}").status == 200

    def reddit_api(self, kind: str = "PURCHASE", **metadata: Any) -> int:
        event = {
            "event_at": int(self.now().timestamp() * 1000),
            "action_source": metadata.pop("action_source", "WEBSITE"),
            "type": {"tracking_type": kind},
            "user": {"email": EMAIL},
            "metadata": metadata,
        }
        return self.post("/reddit/api/v3/pixels/a2_shop/conversion_events", {"data": {"events": [event]}})

    def snap_pixel(self, **fields: Any) -> None:
        event = {"pid": PIXEL, "ev": "PURCHASE", "ts": int(self.now().timestamp() * 1000), **fields}
        dropped = event.pop("dropped", {})
        body = {"ctx": {"v": "3.54.7"}, "req": [{"t": event, "dropped": dropped}]}
        assert (
            self.http.send("POST", "/snap/p", json.dumps(body).encode(), {"Content-Type": "text/plain"}).status == 200
        )

    def snap_api(self, custom: dict[str, Any], pixel: str = PIXEL, name: str = "PURCHASE", **fields: Any) -> int:
        event = {
            "event_name": name,
            "event_time": int(self.now().timestamp()),
            "action_source": "WEB",
            "event_source_url": "https://shop.example/thanks",
            "user_data": {"em": [EMAIL]},
            "custom_data": custom,
            **fields,
        }
        return self.post(f"/snap/v3/{pixel}/events?access_token=wc-test-token", {"data": [event]})

    def pinterest_tag(self, event: str = "checkout", **data: Any) -> None:
        hit = {"tid": "2612345678901", "event": event, "ed": json.dumps(data)}
        assert self.http.send("GET", f"/pinterest/v3/?{urlencode(hit)}").status == 200

    def pinterest_api(self, happened: datetime | None = None, **fields: Any) -> int:
        event = {
            "event_name": "checkout",
            "event_time": int((happened or self.now()).timestamp()),
            "action_source": "web",
            "event_id": KEY,
            "user_data": {"em": [EMAIL]},
            **fields,
        }
        return self.post("/pinterest/v5/ad_accounts/549755885175/events", {"data": [event]})

    def post(self, path: str, body: Any) -> int:
        headers = {"Content-Type": "application/json", "User-Agent": "WooCommerce/9.1 (shop.example)", **TOKEN}
        return self.http.send("POST", path, json.dumps(body).encode(), headers).status

    # --- what the sandbox says ---------------------------------------------------------------------------------------

    def counted(self) -> int:
        return sum(record["counted"] for record in self.http.records())

    def explanations(self) -> str:
        return "\n".join(" ".join([record["reason"], *record["warnings"]]) for record in self.http.records())


def test_a_shop_that_does_it_right_is_told_so(shop: Shop) -> None:
    """Hand-written traffic with one ID in the right fields merges on every platform, by the fields that decide it."""
    shop.reddit_pixel(**{"m.conversionId": hashlib.sha256(KEY.encode()).hexdigest(), "m.valueDecimal": "59.90"})
    shop.snap_pixel(cdid=KEY, e_tid="1001", e_pr=59.9)
    shop.pinterest_tag(event_id=KEY, value=59.9)
    assert shop.reddit_api(conversion_id=KEY, value=59.9) == 200
    assert shop.snap_api({"order_id": "1001", "value": "59.90", "currency": "EUR"}, event_id=KEY) == 200
    assert shop.pinterest_api(custom_data={"value": "59.90"}) == 200
    decided = {record["platform"]: (record["verdict"], record["decided_by"]) for record in shop.http.records()}
    assert decided == {
        "reddit": ("merged", ["conversionId", "metadata.conversion_id"]),
        "snap": ("merged", ["client_dedup_id", "event_id"]),
        "pinterest": ("merged", ["event_id", "event", "event_name"]),
    }
    assert not any(record["warnings"] for record in shop.http.records())


def test_1_the_id_in_a_field_of_the_api_that_nobody_reads(shop: Shop) -> None:
    """An event_id inside custom_data merges nothing: the sandbox names the place it is in and the one it belongs to."""
    shop.snap_pixel(ev="ADD_CART", cdid=KEY)
    assert shop.snap_api({"event_id": KEY}, name="ADD_CART") == 200
    assert shop.counted() == 2
    assert "reads the ID from event_id; the server event carried it as custom_data.event_id." in shop.explanations()


def test_2_the_id_under_a_name_that_the_pixel_drops(shop: Shop) -> None:
    """An event_id in a call that wants client_dedup_id never leaves the page: the sandbox says what the call said."""
    shop.snap_pixel(ev="ADD_CART", cdid="@-0d7e…", dropped={"event_id": KEY})
    assert shop.snap_api({}, name="ADD_CART", event_id=KEY) == 200
    assert shop.counted() == 2
    said = "reads the ID from client_dedup_id; the browser call carried it as event_id, which the pixel drops."
    assert said in shop.explanations()


def test_3_an_id_made_on_each_side(shop: Shop) -> None:
    """One order under two IDs counts twice: the sandbox puts the halves together by the order and says so."""
    shop.pinterest_tag(event_id="checkout66f0a1", order_id="1001", value=59.9)
    assert shop.pinterest_api(event_id="checkout66f0a2", custom_data={"order_id": "1001"}) == 200
    [record] = shop.http.records()
    assert (record["verdict"], record["counted"], record["decided_by"]) == ("counted twice", 2, ["event_id"])
    assert "event_id differs" in record["reason"]


def test_4_a_wrapper_without_an_id(shop: Shop) -> None:
    """A pixel call without an ID is found by the value it shares with the server half, and what it lacks is named."""
    shop.pinterest_tag("addtocart", value=10)
    assert shop.pinterest_api(event_name="add_to_cart", custom_data={"value": "10.00"}) == 200
    assert shop.counted() == 2
    assert "carries no ID in a field that Pinterest reads" in shop.explanations()
    assert "worth 10 too, arrived at the same time with an ID: is it the twin?" in shop.explanations()


def test_5_two_names_for_one_event(shop: Shop) -> None:
    """One ID under two event names is two conversions: the sandbox shows each half the other one's name."""
    shop.reddit_pixel("SignUp", **{"m.conversionId": KEY})
    assert shop.reddit_api("LEAD", conversion_id=KEY) == 200
    assert shop.counted() == 2
    assert "A server half with the same ID arrived as LEAD" in shop.explanations()
    assert "A browser half with the same ID arrived as SIGN_UP" in shop.explanations()
    one, other = shop.http.records()
    assert (one["twin"], other["twin"]) == (other["key"], one["key"])
    told = shop.http.send("GET", f"/api/conversions/{one['key']}").json
    assert told["beside"] == other["server"]
    assert {field["name"]: field["state"] for field in told["fields"]}["event"] == "different"


def test_6_the_thank_you_page_opened_again_after_the_window(shop: Shop) -> None:
    """The same page on another day fires the same ID past the window: counted again, with the time between."""
    shop.pinterest_tag(event_id=KEY)
    shop.http.advance(hours=49)
    shop.pinterest_tag(event_id=KEY)
    [record] = shop.http.records()
    assert (record["verdict"], record["counted"]) == ("counted twice", 2)
    assert "49 h 0 min apart: over 48 hours" in record["reason"]


def test_7_one_id_for_many_visitors(shop: Shop) -> None:
    """An ID that a cached page gives to everybody swallows conversions: the sandbox sees two orders under one ID."""
    shop.pinterest_tag(event_id=KEY, order_id="1001", value=10)
    shop.pinterest_tag(event_id=KEY, order_id="1002", value=25)
    [record] = shop.http.records()
    assert (record["counted"], record["repeats"]) == (1, 1)
    assert "One ID, but the browser half named 2 orders (1001, 1002), counted as one." in shop.explanations()


def test_8_a_spelling_of_the_id_of_its_own(shop: Shop) -> None:
    """IDs that differ in case or blanks are two IDs: the sandbox sees that they were meant as one, hashed or not."""
    shop.reddit_pixel(**{"m.conversionId": hashlib.sha256(KEY.lower().encode()).hexdigest()})
    assert shop.reddit_api(conversion_id=f" {KEY}") == 200
    assert "conversion_id differ" in shop.explanations()
    shop.pinterest_tag("addtocart", event_id=KEY)
    shop.pinterest_api(event_name="add_to_cart", event_id=KEY.upper())
    assert shop.counted() == 4
    assert "The two IDs differ only in blanks or in upper and lower case" in shop.explanations()


def test_9_a_queue_that_delivers_too_late(shop: Shop) -> None:
    """A server half sent hours after its event may not merge: the sandbox says how late it was, and is unsure."""
    happened = shop.now()
    shop.pinterest_tag(event_id=KEY)
    shop.http.advance(hours=3)
    assert shop.pinterest_api(happened) == 200
    [record] = shop.http.records()
    assert (record["counted"], record["certain"], record["decided_by"]) == (2, False, ["event_time"])
    assert "3 h 0 min after event_time" in record["reason"]


def test_10_two_values_for_one_order(shop: Shop) -> None:
    """Cents beside euros, or a total beside a subtotal: where it does not part the halves, the sandbox still tells."""
    shop.snap_pixel(e_tid="1001", e_pr=59.9)
    assert shop.snap_api({"order_id": "1001", "value": 5990, "currency": "EUR"}, event_id=KEY) == 200
    [parted] = shop.http.records()
    assert (parted["counted"], parted["decided_by"][-2:]) == (2, ["price", "custom_data.value"])
    assert "price and custom_data.value differ (59.9 and 5990)" in parted["reason"]
    shop.pinterest_tag(event_id=KEY, value=59.9)
    assert shop.pinterest_api(custom_data={"value": "49.90"}) == 200
    assert "The halves that are one do not say one value: 59.9 and 49.90." in shop.explanations()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"action_source": "website"}, "invalid action_source"),
        ({"value": "59,90"}, "expected a number"),
        ({"event_id": KEY}, "unknown field 'event_id'"),
    ],
)
def test_what_a_platform_refuses_is_told_in_its_words(shop: Shop, change: dict[str, Any], said: str) -> None:
    """A server half that the vendor's schema refuses is a rejected record, and its reason names the field."""
    shop.reddit_pixel(**{"m.conversionId": KEY})
    assert shop.reddit_api(**{"conversion_id": KEY, **change}) == 400
    assert said in shop.explanations()


def test_an_event_in_two_units_of_time_is_refused(shop: Shop) -> None:
    """Milliseconds where seconds are wanted are a date in the far future, and the refusal says which unit it is."""
    shop.pinterest_tag(event_id=KEY)
    assert shop.pinterest_api(event_time=int(datetime.now(timezone.utc).timestamp() * 1000)) == 422
    assert "it is Unix time in seconds" in shop.explanations()


def test_fields_stand_side_by_side(shop: Shop) -> None:
    """One record tells, field by field under both names, what is equal, different or missing on one side."""
    shop.snap_pixel(cdid=KEY, e_tid="1001", e_pr=59.9, e_iids="a,b", u_hem=EMAIL)
    shop.snap_api({"order_id": "1001", "value": "49.90", "content_ids": ["a", "b"], "currency": "EUR"}, event_id=KEY)
    [record] = shop.http.records()
    fields = shop.http.send("GET", f"/api/conversions/{record['key']}").json["fields"]
    states = {field["name"]: field["state"] for field in fields}
    assert states == {
        "ID": "equal",
        "event": "equal",
        "order id": "equal",
        "value": "different",
        "currency": "missing in browser",
        "item ids": "equal",
        "email": "equal",
        "page": "missing in browser",
    }
    assert fields[0]["browser_name"] == "client_dedup_id"
    assert fields[0]["browser_path"] == ["cdid"]
    assert shop.http.send("GET", "/api/conversions/999").status == 404


def test_a_twin_is_not_seen_in_a_stranger(shop: Shop) -> None:
    """Two conversions that have nothing in common but their event are linked only while they are a minute apart."""
    shop.pinterest_tag("addtocart", event_id="a-1", value=10)
    shop.http.advance(minutes=5)
    shop.pinterest_api(event_name="add_to_cart", event_id="b-2", custom_data={"value": "25"})
    assert [record["twin"] for record in shop.http.records()] == [None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_pixeltwins_own_halves_differ_in_nothing(server: Callers, kind: str) -> None:
    """Of what pixeltwin itself sends, every field that both halves have a place for is equal when read side by side."""
    server.post("/api/reset")
    items = [Item(id="sku-1", name="Boots", category="Shoes", brand="Parker", price="29.95", quantity=2)]
    event = Purchase(order_id="1001", value="59.90", currency="EUR", items=items)
    server.both(kind, conversion(event, datetime.now(timezone.utc), visitor=CUSTOMER))
    record = server.record()
    fields = server.send("GET", f"/api/conversions/{record['key']}").json["fields"]
    assert {field["state"] for field in fields} <= {"equal", "browser's own", "server's own"}
    assert {"ID", "event", "value", "currency", "item count"} <= {
        field["name"] for field in fields if field["state"] == "equal"
    }
