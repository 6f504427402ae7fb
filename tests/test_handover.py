"""Conversions handed over to a tag manager: one id, each platform's own words, once, and nobody's secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask, jsonify, render_template_string
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import AddToCart, Item, Purchase, Tracker
from pixeltwin.flask import PixelTwin
from pixeltwin.pages.handover import data_layer, twins
from pixeltwin.strictjson import decode, encode
from tests.pages import Page
from tests.samples import AGENT
from tests.test_flask import SETTINGS

BOUGHT = Purchase(order_id="1001", value="59.90", currency="EUR", items=[Item(id="sku-1", price="29.95", quantity=2)])


class Site:
    """A site whose tag manager fires the pixels: /buy tracks, /page, /block and /json hand over."""

    def __init__(self, **settings: Any) -> None:
        self.app = Flask("site")
        self.app.config.from_mapping({**SETTINGS, **settings})
        self.twin = PixelTwin(self.app)
        self.app.add_url_rule("/buy", "buy", self.buy, methods=["POST"])
        self.app.add_url_rule("/page", "page", lambda: render_template_string("{{ pixeltwin.data_layer('n0nce') }}"))
        block = "<p data-twins='{{ pixeltwin.hand_over() }}'></p>"
        self.app.add_url_rule("/block", "block", lambda: render_template_string(block))
        self.app.add_url_rule("/json", "json", lambda: jsonify(self.twin.hand_over()))
        self.client = self.app.test_client()
        self.client.environ_base["HTTP_USER_AGENT"] = AGENT

    def buy(self) -> str:
        self.bought = self.twin.track(BOUGHT, email="ada@example.com")
        return "bought"

    @property
    def tracker(self) -> Tracker:
        found: Tracker = self.app.extensions["pixeltwin"].tracker
        return found

    def handed(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """What one of the three ways hands over."""
        text = self.client.get(path, headers=headers).get_data(as_text=True)
        if path == "/json":
            return list(json.loads(text))
        if path == "/block":
            return list(json.loads(Page(text).elements[0].attributes["data-twins"]))
        return pushed(text)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.tracker.close()


def pushed(text: str) -> list[dict[str, Any]]:
    """The conversions in a page's script."""
    said = text.rpartition("})(")[2].partition(");\n")[0]
    return list(json.loads(f"[{said}]"))


WAYS = ["/page", "/block", "/json"]


@pytest.mark.parametrize("path", WAYS)
def test_a_conversion_is_handed_over_once_in_the_platforms_own_words(site: Site, path: str) -> None:
    """Script, data block and JSON hold each pixel's own call with the one id, numbers as numbers; the next has none."""
    site.client.post("/buy")
    calls = {
        platform.name: [{"function": one.function, "args": one.args} for one in platform.browser_calls(site.bought)]
        for platform in site.tracker.platforms
    }
    expected = [{"event": "Purchase", "id": site.bought.id, "calls": decode(encode(calls))}]
    assert site.handed(path) == expected
    assert [site.handed(again) for again in WAYS] == [[], [], []]
    [row] = site.tracker.outbox.get([site.bought.id])
    assert {one.browser for one in site.tracker.outbox.deliveries(id=row.id)} == {"offered"}


@pytest.mark.parametrize("path", WAYS)
def test_what_holds_a_conversion_is_kept_by_no_cache(site: Site, path: str) -> None:
    """The answer that hands over is private to this visitor; nothing of his e-mail address is in it."""
    site.client.post("/buy")
    answer = site.client.get(path)
    assert "no-store" in answer.headers["Cache-Control"] and "Cookie" in answer.headers["Vary"]
    digest = hashlib.sha256(b"ada@example.com").hexdigest()
    assert digest in str(site.tracker.outbox.get([site.bought.id])[0].visitor)
    assert not [said for said in (digest, "ada@") if said in answer.get_data(as_text=True)]


@pytest.mark.parametrize("consent", ["denied", "pending"])
@pytest.mark.parametrize("path", WAYS)
def test_nothing_is_handed_over_for_who_may_not_be_told(path: str, consent: str) -> None:
    """Without consent the hand-over is empty, and what waits for an answer is not used up."""
    site = Site(PIXELTWIN_CONSENT=consent)
    site.client.post("/buy")
    assert site.handed(path) == []
    assert "offered" not in {one.browser for one in site.tracker.outbox.deliveries(id=site.bought.id)}
    site.tracker.close()


@pytest.mark.parametrize("path", WAYS)
def test_a_request_ahead_of_a_click_uses_up_nothing(site: Site, path: str) -> None:
    """A prefetch gets nothing, and the page that is really opened gets the conversion."""
    site.client.post("/buy")
    assert site.handed(path, **{"Sec-Purpose": "prefetch"}) == []
    assert len(site.handed(path)) == 1


def test_it_is_empty_in_test_mode_and_on_staging() -> None:
    """Where no pixel may be told, a tag manager is told nothing either."""
    site = Site(PIXELTWIN_DELIVERY="off")
    site.client.post("/buy")
    assert [site.handed(path) for path in WAYS] == [[], [], []]
    site.tracker.close()


def test_a_descriptor_keeps_its_numbers_in_any_json(site: Site) -> None:
    """What Flask writes of a descriptor has prices as numbers, as the pixels are told them."""
    with site.app.test_request_context("/"):
        event = AddToCart(items=[Item(id="sku-1", price="29.95")], value="29.95", currency="EUR")
        said = jsonify(site.twin.descriptor(event)).get_data(as_text=True)
    assert said.count(":29.95") == 5 and '"29.95"' not in said


@given(st.text(), st.text())
def test_no_value_ends_the_script(name: str, id: str) -> None:
    """Whatever stands in a call, the script is one element that holds exactly it, in HTML and in XHTML."""
    told = [{"event": "Custom", "id": id, "calls": [["pixel", "track", [name, "</script><!--\u2028'"]]]}]
    html = str(data_layer(twins(told), nonce="n'\"<"))
    [script] = Page(html).elements
    assert ElementTree.fromstring(html).text == script.text
    assert script.attributes["nonce"] == "n'\"<"
    [twin] = pushed(str(script.text))
    assert twin["id"] == id and twin["calls"]["pixel"][0]["args"][0] == name
