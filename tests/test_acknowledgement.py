"""What a page says of its pixels: believed of what it was shown, and of nothing else; noted once, used by delivery."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask import render_template_string
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import AddToCart, Consent, Purchase
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.events import PageView
from pixeltwin.flask.endpoints import LARGEST_REPORT
from pixeltwin.pages.acknowledgement import LIFE, MOST, heeds, read, token
from tests.pages import Page
from tests.samples import AGENT, Clock, visitor
from tests.test_descriptors import CART, MINTED, SAME
from tests.test_descriptors import Site as Button
from tests.test_flask import Shop

HERE = "http://localhost/thanks"
EVERY = ["pinterest", "reddit", "snap"]


class Thanks:
    """A shop where somebody bought and sees the page that says thanks. `given`: the purchase on it."""

    def __init__(self, **settings: Any) -> None:
        self.shop = Shop(**settings)
        self.clock = self.shop.twin_tracker.clock = Clock()
        self.client = self.shop.client
        page = self.client.post("/buy", follow_redirects=True).get_data(as_text=True)
        [self.given] = Page(page).data["fires"]

    def say(
        self, *entries: Any, headers: Mapping[str, str] = SAME, agent: str = AGENT, url: str = HERE, **more: Any
    ) -> int:
        said = {"url": url, "said": list(entries), **more}
        headers = {**headers, "User-Agent": agent}
        return self.shop.client.post("/_pixeltwin/fired", json=said, headers=headers).status_code

    def entry(self, fired: list[str], blocked: list[str] | None = None) -> list[Any]:
        return [self.given["ack"], self.given["id"], fired, blocked or []]

    def states(self, id: str | None = None) -> dict[str, str]:
        halves = self.shop.twin_tracker.outbox.deliveries(id=id or self.given["id"])
        return {one.destination.partition(":")[0]: one.browser for one in halves}


def test_what_a_page_says_of_its_purchase_is_kept_by_pixel() -> None:
    """Fired, blocked and not heard of are three states, each of one platform."""
    thanks = Thanks()
    assert thanks.say(thanks.entry(["reddit"], ["snap"])) == 204
    assert thanks.states() == {"reddit": "acknowledged", "snap": "blocked", "pinterest": "offered"}


def test_a_replay_changes_nothing() -> None:
    """What is said again, or taken back, leaves what fired as it was, with its time."""
    thanks = Thanks()
    outbox = thanks.shop.twin_tracker.outbox
    thanks.say(thanks.entry(EVERY))
    before = outbox.deliveries()
    thanks.clock.advance(minutes=5)
    thanks.say(thanks.entry(EVERY), thanks.entry([], EVERY))
    assert outbox.deliveries() == before


def test_nobody_acknowledges_what_he_was_not_shown() -> None:
    """A token forged, of another purpose, of another conversion or too old is nothing, whatever id comes with it."""
    thanks, other = Thanks(), Thanks(SECRET_KEY="another site's")
    tracker, id = thanks.shop.twin_tracker, thanks.given["id"]
    thanks.say(["", id, EVERY, []], [None, id, EVERY, []], [thanks.given["ack"] + "x", id, EVERY, []])
    thanks.say([other.given["ack"], id, EVERY, []], [tracker.signer("pending").sign(id), id, EVERY, []])
    thanks.say([token(tracker, "another"), id, EVERY, []])
    thanks.clock.advance(seconds=(LIFE + timedelta(seconds=2)).total_seconds())
    thanks.say(thanks.entry(EVERY))
    assert set(thanks.states().values()) == {"offered"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"headers": {}}, 403),
        ({"url": "https://evil.example/"}, 204),
        ({"agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, 204),
        ({"more": "x" * LARGEST_REPORT}, 413),
    ],
    ids=["another site", "no origin", "a page of another site", "a bot", "too large"],
)
def test_other_sites_bots_and_large_bodies_are_not_listened_to(changes: dict[str, Any], status: int) -> None:
    """Only a page of this site in a person's browser is heard, in a small body."""
    thanks = Thanks()
    assert thanks.say(thanks.entry(EVERY), **changes) == status
    assert set(thanks.states().values()) == {"offered"}


