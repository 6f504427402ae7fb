"""docs/recipes.md does what it says, block by block: over HTTP, in real Chromium, both halves merged in the sandbox."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from flask import abort, jsonify, redirect, render_template, request, url_for
from jinja2 import DictLoader
from playwright.sync_api import Page

from pixeltwin import Consent, Purchase, Visitor
from pixeltwin.strictjson import encode
from tests.browser.site import CART, ICON, Site

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
HEAD, BODY = re.findall(r"```jinja\n(.*?)```", RECIPES, re.DOTALL)
[TAG] = re.findall(r"```html\n<script>\n(.*?)</script>\n```", RECIPES, re.DOTALL)
TWINS, STRIPE, HELD = re.findall(r"```python\n(.*?)```", RECIPES, re.DOTALL)
MERGED = ["merged"] * 3
CONTAINER = (Path(__file__).parent / "container.js").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    found.app.jinja_env.loader = DictLoader(
        {"thanks.html": f"<!doctype html>{ICON}<head>{{{{ pixeltwin.head() }}}}</head>"}
    )
    yield found
    found.stop()


@pytest.fixture
def page(visit: Any) -> Page:
    opened: Page = visit.page()
    return opened


def run(code: str, site: Site, **names: Any) -> dict[str, Any]:
    """A block of the page, as a part of this site."""
    flask = {one.__name__: one for one in (abort, jsonify, redirect, render_template, url_for)}
    modules = {one.__name__: one for one in (hashlib, hmac, json, time)}
    namespace: dict[str, Any] = {
        "app": site.app,
        "twin": site.twin,
        "request": request,
        "Purchase": Purchase,
        "Decimal": Decimal,
        **flask,
        **modules,
        **names,
    }
    exec(compile(code, "docs/recipes.md", "exec"), namespace)
    return namespace


def post(url: str, body: bytes, **headers: str) -> int:
    """The status of what a payment provider posts."""
    try:
        with urlopen(Request(url, data=body, headers=headers), timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def submit(page: Page, site: Site, path: str, **fields: str) -> None:
    """The visitor sends a form of the shop and follows where it leads."""
    page.goto(f"{site.url}/form")
    page.evaluate(
        "([path, fields]) => { const form = document.createElement('form'); form.method = 'post'; form.action = path;"
        " for (const name in fields) form.append(Object.assign(document.createElement('input'),"
        " {name, value: fields[name]})); document.body.append(form); form.submit(); }",
        [path, fields],
    )


# --- a tag manager ---------------------------------------------------------------------------------------------------


@pytest.fixture
def container(site: Site) -> None:
    """The stand-in for a tag manager, with the pixels of this site and the recipe's tag."""
    pixels: list[Any] = []
    for one in site.platforms:
        calls = one.init_calls(Visitor(), Consent.granted())
        pixels.append([calls[0].function, one.script_url, [call.args for call in calls]])
    code = CONTAINER.replace("const pixels = PIXELS", f"const pixels = {encode(pixels).decode()}")
    code = code.replace("TAG\n", TAG.replace("{{pixeltwin calls}}", "variable('pixeltwin.calls')"))
    site.app.add_url_rule("/container.js", "container", lambda: (code, {"Content-Type": "text/javascript"}))


@pytest.mark.usefixtures("container")
def test_a_tag_manager_forwards_what_the_data_layer_has(site: Site, page: Page, visit: Any) -> None:
    """Purchase and cart of one page are fired by the container alone: three merged each, once, with its own value."""
    site.policy = "script-src 'nonce-{nonce}' 'strict-dynamic'"

    def sold() -> None:
        site.buy("1001")()
        site.twin.track(CART)

    site.page("/thanks", "", HEAD)
    site.page("/sold", "", HEAD, before=sold)
    page.goto(f"{site.url}/sold")
    for event in ("AddToCart", "Purchase"):
        records = site.wait_for(event, MERGED, lambda: page.wait_for_timeout(50))
        assert len({one["id"] for one in records}) == 1
        assert all(one["browser"]["value"] == one["server"]["value"] for one in records)
    page.reload()
    page.goto(f"{site.url}/thanks")
    page.wait_for_timeout(300)
    assert all(one["repeats"] == 0 and one["counted"] == 1 for one in site.of("Purchase"))
    assert visit.complaints == []


