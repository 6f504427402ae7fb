"""Pages that a browser fetches ahead of a click: what they hold, and what their script is told when they are shown."""

from __future__ import annotations

import json

import pytest
from flask import Response, g, render_template_string, request

from pixeltwin import AddToCart, Consent, ViewContent
from tests.pages import Page
from tests.test_flask import PAGE, Shop, fired
from tests.test_shared_pages import calls, claimed

ALL = {"reddit", "snap", "pinterest"}
AHEAD = {"Sec-Purpose": "prefetch;prerender"}


def test_a_page_fetched_ahead_asks_for_everything_when_it_is_shown() -> None:
    """It holds the script alone, which nobody's data is in; the answer to its question has the pixels, the view and the
    purchase, which no other page had, and no page has after it."""
    shop = Shop()
    shop.twin.visitor_loader(lambda: {"email": "ada@example.com"})
    client = shop.client
    client.post("/buy")
    ahead = Page(client.get("/thanks?rdt_cid=r1", headers=AHEAD).get_data(as_text=True))
    [script] = ahead.named("script")
    assert "data-claim" in script.attributes and ahead.data == {}
    answer = claimed(client, "http://localhost/thanks?rdt_cid=r1")
    assert {name for name, _ in calls(answer)} == ALL and "view" in answer.get_json()
    assert "pixeltwin_clicks=" in str(answer.headers.getlist("Set-Cookie"))
    assert fired(client.get("/thanks")) == [] == sorted(calls(claimed(client)))


def test_a_page_fetched_ahead_may_be_kept_as_any_other(caplog: pytest.LogCaptureFixture) -> None:
    """It differs by cookie like the page itself, so that a browser fetches it again when something was bought since; it
    sets no cookie, and one that says it is public stays so, without a warning: its buttons are for everybody, too."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent(request.headers["X-Consent"]))  # type: ignore[arg-type]
    shop.twin.visitor_loader(lambda: {"email": "ada@example.com"})

    @shop.app.get("/public")
    def public() -> Response:
        text = render_template_string(PAGE + "<a {{ pixeltwin.on('click', event) }}>", event=AddToCart())
        return Response(text, headers={"Cache-Control": "public, s-maxage=600"})

    for consent in ("denied", "pending", "granted"):
        answer = shop.client.get("/public?rdt_cid=r1", headers={**AHEAD, "X-Consent": consent})
        assert {"Cookie", "Sec-GPC"} <= set(answer.vary) and "Set-Cookie" not in answer.headers
        assert (answer.headers["Cache-Control"], caplog.text) == ("public, s-maxage=600", "")
        [link] = Page(answer.get_data(as_text=True)).named("a")
        assert {call[0] for call in json.loads(link.attributes["data-pixeltwin-click"])["calls"]} == ALL


@pytest.mark.parametrize(("delivery", "kept"), [("live", "private"), ("off", "public, max-age=60")])
def test_a_page_fetched_ahead_that_lacks_its_view_is_kept_for_nobody_else(delivery: str, kept: str) -> None:
    """A cache would hand it to everybody in the place of one that counts; where none counts there is no harm."""
    shop = Shop(PIXELTWIN_DELIVERY=delivery)

    @shop.app.get("/viewed")
    def viewed() -> Response:
        shop.twin.track(ViewContent())
        return Response(render_template_string(PAGE), headers={"Cache-Control": "public, max-age=60"})

    assert shop.client.get("/viewed", headers=AHEAD).headers["Cache-Control"] == kept


@pytest.mark.parametrize("now", ["denied", "pending", "granted"])
@pytest.mark.parametrize("before", ["denied", "pending", "granted"])
def test_what_a_page_shows_is_decided_when_it_is_shown(before: str, now: str) -> None:
    """Whatever the visitor had answered when it was fetched: his answer when he sees it is the one that holds."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent(request.headers.get("X-Consent", now)))  # type: ignore[arg-type]
    client = shop.client
    client.post("/buy", headers={"X-Consent": "pending"})
    ahead = Page(client.get("/thanks", headers={**AHEAD, "X-Consent": before}).get_data(as_text=True))
    assert len(ahead.named("script")) == 1
    answer = claimed(client).get_json()
    assert {name for name, _ in answer["pixels"]} == (ALL if now == "granted" else set())
    assert ("fires" in answer) == ("view" in answer) == (now == "granted")


def test_what_is_tracked_while_a_page_is_fetched_ahead_waits_for_the_question() -> None:
    """A view that sells something counts it, whoever asks, and the page shows it once somebody looks."""
    shop = Shop()

    @shop.app.get("/sells")
    def sells() -> str:
        shop.tracked.append(shop.twin.track(AddToCart()))
        return render_template_string(PAGE)

    client = shop.client
    page = client.get("/sells", headers=AHEAD)
    sold = shop.tracked[0]
    assert sold is not None and sold.stored and sold.id not in page.get_data(as_text=True)
    assert page.cache_control.no_store  # for its cookie
    assert {id for _, id in calls(claimed(client))} == {sold.id}


def test_a_page_with_its_code_in_it_works_by_itself_and_asks_too() -> None:
    """Where a site may serve no script, the pixels start from the page; a script that comes asks for the rest."""
    shop = Shop(PIXELTWIN_INLINE=True)
    client = shop.client
    client.post("/buy")
    ahead = Page(client.get("/thanks", headers=AHEAD).get_data(as_text=True))
    assert {name for name, _ in ahead.data["pixels"]} == ALL and "fires" not in ahead.data
    assert ["data-claim" in script.attributes for script in ahead.named("script")] == [False, True]
    assert {name for name, _ in calls(claimed(client))} == ALL
    shown = Page(client.get("/thanks").get_data(as_text=True))
    assert not any("data-claim" in script.attributes for script in shown.named("script"))


def test_a_page_fetched_ahead_has_the_nonce_of_its_policy() -> None:
    """Its script may run under the same policy as that of any page."""
    shop = Shop()

    @shop.app.before_request
    def nonce() -> None:
        g.csp_nonce = "n0nce"

    [script] = Page(shop.client.get("/", headers=AHEAD).get_data(as_text=True)).named("script")
    assert script.attributes["nonce"] == "n0nce"


def test_nothing_is_fetched_where_nobody_is_told() -> None:
    """With delivery switched off a page fetched ahead is as empty as any."""
    answer = Shop(PIXELTWIN_DELIVERY="off").client.get("/", headers=AHEAD)
    assert "<script" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("name", ["HX-Boosted", "HX-History-Restore-Request", "Turbo-Frame"])
@pytest.mark.parametrize("inline", [False, True])
def test_a_page_whose_head_is_dropped_uses_up_nothing(name: str, inline: bool) -> None:
    """Where htmx keeps a body alone, or Turbo a frame, what the head would have shown is there for the question."""
    shop = Shop(PIXELTWIN_INLINE=inline)
    client = shop.client
    client.post("/buy")
    page = Page(client.get("/thanks", headers={name: "true"}).get_data(as_text=True))
    assert "fires" not in page.data
    assert {name for name, _ in calls(claimed(client))} == ALL
