"""Consent in an application: banners, Global Privacy Control, the ledger, withdrawal, and who asked."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from flask import request

from pixeltwin import Consent, PageView, Purchase, Search
from pixeltwin.events import Event
from pixeltwin.tracking.ledger import Entry
from pixeltwin.visitor import sha256
from tests.samples import AGENT
from tests.test_consent_sources import FOUR_PURPOSES_FOUR_VENDORS, cookiebot, onetrust
from tests.test_flask import Shop, fired

ALL = ("pinterest", "reddit", "snap")
GRANTED, DENIED, UNDECIDED = onetrust("C0004%3A1"), onetrust("C0004%3A0"), onetrust("C0004%3A1", answered="")
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Visitor:
    """A browser in a shop: it keeps cookies."""

    def __init__(
        self, shop: Shop, cookies: Mapping[str, str] | None = None, *, host: str = "localhost", **headers: str
    ) -> None:
        self.client = shop.client
        self.host = host
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers(cookies or {})

    def answers(self, cookies: Mapping[str, str]) -> None:
        for name, value in cookies.items():
            self.client.set_cookie(name, value, domain=self.host)

    def get(self, path: str = "/", **more: Any) -> Any:
        return self.client.get(path, headers=self.headers, base_url=f"https://{self.host}", **more)

    def buy(self) -> Any:
        return self.client.post("/buy", headers=self.headers, base_url=f"https://{self.host}")

    def cookies(self) -> set[str]:
        """The names of ours."""
        kept = (self.client._cookies or {}).values()
        return {cookie.key for cookie in kept if cookie.key.startswith("pixeltwin_")}


def shop(consent: str = "onetrust", **settings: Any) -> Shop:
    return Shop(PIXELTWIN_CONSENT=consent, **settings)


def bought_undecided_about_snap(of: Shop) -> tuple[Visitor, dict[str, Consent]]:
    """A buyer who allowed the other platforms; `answer["now"]` is what he says from now on."""
    answer = {"now": Consent.granted(platforms={"snap": "pending"})}
    of.twin.consent_loader(lambda: answer["now"])
    visitor = Visitor(of)
    visitor.buy()
    return visitor, answer


def told(page: Any) -> set[str]:
    """The platforms whose pixels are on a page at all."""
    html = page.get_data(as_text=True)
    return {name for name in ALL if f'"{name}"' in html}


def states(of: Shop) -> set[str]:
    return {one.state for one in of.twin_tracker.outbox.deliveries()}


def entries(of: Shop) -> list[Entry]:
    return list(of.twin_tracker.ledger.entries())


def external_ids(of: Shop) -> set[str]:
    """The digests under which the first conversion's visitor is told."""
    sealed = of.stored_visitor(of.tracked[0])["sealed"]
    return {value for key, found in sealed.items() if key.startswith("external_id/") for value in found}


# --- banners --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "granted", "denied"),
    [
        ("onetrust", GRANTED, DENIED),
        ("cookiebot", cookiebot("true"), cookiebot("false")),
        ("tcf", {"euconsent-v2": FOUR_PURPOSES_FOUR_VENDORS}, {"euconsent-v2": "rubbish"}),
    ],
)
def test_a_banners_cookie_decides_for_both_halves(
    setting: str, granted: dict[str, str], denied: dict[str, str]
) -> None:
    """Who agreed has pixels and server halves, who refused has neither, and who was not asked waits."""
    ours = shop(setting, PIXELTWIN_TCF_VENDORS="reddit=300, snap=301, pinterest=302")
    agreed, refused, new = Visitor(ours, granted), Visitor(ours, denied), Visitor(ours)
    for visitor, stored in ((refused, 0), (new, 3), (agreed, 3)):
        visitor.buy()
        assert len(ours.twin_tracker.outbox.deliveries()) == stored
    assert (told(refused.get()), told(new.get())) == (set(), set())
    assert states(ours) == {"held"}