@pytest.mark.usefixtures("container")
def test_a_page_of_the_browsers_own_cache_pushes_nothing_again(site: Site, page: Page) -> None:
    """A thank-you page that the browser kept against its headers pushes its purchase once."""
    site.page("/thanks", "", HEAD, before=site.buy("1001"))
    page.goto(f"{site.url}/thanks")
    site.wait_for("Purchase", MERGED, lambda: page.wait_for_timeout(50))
    kept = page.content()
    page.route("**/again", lambda route: route.fulfill(body=kept, content_type="text/html"))
    page.goto(f"{site.url}/again")
    page.wait_for_timeout(300)
    assert all(one["repeats"] == 0 for one in site.of("Purchase"))


@pytest.mark.usefixtures("container")
def test_what_a_button_does_is_pushed_by_the_page_behind_its_form(site: Site, page: Page) -> None:
    """Under a tag manager a form's view tracks, and three pixels are told on the page that it leads to."""
    site.page("/form", "", "")
    site.page("/next", "", HEAD)
    site.app.add_url_rule("/cart", "cart", lambda: (site.twin.track(CART), redirect("/next"))[1], methods=["POST"])
    submit(page, site, "/cart")
    page.wait_for_url("**/next")
    site.wait_for("AddToCart", MERGED, lambda: page.wait_for_timeout(50))


def test_data_and_attribute_hold_the_same(site: Site, page: Page) -> None:
    """The view answers JSON and the attribute holds it, each conversion in one of them."""
    run(TWINS, site)
    site.page("/attribute", BODY, "", before=site.buy("1001"))
    site.app.add_url_rule("/quiet", "quiet", lambda: (site.buy("1002")(), "bought")[1])
    page.goto(f"{site.url}/attribute")
    [attribute] = json.loads(page.locator("body").get_attribute("data-twins") or "")
    page.goto(f"{site.url}/quiet")
    [answered] = page.evaluate("fetch('/twins').then(answer => answer.json())")
    assert attribute["id"] != answered["id"]
    assert attribute["calls"].keys() == answered["calls"].keys() == {one.kind for one in site.platforms}
    assert page.evaluate("fetch('/twins').then(answer => answer.json())") == []


# --- Stripe ----------------------------------------------------------------------------------------------------------


class Stripe:
    """What the shop asks of Stripe's library, and what Stripe posts to the shop."""

    def __init__(self, site: Site) -> None:
        self.checkout = SimpleNamespace(Session=self)
        self.url = site.url
        self.sessions: dict[str, dict[str, Any]] = {}
        site.app.add_url_rule("/hosted/<id>", "hosted", self.hosted)

    def create(self, **said: Any) -> dict[str, Any]:
        id = f"cs_test_{len(self.sessions) + 1}"
        self.sessions[id] = {
            "id": id,
            "url": f"{self.url}/hosted/{id}",
            "client_reference_id": said["client_reference_id"],
            "success_url": said["success_url"].replace("{CHECKOUT_SESSION_ID}", id),
            "amount_total": 5990,
            "currency": "eur",
            "payment_status": "paid",
            "customer_details": {"email": "ada@example.com"},
        }
        return self.sessions[id]

    def hosted(self, id: str) -> str:
        back = self.sessions[id]["success_url"]
        # Another site's page tells the shop its origin alone.
        return f"<!doctype html>{ICON}<meta name=referrer content=origin><a href='{back}'>Paid</a>"

    def retrieve(self, id: str) -> dict[str, Any]:
        return self.sessions[id]

    def event(self, id: str, kind: str = "checkout.session.completed", **changes: str) -> bytes:
        return json.dumps({"type": kind, "data": {"object": {**self.sessions[id], **changes}}}).encode()


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    """The header as Stripe makes it, with a signature of an older secret before."""
    when = int(time.time() if at is None else at)
    made = hmac.new(secret.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={when},v1={'0' * 64},v1={made},v0=ignored"


@pytest.fixture
def stripe(site: Site) -> Stripe:
    site.page("/form", "", "")
    found = Stripe(site)
    run(STRIPE, site, stripe=found)
    return found


SECRET = "whsec_…"


def told(site: Site, page: Page, verdicts: list[str]) -> list[dict[str, Any]]:
    """The purchase's records with these verdicts; each platform counts it once."""
    site.wait_for("Purchase", verdicts, lambda: page.wait_for_timeout(50))
    page.wait_for_timeout(200)
    records = site.of("Purchase")
    assert sorted(one["verdict"] for one in records) == sorted(verdicts)
    assert len({one["id"] for one in records}) == 1 and {one["counted"] for one in records} == {1}
    return records


def test_a_checkout_is_one_purchase_whoever_tells_first(site: Site, page: Page, stripe: Stripe) -> None:
    """The visitor comes back and reloads, Stripe posts twice: one merged purchase, its session in no pixel's URL."""
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url + (one.post_data or "")))
    submit(page, site, "/pay")
    page.get_by_role("link").click()
    page.wait_for_url("**/thanks*")
    body = stripe.event("cs_test_1")
    for _ in range(2):
        assert post(f"{site.url}/stripe", body, **{"Stripe-Signature": signature(body, SECRET)}) == 204
    records = told(site, page, MERGED)
    assert all(one["server"]["value"] == one["browser"]["value"] == 59.9 for one in records)
    again = page.reload()
    assert again is not None and again.ok
    assert all(one["repeats"] == 0 for one in told(site, page, MERGED))
    assert not [url for url in asked if "/sandbox/" in url and "cs_test" in url]


