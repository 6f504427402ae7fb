"""Snippets: the browser half as HTML that no value can break out of, for those who may be told and nobody else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixeltwin import AddToCart, Consent, Conversion, Item, PageView, Purchase, Visitor, WatchVideo
from pixeltwin.contract import BrowserCall
from pixeltwin.pages.telling import PLACEHOLDER, View, fires, template_calls
from pixeltwin.snippet import Form, render, render_script, render_shared
from tests import courier
from tests.pages import Call, Page, fired
from tests.samples import NOW, visitor

GRANTED = Consent.granted()
NONCE = "r4nd0m-/+=="
HOSTILE = '</script><script>alert(1)</script><!--<script>\' onload="x" ${y} \u2028 & \\'
ID = "0123456789abcdef" * 4
MARKER = "zq7marker"


class Courier(courier.Courier):
    """One call a conversion, one more for each item."""

    def browser_calls(self, conversion: Conversion) -> list[BrowserCall]:
        [call] = super().browser_calls(conversion)
        name, said = call.args[1:]
        calls = [BrowserCall(call.function, ("bring", name, {"id": said["id"]}))]
        for item in conversion.event.__dict__.get("items", ()):
            calls.append(BrowserCall("courier", ("item", {"sku": item.id, "name": item.name, "price": item.price})))
        return calls


def conversion(number: int = 1, **changes: Any) -> Conversion:
    parts: dict[str, Any] = {"event": Purchase(value="59.90", currency="EUR"), "id": f"{number:064x}"}
    return Conversion(**{**parts, "occurred_at": NOW, **changes})


STATIC = Form("/p.js?v=1", inline=False)
FORMS = [Form(), STATIC, Form("/p.js", inline=True)]
BEACON = View("/b")


def shown(
    *conversions: Conversion, platform: Courier | None = None, consent: Consent = GRANTED, **options: Any
) -> Page:
    """The page with these conversions on one platform."""
    told = [platform or Courier()]
    return Page(render(told, lambda _: conversions, visitor=visitor(), consent=consent, **options))


# --- safe in a page ------------------------------------------------------------------------------------------------


@given(st.text() | st.just(HOSTILE), st.text(min_size=1).filter(str.strip), st.sampled_from(FORMS))
@example(HOSTILE, HOSTILE, STATIC)
@example(HOSTILE, HOSTILE, Form())
def test_no_value_breaks_out_of_the_script(name: str, sku: str, form: Form) -> None:
    """Whatever a product is called, the page has the same elements, and the pixel gets exactly that name."""
    try:
        item = Item(id=sku, name=name, price="29.95")
    except ValueError:
        return
    page = shown(conversion(event=AddToCart(items=[item])), form=form)
    scripts = ["script"] if form.script is None else ["script", "script"]
    assert [element.tag for element in page.elements] == [*scripts, "noscript", "img"]
    assert fired(page.html)[1].args == ["item", {"sku": item.id, "name": item.name, "price": 29.95}]


@given(st.text() | st.just(HOSTILE), st.sampled_from([STATIC, STATIC._replace(asks=True)]))
@example("\uffff", STATIC)
def test_a_page_of_xhtml_takes_it(name: str, form: Form) -> None:
    """Elements and attributes are well-formed XML, which says what the HTML says, whatever values hold."""
    cart = AddToCart(items=[Item(id="1", name=name)])
    page = shown(conversion(event=cart), form=form, nonce=HOSTILE, view=BEACON)
    read = ElementTree.fromstring(f"<head>{page.html}</head>")
    found = [(one.tag, one.attrib) for one in read.iter() if one is not read]
    assert found == [(one.tag, one.attributes) for one in page.elements]
    assert json.loads(read[0].text or "") == page.data
    alone = render_shared("/x.js?a&b", nonce=HOSTILE) + render_script("/x.js")
    assert [one.get("async") for one in ElementTree.fromstring(f"<head>{alone}</head>")] == [""] * 2


def test_money_on_the_page_has_exactly_its_digits() -> None:
    """The price in the page's source is the price of the event, with its last zero."""
    page = shown(conversion(event=AddToCart(items=[Item(id="1", price="29.90")])))
    assert '"price":29.90}' in page.html


@given(st.sampled_from([NONCE, HOSTILE, "'\"><script>"]))
def test_every_script_carries_the_nonce(nonce: str) -> None:
    """Under a strict Content-Security-Policy all scripts run; a nonce, too, cannot break out of its attribute."""
    pages = [shown(conversion(), nonce=nonce, drop=["token"], view=BEACON, form=form) for form in FORMS]
    scripts = [script for page in pages for script in page.named("script")]
    assert len(scripts) == 5
    for script in scripts:
        if script.attributes.get("type") != "application/json":  # data is not run
            assert script.attributes["nonce"] == nonce


def test_without_a_policy_there_is_no_nonce() -> None:
    """A site without a nonce gets no empty one, which no policy would match."""
    for form in FORMS:
        assert 'nonce="' not in shown(conversion(), view=BEACON, form=form).html


