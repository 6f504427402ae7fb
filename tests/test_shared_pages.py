"""Pages that caches keep, and policies: what a page holds, what its response says, and where the nonce is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Response, g, render_template_string, request

from pixeltwin import AddToCart, Consent
from tests.pages import Page
from tests.test_flask import PAGE, Shop, fired

CACHED = "<html><head>{{ pixeltwin.head(cached=True) }}</head></html>"
SAME = {"Sec-Fetch-Site": "same-origin"}
LATER = "Wed, 18 May 2099 03:33:20 GMT"


def claimed(client: Any, url: str = "http://localhost/") -> Any:
    """What the page's script is told when it asks."""
    return client.post("/_pixeltwin/visit", json={"url": url}, headers=SAME)


def calls(answer: Any) -> set[tuple[str, str]]:
    return {(call[0], one["id"]) for one in answer.get_json().get("fires", ()) for call in one["calls"]}


@pytest.mark.parametrize("setting", [True, False], ids=["for all pages", "for one page"])
def test_a_shared_page_is_the_same_for_everybody_and_asks_for_the_rest(setting: bool) -> None:
    """It holds the first-party script alone and says nothing about caching; this visitor's conversions and pixels are
    the answer to its question, once, and for nobody else to keep."""
    shop = Shop(PIXELTWIN_PAGE_CACHE="shared" if setting else "none")
    shop.app.add_url_rule("/shared", "shared", lambda: render_template_string(PAGE if setting else CACHED))
    buyer, other = shop.client, shop.client
    buyer.post("/buy")
    page = buyer.get("/shared?rdt_cid=r1")
    text = page.get_data(as_text=True).replace("<body>0</body>", "")
    assert text == other.get("/shared").get_data(as_text=True).replace("<body>0</body>", "")
    [script] = Page(text).named("script")
    assert "data-claim" in script.attributes and Page(text).data == {}
    assert not {"Vary", "Cache-Control", "Set-Cookie"} & set(page.headers.keys())
    bought = shop.tracked[0]
    assert bought is not None
    assert calls(claimed(other)) == set()
    answer = claimed(buyer)
    assert calls(answer) == {(name, bought.id) for name in ("reddit", "snap", "pinterest")}
    assert [name for name, _ in answer.get_json()["pixels"]] == ["pinterest", "reddit", "snap"]
    assert answer.cache_control.no_store
    assert calls(claimed(buyer)) == set()


def test_a_landing_on_a_page_of_the_sites_own_cache_changes_nothing_of_it() -> None:
    """A page that Flask-Caching or the like hands out without rendering it stays public, click id in its URL or not."""
    shop = Shop(PIXELTWIN_PAGE_CACHE="shared")
    kept = Response("rendered before", headers={"Cache-Control": "public, s-maxage=600"})
    shop.app.add_url_rule("/kept", "kept", lambda: kept)
    answer = shop.client.get("/kept?rdt_cid=r1")
    assert answer.headers["Cache-Control"] == "public, s-maxage=600" and "Set-Cookie" not in answer.headers


def test_a_landing_on_a_shared_page_is_remembered_by_its_question() -> None:
    """The click id in the URL of a kept page reaches the site with the question, and the purchase."""
    shop = Shop(PIXELTWIN_PAGE_CACHE="shared")
    client = shop.client
    client.get("/?rdt_cid=r1&token=secret")
    answer = claimed(client, "http://localhost/?rdt_cid=r1&token=secret")
    assert answer.get_json()["drop"] == ["token"]
    client.post("/buy")
    assert shop.stored_visitor(shop.tracked[0])["click_ids"] == {"reddit": "r1"}


def test_a_button_on_a_shared_page_is_the_same_for_everybody() -> None:
    """Its descriptor names all pixels, whoever came first; those that were not started hear nothing of it."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent(request.args["consent"]))  # type: ignore[arg-type]
    button = "<a {{ pixeltwin.on('click', event) }}></a>"
    shop.app.add_url_rule("/b", "b", lambda: render_template_string(CACHED + button, event=AddToCart()))
    for consent in ("granted", "denied", "pending"):
        [link] = Page(shop.client.get(f"/b?consent={consent}").get_data(as_text=True)).named("a")
        described = json.loads(link.attributes["data-pixeltwin-click"])
        assert [call[0] for call in described["calls"]] == ["pinterest", "reddit", "snap"]


def test_a_part_of_a_page_whose_buttons_follow_one_visitors_consent_is_kept_for_nobody_else() -> None:
    """A fragment that a page fetches has buttons and no `head()`: public as it says it is, it is made private."""
    shop = Shop(PIXELTWIN_CONSENT="onetrust")
    button = "<a {{ pixeltwin.on('click', event) }}></a>"

    @shop.app.get("/part")
    def part() -> Response:
        return Response(render_template_string(button, event=AddToCart()), headers={"Cache-Control": "public"})

    refused = shop.client
    refused.set_cookie("OptanonConsent", "groups=C0004%3A0")
    refused.set_cookie("OptanonAlertBoxClosed", "x")
    for visitor in (shop.client, refused):
        answer = visitor.get("/part")
        assert answer.headers["Cache-Control"] == "private" and {"Cookie", "Sec-GPC"} <= set(answer.vary)


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        ("http://localhost/", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("http://localhost/", {}, 403),
        ("http://evil.example/", SAME, 200),
    ],
)
def test_other_sites_learn_nothing(url: str, headers: dict[str, str], status: int) -> None:
    """A question from another site is refused, one about another site's page gets nothing, and nothing is used up."""
    shop = Shop()
    client = shop.client
    client.post("/buy")
    answer = client.post("/_pixeltwin/visit", json={"url": url}, headers=headers)
    assert answer.status_code == status
    assert b"Purchase" not in answer.data and b"pixels" not in answer.data
    assert len(fired(client.get("/thanks"))) == 3


