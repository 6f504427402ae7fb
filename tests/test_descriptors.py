"""What happens in a page: described and signed by the server, told by the browser, built by the server, no flood."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from pixeltwin import AddToCart, Consent, CustomEvent, Item, Lead, Purchase
from pixeltwin.consent import State
from pixeltwin.errors import InvalidInput
from pixeltwin.flask import PixelTwin
from pixeltwin.pages.carried import MOST_PENDING
from pixeltwin.pages.flood import A_SECOND, AT_ONCE, MOST_ADDRESSES, Flood
from pixeltwin.pages.telling import PLACEHOLDER
from tests.pages import Page
from tests.samples import AGENT, NOW, Clock
from tests.test_flask import SETTINGS

SAME = {"Sec-Fetch-Site": "same-origin"}
HERE = "http://localhost/p/mug?rdt_cid=r1&token=secret"
MINTED = "ab" * 32
CART = AddToCart(items=[Item(id="sku-1", name="Mug", price="29.95", quantity=2)], value="59.90", currency="EUR")


class Site:
    """A site with one event on a button; `event` may be changed. `clock` is the tracker's."""

    def __init__(self, event: Any = CART, key: str | None = None, **settings: Any) -> None:
        self.app = Flask("site")
        self.app.config.update({**SETTINGS, **settings})
        self.twin = PixelTwin(self.app)
        self.clock = self.tracker.clock = Clock()

        @self.app.get("/")
        def page() -> str:
            return render_template_string("<a {{ pixeltwin.on('click', event, key=key) }}>", event=event, key=key)

    @property
    def tracker(self) -> Any:
        return self.app.extensions["pixeltwin"].tracker

    @property
    def client(self) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["HTTP_USER_AGENT"] = AGENT
        client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
        return client

    def descriptor(self, client: FlaskClient | None = None) -> dict[str, Any]:
        [link] = Page((client or self.client).get("/").get_data(as_text=True)).named("a")
        found: dict[str, Any] = json.loads(link.attributes["data-pixeltwin-click"])
        return found

    def report(self, client: FlaskClient | None = None, headers: Any = SAME, **changes: Any) -> int:
        """What the page's script sends after a click; `changes` are made to it."""
        said = {"id": MINTED, "url": HERE, "screen": [1280, 800], **changes}
        return (client or self.client).post("/_pixeltwin/event", json=said, headers=headers).status_code

    def rows(self) -> list[Any]:
        return list({row.id: row for row in self.tracker.outbox.deliveries(limit=1000)}.values())


def test_a_click_makes_both_halves_with_the_id_of_the_browser() -> None:
    """The descriptor has the calls of all three pixels, and the report makes the server half under the minted id, with
    the visitor's signals and the cleaned page."""
    site = Site()
    described = site.descriptor()
    assert [call[0] for call in described["calls"]] == ["pinterest", "reddit", "snap"]
    assert json.dumps(described["calls"]).count(described["id"]) == 3
    assert site.report(token=described["token"]) == 204
    row = site.tracker.outbox.get([MINTED])[0]
    record, visitor = json.loads(row.record), json.loads(row.visitor)
    assert record["event"]["type"] == "AddToCart" and record["event"]["value"] == "59.90"
    assert visitor["url"] == "http://localhost/p/mug?rdt_cid=r1"
    assert visitor["click_ids"] == {"reddit": "r1"} and visitor["screen"] == [1280, 800]
    assert {one.browser for one in site.tracker.outbox.deliveries(id=MINTED)} == {"offered"}


def test_a_natural_key_has_its_own_id_whoever_reports_first() -> None:
    """A keyed event carries the derived id, which the webhook reaches too; what the browser calls it is ignored."""
    site = Site(Lead(), key="form-7")
    described = site.descriptor()
    assert described["fixed"] and described["id"] == site.tracker.derive_id(Lead(), "form-7")
    told = site.tracker.track(Lead(), key="form-7", visitor=None, consent=Consent.granted(), recall=False)
    site.report(token=described["token"])
    assert [row.id for row in site.rows()] == [described["id"]] == [told.id]