def test_what_waited_goes_when_the_banner_is_answered() -> None:
    """A purchase before the answer is on the first page after it, once, and its server halves are released."""
    ours = shop()
    visitor = Visitor(ours, UNDECIDED)
    visitor.buy()
    assert (fired(visitor.get("/thanks")), states(ours)) == ([], {"held"})
    visitor.answers(GRANTED)
    assert sorted(name for name, _ in fired(visitor.get("/"))) == list(ALL)
    assert states(ours) == {"pending"}
    assert fired(visitor.get("/")) == []


def test_a_banner_that_cannot_allow_a_platform_anything_is_told_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """Platforms without a vendor id are named, with the settings that would change it."""
    with caplog.at_level(logging.ERROR, "pixeltwin"):
        Visitor(shop("tcf", PIXELTWIN_TCF_VENDORS="snap=301")).get()
    assert {line.split()[0] for line in caplog.messages} == {"Reddit", "Pinterest"}


# --- Global Privacy Control -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meaning", "platforms"), [("limited", {"reddit", "snap"}), ("denied", set()), ("ignore", {*ALL})]
)
def test_global_privacy_control_lowers_what_was_granted(meaning: str, platforms: set[str]) -> None:
    """With the header a platform gets limited data or none, on both halves; who cannot limit himself gets none."""
    ours = shop("granted", PIXELTWIN_GPC=meaning)
    visitor = Visitor(ours, Sec_GPC="1")
    visitor.buy()
    page = visitor.get("/thanks")
    assert told(page) == platforms
    assert {one.destination.partition(":")[0] for one in ours.twin_tracker.outbox.deliveries() if platforms} <= {*ALL}
    sold = ours.tracked[0]
    assert sold is not None
    allowed = {one.name for one in ours.twin_tracker.platforms if one.allowed(sold.consent)}
    assert allowed == platforms
    assert all(
        one.limited(sold.consent) == (meaning == "limited")
        for one in ours.twin_tracker.platforms
        if one.name in allowed
    )
    assert {"Cookie", "Sec-GPC"} <= set(page.vary)


def test_global_privacy_control_lowers_a_loaders_answer_and_no_override() -> None:
    """The header lowers what any source says; what the site passes for one conversion is taken as it is."""
    ours = shop("denied")
    ours.twin.consent_loader(lambda: Consent.granted())

    @ours.app.get("/override")
    def override() -> str:
        event = Purchase(order_id="7", value="1", currency="EUR")
        ours.tracked.append(ours.twin.track(event, consent=Consent.granted()))
        return ""

    visitor = Visitor(ours, Sec_GPC="1")
    visitor.buy()
    visitor.get("/override")
    general, particular = ours.tracked
    assert general is not None and particular is not None
    assert (general.consent.default, particular.consent.default) == ("limited", "granted")


# --- the ledger and withdrawal --------------------------------------------------------------------------------------


def test_a_decision_is_recorded_once_and_its_change_too() -> None:
    """The first conversion under a decision records it, further ones do not, and another decision is another entry."""
    ours = shop()
    visitor = Visitor(ours, GRANTED)
    for _ in range(3):
        visitor.get("/product")
    visitor.answers(DENIED)
    for _ in range(3):
        visitor.get("/product")
    first, second = entries(ours)
    assert first.who == second.who and len(first.who) == 32
    assert {first.source, second.source} == {"onetrust"}
    assert (first.states, second.states) == (dict.fromkeys(ALL, "granted"), dict.fromkeys(ALL, "denied"))


def test_who_never_agreed_leaves_nothing() -> None:
    """Before an answer and after a refusal there is no cookie of ours but for what waits, and no entry."""
    ours = shop()
    for cookies in ({}, UNDECIDED, DENIED):
        visitor = Visitor(ours, cookies)
        visitor.get("/?rdt_cid=r1&ScCid=s1&epik=p1")
        visitor.get("/product")
        assert visitor.cookies() <= {"pixeltwin_pending"}
    assert entries(ours) == []


def test_a_fixed_answer_is_nobodys_decision() -> None:
    """A site without a banner has an empty ledger, and sets no cookie for it."""
    ours = shop("granted")
    visitor = Visitor(ours)
    visitor.get("/product")
    assert (entries(ours), visitor.cookies()) == ([], set())