def test_denied_consent_is_answered_with_no_pixel() -> None:
    """A shared page of somebody who refused is told of no pixel."""
    answer = claimed(Shop(PIXELTWIN_CONSENT="denied").client).get_json()
    assert answer["pixels"] == [] and "view" not in answer and "fires" not in answer


def test_a_page_that_says_it_may_be_shared_but_is_one_visitors_is_protected(caplog: pytest.LogCaptureFixture) -> None:
    """Where consent differs by visitor, `head()` in a public response makes it private and says what to do instead."""
    shop = Shop(PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(lambda: Consent.granted() if "yes" in request.cookies else Consent.denied())

    @shop.app.get("/public/<kind>")
    def public(kind: str) -> Response:
        response = Response(render_template_string(CACHED if kind == "cached" else PAGE))
        response.headers["Cache-Control"] = "public, s-maxage=600"
        return response

    assert shop.client.get("/public/cached").headers["Cache-Control"] == "public, s-maxage=600"
    assert caplog.text == ""
    assert shop.client.get("/public/own").headers["Cache-Control"] == "private"
    assert "head(cached=True)" in caplog.text


@pytest.mark.parametrize(
    ("says", "becomes"),
    [
        ({"Cache-Control": "max-age=300"}, "private"),
        ({"Cache-Control": "max-age=300", "Expires": LATER}, "private"),
        ({"Cache-Control": "max-age=0", "Expires": LATER}, "max-age=0"),
        ({"Expires": LATER}, "private"),
        ({"Expires": "0"}, None),
        ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        ({"Cache-Control": "private, max-age=300"}, "private, max-age=300"),
        ({"Cache-Control": "no-store, max-age=300"}, "no-store, max-age=300"),
        ({"Cache-Control": "no-cache"}, "no-cache"),
        ({}, None),
    ],
)
def test_a_page_that_a_shared_cache_may_keep_without_being_told_so_is_protected(
    says: dict[str, str], becomes: str | None
) -> None:
    """A lifetime alone lets caches keep a page for everybody; where consent differs by visitor it is made private;
    what keeps it to one visitor or to none already stays as it is, and so does any page where all are treated alike."""
    for consent, expected in (("onetrust", becomes), ("granted", says.get("Cache-Control"))):
        shop = Shop(PIXELTWIN_CONSENT=consent)
        shop.app.add_url_rule("/p", "p", lambda: Response(render_template_string(PAGE), headers=says))
        answer = shop.client.get("/p")
        assert answer.headers.get("Cache-Control") == expected
        kept = None if expected == "private" else says.get("Expires")
        assert answer.headers.get("Expires") == kept


def test_what_is_tracked_on_a_shared_page_waits_for_the_question() -> None:
    """A view that tracks and then renders a shared page makes no cache keep the conversion, and loses it neither."""
    shop = Shop()

    @shop.app.get("/shared")
    def shared() -> str:
        shop.tracked.append(shop.twin.track(AddToCart()))
        return render_template_string(CACHED)

    client = shop.client
    page = client.get("/shared")
    added = shop.tracked[0]
    assert added is not None and added.id not in page.get_data(as_text=True)
    assert page.cache_control.no_store  # for its cookie
    assert {id for _, id in calls(claimed(client))} == {added.id}


# --- policies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["csp_nonce", "nonce", "request", "global", "callable in g"])
def test_the_nonce_is_found_by_itself(place: str) -> None:
    """In `g`, on the request, or in the template global that Flask-Talisman makes."""
    shop = Shop()
    shop.app.add_url_rule("/shared", "shared", lambda: render_template_string(CACHED))

    @shop.app.before_request
    def nonce() -> None:
        if place in ("csp_nonce", "nonce"):
            setattr(g, place, "n0nce")
        elif place == "callable in g":
            g.csp_nonce = lambda: "n0nce"
        elif place == "request":
            request.csp_nonce = "n0nce"  # type: ignore[attr-defined]

    if place == "global":
        shop.app.jinja_env.globals["csp_nonce"] = lambda: "n0nce"
    scripts = [
        one for one in Page(shop.client.get("/").get_data(as_text=True)).named("script") if "src" in one.attributes
    ]
    assert [one.attributes["nonce"] for one in scripts] == ["n0nce"]
    assert 'nonce="n0nce"' in shop.client.get("/shared").get_data(as_text=True)


def test_the_sources_of_a_policy_are_the_first_partys_and_the_vendors() -> None:
    """Each directive has what each configured pixel needs and the site itself, none twice, and nothing unsafe."""
    shop = Shop()
    with shop.app.app_context():
        sources = shop.twin.csp_sources()
    assert {"script-src", "connect-src", "img-src"} < set(sources)
    assert all(hosts[0] == "'self'" for hosts in sources.values())
    assert "https://tr6.snapchat.com" in sources["connect-src"] and "https://ct.pinterest.com" in sources["frame-src"]
    assert "https://www.redditstatic.com" in sources["script-src"]
    assert all(len(set(hosts)) == len(hosts) for hosts in sources.values())
    assert "unsafe" not in str(sources)
