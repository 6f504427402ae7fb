"""`pixeltwin_route` in real Chromium: pages ask the vendors' own hosts, and the test's sandbox answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, redirect, render_template_string

from pixeltwin import AddToCart, Item
from pixeltwin.flask import PixelTwin
from pixeltwin.platforms import installed
from pixeltwin.sandbox import make
from pixeltwin.sandbox.comparison import at
from pixeltwin.testing import (
    Recorder,
    assert_counted,
    assert_merged,
    assert_nothing_sent,
    assert_twins,
)
from pixeltwin.testing.differences import CIRCUMSTANCES
from tests import samples

pytestmark = [pytest.mark.browser]
KINDS = sorted(installed())
ROOT = Path(__file__).resolve().parents[2]
HEAD = '<!doctype html><html><head><link rel="icon" href="data:,">'
PAGE = HEAD + "{{ pixeltwin.head() }}</head><body><button {{ pixeltwin.on('click', cart) }}>Buy</button></body></html>"


@pytest.fixture
def shop(pixeltwin_recorder: Recorder) -> Iterator[str]:
    """A shop served on this machine; nothing in it is for tests. Its URL."""
    app = Flask("shop")
    app.config.update({**pixeltwin_recorder.settings, "SECRET_KEY": "a secret", "PIXELTWIN_CONSENT": "granted"})
    twin = PixelTwin(app)
    cart = AddToCart(items=[Item(id="sku-1", price="5")], value="5", currency="EUR")

    @app.get("/buy")
    def buy() -> Any:
        twin.track(samples.purchase(), email="ada@example.com")
        return redirect("/thanks")

    @app.get("/thanks")
    def thanks() -> str:
        return render_template_string(PAGE, cart=cart)

    app.add_url_rule("/mug", "mug", thanks)

    @app.get("/by-hand")
    def by_hand() -> str:
        image = '<img src="https://alb.reddit.com/rp.gif?id=a2_abc&event=Lead&m.conversionId=x">'
        return f'{HEAD}</head><body>{image}<img src="https://elsewhere.example/a.gif"></body></html>'

    server = make(0, app=app)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_real_browser_tells_what_the_recorder_records(
    shop: str, chromium: Any, pixeltwin_route: Callable[..., Any], pixeltwin_recorder: Recorder
) -> None:
    """The purchase, the page's view and a click are each counted once on every platform, from the vendors' own hosts,
    and the recorder's browser half of the purchase was taken for a repetition of the real one's."""
    with chromium.new_context() as context:
        route = pixeltwin_route(context)
        page = context.new_page()
        page.goto(f"{shop}/buy")
        route.settle()
        page.get_by_role("button").click()
        for kind in KINDS:
            for event in ("Purchase", "PageView", "AddToCart"):
                assert_merged(kind, event)
                assert_counted(kind, event, times=1)
        assert_twins(page)
        assert route.blocked == []
        asked = {url.split("/")[2] for url in route.vendors}
        assert {"www.redditstatic.com", "sc-static.net", "s.pinimg.com"} <= asked
        purchases = pixeltwin_recorder.conversions(event="Purchase")
        assert [one["repeats"] for one in purchases] == [1, 1, 1]


def test_other_hosts_are_blocked_and_a_pixel_by_hand_is_judged(
    shop: str, chromium: Any, pixeltwin_route: Callable[..., Any]
) -> None:
    """A hand-written image reaches the sandbox, and what a page asks of anybody else is blocked and noted."""
    with chromium.new_context() as context:
        route = pixeltwin_route(context)
        page = context.new_page()
        page.goto(f"{shop}/by-hand")
        assert_counted("reddit", "Lead", times=1)
        route.settle()
        assert route.blocked == ["https://elsewhere.example/a.gif"]
        with pytest.raises(AssertionError, match="reddit: browser half"):
            assert_nothing_sent()


def test_a_platform_knows_what_its_script_sends_of_a_call(
    shop: str, chromium: Any, pixeltwin_route: Callable[..., Any], pixeltwin_recorder: Recorder
) -> None:
    """Of the same call, the request that a platform's emulator names and the one its script makes say the same."""
    with chromium.new_context() as context:
        route = pixeltwin_route(context)
        context.new_page().goto(f"{shop}/buy")
        for kind in KINDS:
            assert_merged(kind, "Purchase")
        route.settle()
    for kind in KINDS:
        emulator = installed()[kind].emulator()
        sent = [one for one in pixeltwin_recorder.bench.sandbox.sent if one.kind == kind and not one.server]
        halves = [half for one in sent for half in emulator.answer(one.request, one.at).halves]
        named, made = (one.payload for one in halves if one.value is not None)
        said = [field for field in emulator.fields if field.browser and field.name not in CIRCUMSTANCES]
        both = [(at(named, one.browser), at(made, one.browser)) for one in said]
        assert both == [(value, value) for value, _ in both]
        assert len([value for value, _ in both if value]) >= 6


def test_the_test_in_the_guide_passes(shop: str, chromium: Any, pixeltwin_route: Callable[..., Any]) -> None:
    """What docs/testing.md shows of real browsers runs as it stands."""
    guide = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    _, _, code = guide.partition("```python test_browser.py\n")
    names: dict[str, Any] = {}
    exec(compile(code.partition("```")[0], "docs/testing.md", "exec"), names)
    with chromium.new_context() as context:
        names["test_a_click_is_counted_once"](context.new_page(), shop, pixeltwin_route)