def test_withdrawal_clears_our_cookies_and_what_waits() -> None:
    """Who takes his consent back has no cookie of ours, nothing that waits is sent, and no pixel is rendered."""
    ours = shop()
    visitor = Visitor(ours, GRANTED)
    visitor.get("/?rdt_cid=r1&ScCid=s1&epik=p1")
    visitor.buy()
    assert visitor.cookies() == {"pixeltwin_clicks", "pixeltwin_pending", "pixeltwin_visitor"}
    visitor.answers(DENIED)
    assert told(visitor.get("/thanks")) == set()
    assert visitor.cookies() == set()
    assert states(ours) == {"cancelled"}
    assert ours.twin_tracker.outbox.get([ours.tracked[0].id])[0].visitor is None  # type: ignore[union-attr]


def test_what_is_taken_back_holds_while_another_platform_is_still_to_be_decided_about() -> None:
    """Who allows some platforms no more is recorded, and not told of, whatever he has yet to answer."""
    ours = shop()
    visitor, answer = bought_undecided_about_snap(ours)
    visitor.get("/thanks")
    answer["now"] = Consent.denied(platforms={"snap": "pending"})
    for _ in range(2):
        visitor.get("/")
    assert "pixeltwin_visitor" in visitor.cookies()
    assert [one.states["reddit"] for one in entries(ours)] == ["granted", "denied"]
    ours.twin_tracker.deliver()
    found = {one.destination.partition(":")[0]: one.reason for one in ours.twin_tracker.outbox.deliveries()}
    assert {name: reason.partition(":")[0] for name, reason in found.items()} == {
        "reddit": "consent_withdrawn",
        "pinterest": "consent_withdrawn",
        "snap": "consent_pending",
    }


def test_what_was_shown_already_is_not_sent_after_a_withdrawal() -> None:
    """Server halves whose page is long gone follow the visitor's last decision as well."""
    ours = shop()
    visitor = Visitor(ours, GRANTED)
    visitor.buy()
    assert len(fired(visitor.get("/thanks"))) == 3
    visitor.answers(DENIED)
    visitor.get("/")
    ours.twin_tracker.deliver()
    assert {one.reason.partition(":")[0] for one in ours.twin_tracker.outbox.deliveries()} == {"consent_withdrawn"}


def test_who_answers_about_one_platform_later_is_known_by_then() -> None:
    """A conversion that a page showed to the platforms he allowed goes to the last one when he has answered for it."""
    ours = shop()
    visitor, answer = bought_undecided_about_snap(ours)
    assert len(fired(visitor.get("/thanks"))) == 2
    assert "pixeltwin_visitor" in visitor.cookies()
    tracker = ours.twin_tracker
    tracker.transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"status": "VALID"}))
    (snap,) = (one.destination for one in tracker.platforms if one.name == "snap")
    for now, state in ((answer["now"], "waiting"), (Consent.granted(), "delivered")):
        answer["now"] = now
        visitor.get("/")
        tracker.outbox.retry(now=tracker.clock())
        tracker.deliver()
        assert [one.state for one in tracker.outbox.deliveries(destination=snap)] == [state]


@pytest.mark.parametrize(("answer", "gone"), [(GRANTED, False), (UNDECIDED, False), (DENIED, True)])
def test_a_refused_platforms_own_cookies_are_deleted(answer: dict[str, str], gone: bool) -> None:
    """What vendors' scripts left on the site's domain goes with the consent, on every domain they may have chosen."""
    ours = shop()
    theirs = {"_rdt_uuid": "1.x", "_scid": "y", "_pin_unauth": "z"}
    page = Visitor(ours, {**answer, **theirs, "session": "mine"}, host="www.shop.example").get()
    deleted = {line.partition("=")[0] for line in page.headers.getlist("Set-Cookie") if "Max-Age=0" in line}
    assert deleted == ({*theirs} if gone else set())
    if gone:
        domains = [line.partition("Domain=")[2].partition(";")[0] for line in page.headers.getlist("Set-Cookie")]
        assert set(domains) == {"", "www.shop.example", "shop.example"}
        assert page.cache_control.private