def test_a_replay_is_nothing() -> None:
    """The same report twice is one conversion."""
    site = Site()
    token = site.descriptor()["token"]
    assert [site.report(token=token) for _ in range(3)] == [204] * 3
    assert len(site.rows()) == 1


def test_two_clicks_are_two() -> None:
    """Each click mints its own id, and one descriptor serves all of them."""
    site = Site()
    token = site.descriptor()["token"]
    site.report(token=token, id="01" * 32)
    site.report(token=token, id="02" * 32)
    assert {row.id for row in site.rows()} == {"01" * 32, "02" * 32}


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "forged"},
        {"token": None},
        {"token": ["x"]},
        {"id": "short"},
        {"id": "AB" * 32},
        {"url": "http://elsewhere.example/"},
        {"url": "http://localhost.evil.example/"},
        {"url": None},
    ],
)
def test_what_was_not_signed_here_makes_no_row(changes: dict[str, Any]) -> None:
    """A forged token, a strange id or a page of another site is answered like any other and stores nothing."""
    site = Site()
    assert site.report(**{"token": site.descriptor()["token"], **changes}) == 204
    assert site.rows() == []


def test_no_value_comes_from_the_browser() -> None:
    """Whatever else a report says of the event, what was signed counts; a token of another purpose is none."""
    site = Site()
    token = site.descriptor()["token"]
    site.report(token=token, value="0.01", event={"type": "Purchase"}, key="1001", currency="USD")
    assert json.loads(site.tracker.outbox.get([MINTED])[0].record)["event"]["value"] == "59.90"
    assert site.report(id="cd" * 32, token=site.tracker.signer("pending").sign([{"type": "Lead"}, None])) == 204
    assert len(site.rows()) == 1


def test_a_descriptor_of_another_site_is_none() -> None:
    """Of two sites that have a secret key in common neither tells what the other's pages describe; a visitor's cookies
    serve both, for they may be subdomains of one domain."""
    token = Site(PIXELTWIN_SITE="other").descriptor()["token"]
    for name, rows in (("shop", 0), ("other", 1)):
        site = Site(PIXELTWIN_SITE=name)
        assert site.report(token=token) == 204
        assert len(site.rows()) == rows
    client = site.client
    client.get(HERE)
    clicks = client.get_cookie("pixeltwin_clicks")
    assert clicks
    shop = Site(PIXELTWIN_SITE="shop")
    client = shop.client
    client.set_cookie("pixeltwin_clicks", clicks.value)
    assert shop.report(client, token=shop.descriptor(client)["token"], url="http://localhost/") == 204
    assert json.loads(shop.tracker.outbox.get([MINTED])[0].visitor)["click_ids"] == {"reddit": "r1"}


def test_a_descriptor_ends_after_a_day() -> None:
    """A page that stayed open for longer than 24 hours tells nothing any more."""
    site = Site()
    token = site.descriptor()["token"]
    site.clock.advance(hours=24, seconds=2)
    site.report(token=token)
    assert site.rows() == []
    assert site.tracker.losses.snapshot()["", "report refused"] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost"}, 204),
    ],
)
def test_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    """A harvested descriptor is of no use on a page of another site."""
    site = Site()
    assert site.report(headers=headers, token=site.descriptor()["token"]) == status
    assert len(site.rows()) == (status == 204)