def test_who_does_not_come_back_is_told_of_with_his_signals(site: Site, page: Page, stripe: Stripe) -> None:
    """Webhook alone: three server halves with the agent and the click id of the visitor, and his later page adds his
    pixels under the same id."""
    page.goto(f"{site.url}/form?rdt_cid=r1")
    submit(page, site, "/pay")
    page.wait_for_url("**/hosted/*")
    body = stripe.event("cs_test_1", "checkout.session.async_payment_succeeded")
    assert post(f"{site.url}/stripe", body, **{"Stripe-Signature": signature(body, SECRET)}) == 204
    records = told(site, page, ["server only"] * 3)
    agent = page.evaluate("navigator.userAgent")
    assert all(agent in json.dumps(one["server"]["payload"]) for one in records)
    assert "r1" in json.dumps(records[1]["server"]["payload"])
    page.goto(f"{site.url}/paid-at-stripe?session_id=cs_test_1")
    told(site, page, MERGED)


def test_what_stripe_did_not_sign_tells_of_nothing(site: Site, page: Page, stripe: Stripe) -> None:
    """A forged, changed, stale or garbled message is refused, and a session that is not paid is no purchase."""
    stripe.create(client_reference_id="1001", success_url="")
    body, unpaid = stripe.event("cs_test_1"), stripe.event("cs_test_1", payment_status="unpaid")
    wrong = {
        "another secret": signature(body, "whsec_other"),
        "another body": signature(body + b" ", SECRET),
        "too old": signature(body, SECRET, time.time() - 301),
        "from ahead": signature(body, SECRET, time.time() + 400),
        "nonsense": "t=\u00b2,v1=\u00fc,,=",
        "two times": f"t=1,{signature(body, SECRET)}",
    }
    for why, header in wrong.items():
        assert post(f"{site.url}/stripe", body, **{"Stripe-Signature": header}) == 400, why
    assert post(f"{site.url}/stripe", body) == 400
    assert post(f"{site.url}/stripe", unpaid, **{"Stripe-Signature": signature(unpaid, SECRET)}) == 204
    page.wait_for_timeout(200)
    assert site.of("Purchase") == []


# --- a payment page of somebody else's -------------------------------------------------------------------------------


@pytest.fixture
def provider(site: Site, page: Page) -> Callable[..., int]:
    """Orders as the recipe has it, with the provider's page opened; gives what posts the provider's message."""
    site.page("/", "", "")
    site.page("/form", "", "")
    site.page("/later")
    key = {"X-Key": "of the provider"}

    def from_the_provider(request: Any) -> None:
        if request.headers.get("X-Key") != key["X-Key"]:
            abort(403)

    site.page("/pay.example/1002", "pay here", "")
    run(HELD.replace("https:/", site.url), site, from_the_provider=from_the_provider)
    submit(page, site, "/order", email="ada@example.com")
    page.wait_for_url("**/pay.example/*")

    def paid(status: str, headers: Mapping[str, str] = key) -> int:
        return post(f"{site.url}/paid", urlencode({"status": status, "order": "1002"}).encode(), **headers)

    return paid


def test_a_payment_nobody_comes_back_from(site: Site, page: Page, provider: Callable[..., int]) -> None:
    """Nothing is told before the money; then the server halves go alone, and the next page adds the pixels."""
    assert provider("paid", {}) == 403
    page.wait_for_timeout(200)
    assert site.of("Purchase") == []
    assert [provider("paid") for _ in range(2)] == [204, 204]
    told(site, page, ["server only"] * 3)
    page.goto(f"{site.url}/later")
    told(site, page, MERGED)


def test_a_payment_that_failed(site: Site, page: Page, provider: Callable[..., int]) -> None:
    """What was not paid is told to nobody, on no later page either."""
    assert provider("failed") == 204
    page.goto(f"{site.url}/later")
    site.wait_for("PageView", MERGED, lambda: page.wait_for_timeout(50))
    assert site.of("Purchase") == []