def test_a_ledger_that_cannot_be_written_costs_nobody_his_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The decision is recorded with the next request, and the page is served."""
    ours = shop(PIXELTWIN_ON_ERROR="log", TESTING=False)
    visitor = Visitor(ours, GRANTED)
    tracker = ours.twin_tracker
    with monkeypatch.context() as broken:
        broken.setattr(tracker.ledger, "record", lambda *_, **__: 1 / 0)
        assert visitor.get("/product").status_code == 200
    assert "tracking fault (consent): ZeroDivisionError at " in caplog.text
    visitor.get("/product")
    assert len(entries(ours)) == 1


# --- attribution ----------------------------------------------------------------------------------------------------


def test_a_guest_has_one_external_id_on_both_halves() -> None:
    """With the setting a guest who agreed is the same person in the pixel and in the server event, on every page."""
    ours = shop(PIXELTWIN_VISITOR_ID="on")
    visitor = Visitor(ours, GRANTED)
    page = visitor.get("/")
    assert page.cache_control.private
    visitor.buy()
    (digest,) = external_ids(ours)
    for shown in (page, visitor.get("/thanks"), visitor.get("/")):
        assert digest in shown.get_data(as_text=True)


def test_a_customer_is_told_by_his_own_id() -> None:
    """What the site knows of somebody comes before the id of a guest, and without the setting there is none."""
    for settings, ids in (({"PIXELTWIN_VISITOR_ID": "on"}, 1), ({}, 0)):
        ours = shop(**settings)
        if ids:
            ours.twin.visitor_loader(lambda: {"external_id": "customer-1"})
        Visitor(ours, GRANTED).buy()
        assert external_ids(ours) == ({sha256("customer-1")} if ids else set())


def test_a_screen_that_the_browser_reported_is_with_the_purchase() -> None:
    """The server of a page sees no screen: what the page's script told is kept with the visitor, and not without his
    consent."""
    for cookies, screen in ((GRANTED, [1280, 720]), (UNDECIDED, None)):
        ours = shop()
        visitor = Visitor(ours, cookies)
        for size in ([800, 600], [1280, 720], "wide"):
            view = {"id": secrets.token_hex(32), "url": "https://localhost/", "screen": size}
            origin = {"Origin": "https://localhost"}
            visitor.client.post("/_pixeltwin/page-view", json=view, headers=origin, base_url="https://localhost")
        visitor.buy()
        assert ours.stored_visitor(ours.tracked[0]).get("screen") == screen


@pytest.mark.parametrize("way", ["track", "hold"])
def test_the_sites_filter_is_asked_of_what_is_built_lazily(way: str) -> None:
    """A filter sees every event once, whether it came as an event or as what builds one, on the page and off it."""
    ours = shop("granted")
    seen: list[Any] = []

    @ours.twin.conversion_filter
    def no_test_orders(event: Event) -> bool:
        seen.append(event)
        return isinstance(event, Purchase) and event.order_id != "test"

    def order() -> str:
        for key in ("test", "real"):
            one = Purchase(order_id=f"{key}", value="1", currency="EUR")
            ours.tracked.append(getattr(ours.twin, way)(lambda one=one: one, consent=Consent.granted()))
        return ""

    ours.app.add_url_rule("/page", "on", order)
    ours.app.add_url_rule("/hook", "off", ours.twin.off_page(lambda: order()))
    for path in ("/page", "/hook"):
        seen.clear()
        ours.client.get(path)
        assert [event.order_id for event in seen] == ["test", "real"]
        assert [one.stored for one in ours.tracked[-2:] if one] == [False, True]


def test_cookies_may_be_shared_by_subdomains() -> None:
    """With the setting all our cookies are set for the domain, and deleted there."""
    ours = shop(PIXELTWIN_COOKIE_DOMAIN="shop.example")
    visitor = Visitor(ours, GRANTED, host="www.shop.example")
    set_first = visitor.get("/product?rdt_cid=R1").headers.getlist("Set-Cookie")
    visitor.answers(DENIED)
    deleted = visitor.get().headers.getlist("Set-Cookie")
    for lines in (set_first, deleted):
        assert {line.partition("=")[0] for line in lines} == {"pixeltwin_clicks", "pixeltwin_visitor"}
        assert all("Domain=shop.example" in line and "Secure" in line and "HttpOnly" in line for line in lines)
    assert all("Max-Age=0" in line for line in deleted)


def test_a_click_is_attached_days_later_and_in_the_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The click id of a landing, letter by letter, is with the purchase of another day and with what is reported off
    the page."""
    ours = shop()

    @ours.app.post("/checkout")
    def checkout() -> str:
        ours.twin.remember("55")
        return ""

    @ours.app.post("/hook")
    @ours.twin.off_page
    def hook() -> str:
        ours.tracked.append(ours.twin.track(Purchase(order_id="55", value="1", currency="EUR")))
        return ""

    visitor = Visitor(ours, GRANTED)
    visitor.get("/?ScCid=aBcD-eF&rdt_cid=XyZ1")
    visitor.buy()
    visitor.client.post("/checkout")
    ours.client.post("/hook")
    for conversion in ours.tracked:
        assert ours.stored_visitor(conversion)["click_ids"] == {"snap": "aBcD-eF", "reddit": "XyZ1"}