def test_the_page_shows_no_plain_identity() -> None:
    """What advanced matching puts into the page is a digest."""
    page = shown(conversion(visitor=visitor()))
    assert "ada.lovelace" not in page.html.lower()
    assert Courier().first(visitor(), "email") in page.html  # type: ignore[operator]


# --- who is told ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "consent",
    [Consent.denied(), Consent.pending(), Consent.granted(platforms={"courier": "denied"}), Consent.limited()],
    ids=["denied", "pending", "denied for this one", "limited where it cannot be kept"],
)
def test_without_consent_nothing_is_rendered(consent: Consent) -> None:
    """Who refused, was not asked yet, or allowed less than the platform can keep to, gets no script at all."""
    html = render(
        [Courier()], lambda _: [conversion()], visitor=visitor(), consent=consent, nonce=NONCE, drop=["a"], view=BEACON
    )
    assert html == ""


def test_limited_use_is_rendered_where_it_can_be_kept() -> None:
    """A limited consent is a consent, where the platform knows what to do with it."""
    limited = Consent.limited(country="US")
    assert len(fired(shown(conversion(consent=limited), consent=limited).html)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"browser": False},
        {"action_source": "app"},
        {"action_source": "offline"},
        {"platforms": ("reddit",)},
        {"consent": Consent.denied()},
        {"consent": Consent.pending()},
        {"event": WatchVideo()},
        {"event": PageView(names={"courier": "NO_SUCH_NAME"})},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_conversion_without_a_browser_half_does_not_disturb_the_others(
    changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What this platform cannot or may not be told is left out, as call and as image; the rest of the page stands."""
    with caplog.at_level(logging.INFO):
        page = shown(conversion(1, **changes), conversion(2))
    assert caplog.records == []  # it was said when it was tracked
    assert [(call.event, call.id) for call in fired(page.html)] == [("Purchase", f"{2:064x}")]
    assert len(page.named("img")) == 1


def test_a_platform_without_a_browser_half_is_not_on_the_page() -> None:
    """`browser=False` leaves neither loader nor call."""
    assert shown(conversion(), platform=Courier(browser=False)).elements == []


# --- before_send ---------------------------------------------------------------------------------------------------


def test_before_send_sees_every_conversion_first() -> None:
    """What the site changes is what the pixel is told, and what it leaves out is not on the page."""

    def only_carts(one: Conversion) -> Conversion | None:
        return replace(one, event=PageView()) if isinstance(one.event, AddToCart) else None

    page = shown(conversion(1, event=AddToCart()), conversion(2), platform=Courier(before_send=only_carts))
    said = ["bring", "PageView", {"id": f"{1:064x}"}]
    assert fired(page.html) == [Call("courier", "AddToCart", f"{1:064x}", "courier", said, None)]
    assert len(page.named("img")) == 1


def test_a_before_send_that_fails_takes_no_page_down(caplog: pytest.LogCaptureFixture) -> None:
    """An error in the site's own function costs one call: it is logged without its text, which may quote a person."""

    def fails(one: Conversion) -> Conversion:
        if one.id == f"{1:064x}":
            raise KeyError(MARKER)
        return one

    with caplog.at_level(logging.ERROR):
        page = shown(conversion(1), conversion(2), platform=Courier(before_send=fails))
    assert [(call.event, call.id) for call in fired(page.html)] == [("Purchase", f"{2:064x}")]
    assert "KeyError" in caplog.text
    assert MARKER not in caplog.text


# --- once ----------------------------------------------------------------------------------------------------------


def test_a_conversion_on_two_pixels_is_one_with_the_calls_of_both() -> None:
    """Each conversion stands in the page once, with one id, and with the calls of every pixel that is told of it."""
    pixels = [Courier(), Courier(bag="b2", name="second")]
    page = Page(render(pixels, lambda _: [conversion(1), conversion(2)], visitor=visitor(), consent=GRANTED))
    assert [(one["event"], one["id"]) for one in page.data["fires"]] == [
        ("Purchase", f"{1:064x}"),
        ("Purchase", f"{2:064x}"),
    ]
    assert [[call[0] for call in one["calls"]] for one in page.data["fires"]] == [["courier", "second"]] * 2


def test_the_calls_of_one_conversion_are_guarded_one_by_one() -> None:
    """Where a conversion takes several calls, none is taken for another."""
    cart = AddToCart(items=[Item(id="1"), Item(id="2")])
    assert [fire.number for fire in fires(Courier(), [conversion(event=cart)])] == [0, 1, 2]
    assert [call.number for call in fired(shown(conversion(event=cart)).html)] == [0, 1, 2]
    assert [fire.number for fire in fires(Courier(), [conversion()])] == [None]


def test_the_code_comes_before_the_data_and_is_the_same_for_everybody() -> None:
    """Inline, what runs the data stands before it, holds nothing of a visitor, and no indentation."""
    code, _, data = shown(conversion(), drop=["token"]).named("script")[0].text.partition("pixeltwin.run(")
    assert "w.pixeltwin={" in code and 'pixeltwin.load("courier"' in code
    assert code == shown().named("script")[0].text.partition("pixeltwin.run(")[0]
    assert not any(line.startswith(" ") for line in code.split("\n"))
    assert f"{1:064x}" in data


def test_what_the_url_loses_is_in_the_data() -> None:
    """The names of parameters that no pixel may read stand beside the pixels, whatever they are."""
    assert shown(drop=["token", HOSTILE]).data["drop"] == ["token", HOSTILE]
    assert "drop" not in shown().data


# --- page views that the browser mints -----------------------------------------------------------------------------


def test_a_calls_placeholder_stands_exactly_where_the_id_belongs() -> None:
    """Putting an id in the place of the placeholder gives the very calls of a conversion with that id."""
    pixels = [Courier(), Courier(bag="b2", name="second")]
    template = json.dumps(template_calls(pixels, PageView(), GRANTED))
    assert template.count(PLACEHOLDER) == 2  # one a pixel
    minted = [fire.as_data() for pixel in pixels for fire in fires(pixel, [conversion(event=PageView(), id=ID)])]
    assert json.loads(template.replace(PLACEHOLDER, ID)) == json.loads(json.dumps(minted))


@pytest.mark.parametrize("address", ["/x.js", "/x.js?a=1&b='\"<", HOSTILE])
def test_a_page_is_data_and_a_script(address: str) -> None:
    """Where there is a first-party script the page has a data block, whatever it holds, and that script."""
    form = Form(address, inline=False)
    page = Page(render([Courier()], consent=GRANTED, view=View(address), form=form))
    data, runner = page.elements
    assert data.attributes == {"type": "application/json", "data-pixeltwin": ""}
    view = page.data["view"]
    assert (view["event"], view["beacon"], view["id"]) == ("PageView", address, PLACEHOLDER)
    assert [call[:2] for call in view["calls"]] == [["courier", "courier"]]
    assert runner.attributes == {"src": address, "async": ""}


def test_in_test_mode_the_view_is_for_the_server_alone() -> None:
    """A page that may show no pixel still reports its view, and names no vendor."""
    page = Page(render([], consent=GRANTED, view=View("/b", told=False), form=STATIC))
    assert (page.data["pixels"], page.data["view"]["calls"], page.data["view"]["beacon"]) == ([], [], "/b")
    assert render([], consent=GRANTED, view=View("/b"), form=STATIC) == ""


def test_what_is_kept_between_pages_holds_nothing_of_a_visitor_or_a_response() -> None:
    """A page for somebody known, another nonce, another consent: each gets its own snippet, whoever came before."""
    platform = Courier()
    ada = visitor()

    def page(who: Visitor | None = None, consent: Consent = GRANTED, nonce: str | None = None) -> str:
        known = {} if who is None else {"visitor": who}
        return str(render([platform], consent=consent, nonce=nonce, **known))  # type: ignore[arg-type]

    digest = platform.first(ada, "email")
    assert digest is not None
    unknown = page()
    assert digest in page(ada) and digest not in unknown
    assert page() == unknown != page(nonce="a")
    assert "a" * 20 in page(nonce="a" * 20) and "a" * 20 not in page(nonce="b" * 20)
    assert page(consent=Consent.denied()) == ""


def test_before_send_is_asked_for_every_page_view() -> None:
    """A hook that changes its mind is heard each time: what it decided is not kept."""
    answers = iter([True, False])

    def sometimes(conversion: Conversion) -> Conversion | None:
        return conversion if next(answers) else None

    platform = Courier(before_send=sometimes)
    pages = [Page(render([platform], consent=GRANTED, view=View(None))).data["view"]["calls"] for _ in range(2)]
    assert [len(calls) for calls in pages] == [1, 0]


# --- somebody else's platform --------------------------------------------------------------------------------------


def test_another_packages_platform_is_found_by_its_entry_point(tmp_path: Path) -> None:
    """A platform of another package is installed, configured and rendered like the built-in ones."""
    metadata = tmp_path / "courier-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: courier\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[pixeltwin.platforms]\ncourier = tests.courier:Courier\n", "utf-8")
    code = """
import sys
sys.path[:0] = sys.argv[1:]
from pixeltwin import Consent, Visitor
from pixeltwin.config import Settings
from pixeltwin.snippet import render
platforms = Settings({"PIXELTWIN_COURIER_BAG": "b7"}, {}).platforms()
print(render(platforms, lambda _: [], visitor=Visitor(), consent=Consent.granted()))
"""
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(root)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert '"courier",["open","b7",{}]' in told.stdout


def test_the_visitor_of_a_snippet_may_be_nobody() -> None:
    """Without anything known of the visitor the pixel still starts."""
    html = render([Courier()], lambda _: [], visitor=Visitor(), consent=GRANTED)
    assert '"courier",["open","b1",{}]' in html