def test_switched_off_no_page_carries_a_token_and_no_word_is_heard() -> None:
    """`off` saves the page the token and the server the report."""
    thanks = Thanks(PIXELTWIN_ACKNOWLEDGE="off")
    assert "ack" not in thanks.given
    shown = token(thanks.shop.twin_tracker, thanks.given["id"])
    assert thanks.say([shown, thanks.given["id"], EVERY, []]) == 204
    assert set(thanks.states().values()) == {"offered"}


def test_which_events_are_heard_of_is_the_sites_choice() -> None:
    """Purchases by default, all of them or none."""
    bought = Purchase(order_id="1", value="1", currency="EUR")
    assert [heeds(what, bought) for what in ("purchases", "all", "off")] == [True, True, False]
    assert [heeds(what, AddToCart()) for what in ("purchases", "all", "off")] == [False, True, False]


def test_an_id_that_the_browser_minted_is_believed_of_its_own_event_alone() -> None:
    """A click is acknowledged with its descriptor, a keyed one under the key's own id; no descriptor serves for another
    event, and without one only a page view is believed."""
    site = Button(PIXELTWIN_ACKNOWLEDGE="all")
    described = site.descriptor()
    assert described["ack"] == 1
    site.report(token=described["token"])

    def believed(shown: Any, id: Any) -> list[str]:
        return [one.id for one in read(site.tracker, {"said": [[shown, id, EVERY, []]]})]

    assert believed(described["token"], MINTED) == [MINTED]
    assert believed(described["token"], "cd" * 32) == believed(1, MINTED) == []
    other = Button(AddToCart(value="1.00", currency="EUR")).descriptor()["token"]
    assert believed(other, MINTED) == []
    with site.app.test_request_context("/"):
        keyed = site.twin.descriptor(CART, key="cart-7")
    assert keyed is not None and believed(keyed["token"], MINTED) == []
    site.report(token=keyed["token"])
    assert believed(keyed["token"], MINTED) == [keyed["id"]]
    view = site.tracker.track(PageView(), id="ef" * 32, visitor=visitor(), consent=Consent.granted())
    assert believed(1, view.id) == [view.id]


@given(said=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=12))
def test_no_report_breaks_the_reading(said: Any) -> None:
    """Whatever comes as a report, nothing is believed of it and nothing fails."""
    assert list(read(TRACKER, {"said": said})) == list(read(TRACKER, {"said": [said]})) == []


TRACKER = Button().tracker


def test_one_report_speaks_of_twenty_conversions_at_most() -> None:
    """What stands behind the twentieth entry is not read."""
    shown = token(TRACKER, "an-id")
    assert list(read(TRACKER, {"said": [[shown, "another", EVERY, []]]})) == []
    assert len(list(read(TRACKER, {"said": [[shown, "an-id", EVERY, []]] * (MOST + 5)}))) == MOST


def test_a_pixel_that_this_site_has_not_is_nothing() -> None:
    """Names are those of the site's own pixels; a pixel named twice is one."""
    shown = token(TRACKER, "an-id")
    [said] = read(TRACKER, {"said": [[shown, "an-id", ["reddit", "reddit", "myspace", 7], ["snap", None]]]})
    assert [len(said.fired), len(said.blocked)] == [1, 1]


def test_a_store_that_cannot_be_reached_costs_the_page_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is lost, said in the log, and the browser is not told."""
    thanks = Thanks()

    def away(*_: Any, **__: Any) -> None:
        raise OutboxUnavailable("gone")

    monkeypatch.setattr(thanks.shop.twin_tracker.outbox, "acknowledge", away)
    assert thanks.say(thanks.entry(EVERY)) == 204


def test_the_code_for_it_is_kept_for_good_and_changes_its_address_with_its_content() -> None:
    """It is served like the first-party script, under the same version."""
    shop = Shop()
    with shop.app.test_request_context("/"):
        html = render_template_string("{{ pixeltwin.head() }}")
    source = next(one.attributes["src"] for one in Page(html).named("script") if "src" in one.attributes)
    answer = shop.client.get((source or "").replace("pixeltwin.js", "acknowledge.js"))
    assert answer.cache_control.immutable and answer.mimetype == "text/javascript"
    assert b"heed" in answer.data