# --- who asked ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "sandbox", "told_address"),
    [
        ("203.0.113.7", None, True),
        ("2001:db8::7", None, True),
        ("10.0.0.7", None, False),
        ("127.0.0.1", None, False),
        ("127.0.0.1", "http://127.0.0.1:9", True),
        ("", None, False),
    ],
)
def test_an_address_from_within_a_network_is_nobodys(address: str, sandbox: str | None, told_address: bool) -> None:
    """A proxy's own address is not told as the visitor's; in a sandbox everybody is on this machine."""
    ours = shop("granted", PIXELTWIN_SANDBOX=sandbox)
    client = ours.client
    client.environ_base["REMOTE_ADDR"] = address
    client.post("/buy", headers={"X-Forwarded-For": "198.51.100.1"})
    sealed = ours.stored_visitor(ours.tracked[0])["sealed"]
    assert any(key.startswith("ip_address/") for key in sealed) == told_address
    assert "198.51.100.1" not in str(sealed)


@pytest.mark.parametrize(
    ("headers", "method", "counted"),
    [
        ({"User-Agent": AGENT}, "get", True),
        ({"User-Agent": BOT}, "get", False),
        ({"User-Agent": ""}, "get", False),
        ({"User-Agent": AGENT, "Sec-Purpose": "prefetch;prerender"}, "get", False),
        ({"User-Agent": AGENT, "X-Moz": "prefetch"}, "get", False),
        ({"User-Agent": AGENT}, "head", False),
    ],
)
@pytest.mark.parametrize("lazily", [False, True])
def test_nobody_sees_no_page_and_a_purchase_always_counts(
    headers: dict[str, str], method: str, counted: bool, lazily: bool
) -> None:
    """Views and searches of bots and of requests made ahead of a click are counted as losses; purchases never are."""
    ours = shop("granted")

    @ours.app.get("/find")
    def find() -> str:
        for event in (PageView(), Search(search_string="mug"), Purchase(order_id="9", value="1", currency="EUR")):
            ours.tracked.append(ours.twin.track((lambda one=event: one) if lazily else event))
        assert request.user_agent.string == headers["User-Agent"]
        return ""

    getattr(ours.client, method)("/find", headers=headers)
    stored = {one.event for one in ours.twin_tracker.outbox.deliveries()}
    assert stored == ({"PageView", "Search", "Purchase"} if counted else {"Purchase"})
    lost = ours.twin_tracker.losses.snapshot()
    assert (lost.get(("", "bot"), 0) + lost.get(("", "fetched_ahead"), 0) == 2) is not counted
    purchase = ours.stored_visitor(ours.tracked[-1])
    assert purchase.get("user_agent", "") == headers["User-Agent"]