@pytest.mark.parametrize(
    ("url", "headers", "noticed"),
    [
        ("https://localhost/", {"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}, True),
        ("https://localhost/", {"Origin": "https://localhost"}, True),
        ("https://shop.example/", {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example"}, True),
        ("https://shop.example/", {"Origin": "https://shop.example"}, False),
        ("https://localhost/", {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"}, False),
        ("http://localhost/", {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, False),
        ("http://localhost/", {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, False),
    ],
)
def test_a_proxy_that_hides_the_sites_address_is_noticed(
    url: str, headers: dict[str, str], noticed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports of the site's own pages that look like another's are counted each, and the log says once what to do."""
    site = Site()
    for _ in range(2):
        site.report(headers=headers, token=site.descriptor()["token"], url=url)
    assert site.tracker.losses.snapshot().get(("", "hidden_by_proxy"), 0) == (2 if noticed else 0)
    assert caplog.text.count("ProxyFix(app.wsgi_app") == noticed


def test_large_bodies_are_refused() -> None:
    """More than 8 KB is not read."""
    site = Site()
    assert site.report(token=site.descriptor()["token"], more="x" * 8192) == 413
    assert site.rows() == []


@pytest.mark.parametrize("path", ["page-view", "event", "fired", "visit"])
@pytest.mark.parametrize(
    "body",
    ["[" * 8000, '{"url": ' + "[" * 4000 + "]" * 4000 + "}", '{"id": "\\ud800"}', "nothing", "[]"],
    ids=["endless", "deep", "no text", "no JSON", "a list"],
)
def test_what_is_no_report_is_refused(path: str, body: str) -> None:
    """Nonsense, however deeply it is nested, is a 400 and no fault of the server's."""
    site = Site(TESTING=False)
    answer = site.client.post(f"/_pixeltwin/{path}", data=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 400


def test_a_flood_is_cut_off_and_counted() -> None:
    """One address may report a lot at once and then so much a second; what is too much is refused and counted."""
    site = Site()
    client, token = site.client, site.descriptor()["token"]
    answers = [site.report(client, token=token, id=f"{n:064x}") for n in range(AT_ONCE + 5)]
    assert answers == [204] * AT_ONCE + [429] * 5
    assert site.tracker.losses.snapshot()["", "flood"] == 5
    assert len(site.rows()) == AT_ONCE
    site.clock.advance(seconds=30)
    assert site.report(client, token=token, id="ef" * 32) == 204


def test_consent_governs_both_halves_of_a_click() -> None:
    """Denied at rendering there is no attribute, denied when it happens no row, and of a denied platform no call."""
    denied = Site(PIXELTWIN_CONSENT="denied")
    assert "data-pixeltwin" not in denied.client.get("/").get_data(as_text=True)
    site = Site(PIXELTWIN_CONSENT="")
    answer = {"now": Consent.granted(platforms={"snap": "denied"})}
    site.twin.consent_loader(lambda: answer["now"])
    described = site.descriptor()
    assert [call[0] for call in described["calls"]] == ["pinterest", "reddit"]
    answer["now"] = Consent.denied()
    site.report(token=described["token"])
    assert site.rows() == []


@pytest.mark.parametrize("decision", ["granted", "denied"])
def test_a_click_before_the_decision_follows_it(decision: State) -> None:
    """A button of an undecided visitor names all pixels, its report is held, and his answer on that very page tells
    them under the id of the click, or nobody."""
    site = Site(PIXELTWIN_CONSENT="")
    answer: dict[str, State] = {"now": "pending"}
    site.twin.consent_loader(lambda: Consent(answer["now"]))
    client = site.client
    described = site.descriptor(client)
    assert [call[0] for call in described["calls"]] == ["pinterest", "reddit", "snap"]
    assert site.report(client, token=described["token"]) == 204
    assert {half.state for half in site.tracker.outbox.deliveries()} == {"held"}

    def claimed() -> Any:
        return client.post("/_pixeltwin/visit", json={"url": HERE}, headers=SAME).get_json()

    assert claimed()["pixels"] == []
    answer["now"] = decision
    told = {(call[0], one["id"]) for one in claimed().get("fires", ()) for call in one["calls"]}
    granted = decision == "granted"
    assert told == ({(name, MINTED) for name in ("pinterest", "reddit", "snap")} if granted else set())
    assert {half.state for half in site.tracker.outbox.deliveries()} == {"pending" if granted else "cancelled"}
    assert "fires" not in claimed()


@pytest.mark.parametrize("decision", ["granted", "denied"])
def test_clicks_at_once_before_the_decision_all_follow_it(decision: State) -> None:
    """Reports that know nothing of one another, and a form whose view tracks meanwhile, take nothing from each other;
    more than the bound are put into one cookie, and the answer takes all of them away."""
    site = Site(PIXELTWIN_CONSENT="")
    answer: dict[str, State] = {"now": "pending"}
    site.twin.consent_loader(lambda: Consent(answer["now"]))
    site.app.add_url_rule("/join", "join", lambda: (site.twin.track(Lead()), "joined")[1], methods=["POST"])
    visitor, described = site.client, site.descriptor()

    def waiting() -> set[str]:
        return {name for _, _, name in (visitor._cookies or {}) if name.startswith("pixeltwin_pending")}

    def take_from(other: FlaskClient) -> None:
        for cookie in (other._cookies or {}).values():
            visitor.set_cookie(cookie.key, cookie.value)

    at_once, clicks = [site.client for _ in range(3)], [f"{n:02x}" * 32 for n in range(3)]
    for other, id in zip(at_once, clicks, strict=True):
        assert site.report(other, token=described["token"], id=id) == 204
    joining = site.client
    joining.post("/join")
    for other in (*at_once, joining):
        take_from(other)
    assert len(waiting()) == 4
    visitor.post("/join")
    assert waiting() == {"pixeltwin_pending"}
    more = [f"{n:02x}" * 32 for n in range(100, 100 + MOST_PENDING)]
    for id in more:
        site.report(visitor, token=described["token"], id=id)
    assert len(waiting()) == 1 and site.tracker.losses.snapshot()["", "too_many_waiting"] == 5
    answer["now"] = decision
    found = visitor.post("/_pixeltwin/visit", json={"url": HERE}, headers=SAME).get_json()
    assert {one["id"] for one in found.get("fires", ())} == (set(more) if decision == "granted" else set())
    assert waiting() == set()


def test_an_event_the_site_filters_out_is_not_described() -> None:
    """What `conversion_filter` keeps out gets no attribute, and no row where a page has one from before."""
    site = Site()
    token = site.descriptor()["token"]
    site.twin.conversion_filter(lambda event: not isinstance(event, AddToCart))
    assert "data-pixeltwin" not in site.client.get("/").get_data(as_text=True)
    site.report(token=token)
    assert site.rows() == []


@pytest.mark.parametrize(
    ("head", "dest", "debug", "said"),
    [
        ("", "document", True, 1),
        ("{{ pixeltwin.data_layer() }}", "document", True, 1),
        ("{{ pixeltwin.head() }}", "document", True, 0),
        ("", "empty", True, 0),
        ("", "document", False, 0),
    ],
)
def test_in_debug_a_button_that_nothing_hears_is_spoken_of_once(
    head: str, dest: str, debug: bool, said: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole page with `on()` and without `head()` is named in the log; a part that a script fetches needs none."""
    site = Site()
    site.app.debug = debug
    buttons = "<a {{ pixeltwin.on('click', event) }}>" * 2
    site.app.add_url_rule("/cart", "cart", lambda: render_template_string(head + buttons, event=CART))
    for _ in range(2):
        site.client.get("/cart", headers={"Sec-Fetch-Dest": dest})
    found = [one for one in caplog.messages if "pixeltwin.on()" in one]
    assert len(found) == said and all("'/cart'" in one and "pixeltwin.head()" in one for one in found)


def test_only_what_the_script_hears_can_be_asked_for() -> None:
    """A kind of event that no listener waits for is an error, not a silent nothing."""
    site = Site()
    with site.app.test_request_context("/"), pytest.raises(InvalidInput, match="click, submit, change"):
        render_template_string("{{ pixeltwin.on('hover', event) }}", event=CART)


@given(st.text(min_size=1, max_size=30).filter(str.strip))
@example(PLACEHOLDER)
@example(PLACEHOLDER + "-")
@example("\"><script>alert(1)</script>'&quot;")
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    """Whatever the event is called, the attribute ends where it should and the id stands where an id belongs, alone."""
    try:
        event = CustomEvent(name=name)
    except InvalidInput:
        return
    app = Flask("site")
    app.config.update(SETTINGS)
    PixelTwin(app)
    with app.test_request_context("/"):
        html = render_template_string("<a {{ pixeltwin.on('click', event) }}>", event=event)
    [link] = Page(html).elements
    assert set(link.attributes) == {"data-pixeltwin-click"}
    described = json.loads(link.attributes["data-pixeltwin-click"])
    minted = json.loads(json.dumps(described["calls"]).replace(described["id"], MINTED))
    ids = [value for call in minted for part in call[2] if isinstance(part, dict) for value in part.values()]
    assert ids.count(MINTED) == len(minted) == json.dumps(minted).count(MINTED)


def test_a_descriptor_for_a_script_is_the_same_as_data() -> None:
    """`twin.descriptor` gives a single-page application what an attribute would hold; off a page there is none."""
    site = Site()
    with site.app.test_request_context("/", headers={"User-Agent": AGENT}):
        described = site.twin.descriptor(Purchase(order_id="1001", value="1", currency="EUR"))
    assert described is not None and described["fixed"]
    assert json.loads(json.dumps(described, default=str))["event"] == "Purchase"
    with site.app.app_context():
        assert site.twin.descriptor(CART) is None


def test_a_list_of_products_signs_each_button_once_an_hour() -> None:
    """The same event has the same descriptor on every page of an hour and a new one after it; another event or key has
    its own."""
    site = Site()
    first = site.descriptor()
    assert site.descriptor() == first
    site.clock.advance(hours=1)
    assert site.descriptor()["token"] != first["token"]
    assert {key: one for key, one in site.descriptor().items() if key != "token"} == {
        key: one for key, one in first.items() if key != "token"
    }
    assert Site(AddToCart()).descriptor()["token"] != Site(CART).descriptor()["token"]
    assert Site(CART, key="a").descriptor()["id"] != Site(CART, key="b").descriptor()["id"]


# --- floods ----------------------------------------------------------------------------------------------------------


def test_the_memory_of_addresses_is_bounded() -> None:
    """However many addresses report, so many are remembered, and the latest of them."""
    flood = Flood()
    for number in range(MOST_ADDRESSES + 10):
        assert flood.takes(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOW)
    assert len(flood) == MOST_ADDRESSES


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 40)), max_size=300))
def test_nobody_is_cut_off_for_another_and_nobody_gets_more_than_his_share(reports: list[tuple[str, int]]) -> None:
    """Within any time an address gets what it has at once and what comes back in that time, and no other takes it."""
    flood, now, taken, first = Flood(), NOW, {"a": 0, "b": 0}, NOW
    for address, tenths in reports:
        now += timedelta(seconds=tenths / 10)
        before = dict(taken)
        taken[address] += flood.takes(address, now)
        assert taken[address] <= AT_ONCE + (now - first).total_seconds() * A_SECOND + 1
        if before[address] < AT_ONCE:
            assert taken[address] == before[address] + 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db8:0:0:5::1", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("unix:", "unix:", True),
    ],
)
def test_a_household_is_one_address(one: str, other: str, same: bool) -> None:
    """All of an IPv6 network (/64) counts as one, however its addresses are written; an IPv4 address is one."""
    flood = Flood()
    for _ in range(AT_ONCE):
        flood.takes(one, NOW)
    assert flood.takes(other, NOW) is not same
