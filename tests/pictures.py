"""The pictures of the README and the guides, taken anew from the demo shop and the sandbox: `python -m tests.pictures`.

Each is a scene in a real Chromium. Its size is fixed; ids and times in it are those of the day, and letters look as the
machine's fonts do. Names of pictures as arguments: these alone. What `make benchmarks` draws is its own.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.browser.conftest import FLAGS, executable
from tests.browser.shop import ROOT, RunningShop
from tests.demo.storefront import CUSTOMER
from tests.mistakes import NOW, PAGE, blocks, sandbox, typed

IMAGES = ROOT / "docs" / "images"
LANDING = "/first-kite?rdt_cid=r1&ScCid=s1&epik=p1"
EDGE, LINE = 16, 29  # pixels around what is hung side by side, and of the line below
STYLE = f"""
body {{ margin: {EDGE}px; display: flex; gap: {EDGE}px; background: #dee5ec; }}
figure {{ margin: 0; font: 15px/{LINE}px "Liberation Sans", Arial, sans-serif; color: #14263d; white-space: nowrap; }}
img {{ display: block; border-radius: 6px; }}
"""
FIGURE = '<figure><img {size} src="data:image/png;base64,{data}">{line}</figure>'
WIDTH, MARGIN = 920, 10  # of a card that is cut out of the sandbox's page

Scene = Callable[["Studio"], bytes]
SCENES: dict[str, Scene] = {}


def picture(name: str) -> Callable[[Scene], Scene]:
    """The function that follows makes this file."""

    def hang(scene: Scene) -> Scene:
        SCENES[name] = scene
        return scene

    return hang


@dataclass
class Studio:
    """A browser, and a shop for each scene. Every visitor has a browser profile of his own."""

    browser: Browser
    data: Path
    pages: list[Page] = field(default_factory=list)

    @contextmanager
    def shop(self, **environ: str) -> Iterator[RunningShop]:
        running = RunningShop(Path(tempfile.mkdtemp(dir=self.data)), None, **environ)
        running.pause = lambda: self.pages[-1].wait_for_timeout(50)
        try:
            yield running
        finally:
            while self.pages:
                self.pages.pop().context.close()
            running.stop()

    def visitor(self, width: int, height: int) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            timezone_id="UTC",
            color_scheme="light",
            reduced_motion="reduce",
        )
        self.pages.append(context.new_page())
        return self.pages[-1]

    def side_by_side(self, photos: Sequence[tuple[bytes, str]], width: int, height: int) -> bytes:
        """Photos with a line below each; width and height are those of one photo as it is shown."""
        size = f'width="{width}" height="{height}"'
        hung = "".join(FIGURE.format(size=size, data=b64encode(photo).decode(), line=line) for photo, line in photos)
        page = self.visitor(EDGE + len(photos) * (width + EDGE), EDGE + height + LINE)
        page.set_content(f"<style>{STYLE}</style>{hung}")
        return page.screenshot()


# --- the shop ---------------------------------------------------------------------------------------------------------


def agree(page: Page) -> None:
    page.get_by_role("button", name="Accept").click()
    page.locator("#cookies.answered").wait_for(state="attached")


def open_drawer(page: Page) -> None:
    page.locator("#conversions summary").click()


def added(shop: RunningShop, page: Page, times: int = 1) -> None:
    """A kite from the landing page is in the cart, and each platform has heard of it."""
    page.get_by_role("button", name="Add for").first.click()
    page.wait_for_url("**/cart")
    shop.wait_for(lambda: len(shop.of("AddToCart")) == 3 * times, "AddToCart")


@picture("browser-cart.png")
def cart(studio: Studio) -> bytes:
    """The cart of somebody who stays on its page, and what the page told of the last thing added."""
    with studio.shop() as shop:
        page = studio.visitor(1010, 760)
        page.goto(shop.url + LANDING)
        agree(page)
        added(shop, page)
        page.get_by_role("button", name="Add Bow tail").click()
        shop.wait_for_merged("AddToCart", times=2)
        open_drawer(page)
        page.evaluate("window.scrollTo(0, 0)")
        return page.screenshot()


@picture("browser-cached.png")
def cached(studio: Studio) -> bytes:
    """Two people on the page that a cache keeps, each after a click on a heart."""
    photos = []
    with studio.shop() as shop:
        for number, line in enumerate(
            ("One visitor of the page that the cache keeps", "Another: his conversion has its own ID"), 1
        ):
            page = studio.visitor(476, 417)
            page.goto(shop.url + LANDING)
            agree(page)
            page.get_by_role("button", name="Keep for a windy day").first.click()
            shop.wait_for_merged("AddToWishlist", times=number)
            open_drawer(page)
            page.evaluate("window.scrollTo(0, document.querySelector('h1').offsetTop - 24)")
            photos.append((page.screenshot(), line))
        return studio.side_by_side(photos, 476, 417)


@picture("browser-later.png")
def later(studio: Studio) -> bytes:
    """Asked, put off, accepted: a phone, three times."""
    with studio.shop() as shop:
        page = studio.visitor(375, 579)
        page.goto(shop.url + LANDING)
        page.get_by_role("button", name="Ask me later").wait_for()
        photos = [(page.screenshot(), "Asked: no pixel, no request")]
        page.get_by_role("button", name="Ask me later").click()
        page.locator("#cookies.answered").wait_for(state="attached")
        page.goto(shop.url + "/p/plover")
        open_drawer(page)
        page.evaluate("window.scrollTo(0, document.querySelector('h1').offsetTop - 70)")
        photos.append((page.screenshot(), "Later: what he looks at is held"))
        page.goto(shop.url + "/#cookies")
        with page.expect_navigation():
            page.get_by_role("button", name="Accept").click()
        shop.wait_for_merged("ViewContent")
        page.goto(shop.url + "/sandbox/")
        card = page.locator(".card", has_text="ViewContent")
        card.get_by_text("merged").last.wait_for()
        card.evaluate("card => window.scrollTo(0, card.getBoundingClientRect().top + scrollY - 12)")
        photos.append((page.screenshot(), "Accepted: told, and merged"))
        return studio.side_by_side(photos, 280, 432)


# --- the sandbox ------------------------------------------------------------------------------------------------------


def mistaken(route: Route) -> None:
    """What the shop answers, as if somebody had put Snap's ID where its pixel does not read it."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("client_dedup_id", "event_id"))


@picture("sandbox.png")
def whole_sandbox(studio: Studio) -> bytes:
    """A purchase that counts once everywhere, and a call with a mistake in it."""
    with studio.shop(PIXELTWIN_PAGE_VIEWS="off") as shop:
        page = studio.visitor(1280, 900)
        page.goto(shop.url + LANDING)
        agree(page)
        added(shop, page)
        page.goto(shop.url + "/checkout")
        for name in ("email", "phone", "first_name", "last_name", "street", "postal_code", "city"):
            page.locator(f"main [name={name}]").fill(CUSTOMER[name])
        page.get_by_role("button", name="Buy now").click()
        shop.wait_for_merged("Purchase")
        page.route("**/cart/add", mistaken)
        page.goto(shop.url + "/first-kite")
        added(shop, page, times=2)
        shop.wait_for(lambda: sorted(o["counted"] for o in shop.of("AddToCart")) == [1, 1, 1, 1, 1, 2], "the mistake")
        page.goto(shop.url + "/sandbox/")
        page.get_by_text("which the pixel drops").first.wait_for()
        return page.screenshot()


def mistakes(studio: Studio, *found_by: str, opened: bool = False, height: int) -> bytes:
    """The sandbox's cards of the mistakes in docs/dedup.md that hold these words, the last one on top."""
    once, *pairs = blocks(PAGE.read_text("utf-8"))
    with sandbox() as box:
        for words in found_by:
            typed(box, once, next(mistake for mistake in pairs[::2] if words in mistake))
        page = studio.visitor(957, 2000)  # high enough for nothing to scroll under the bar
        try:
            page.clock.set_fixed_time(NOW)
            page.goto(f"http://127.0.0.1:{box.port}/")
            card = page.locator(".card").first
            card.wait_for()
            if opened:
                card.get_by_text("Fields and payloads").click()
                card.get_by_text("order id").wait_for()
            page.mouse.move(0, 0)
            at = card.bounding_box()
            assert at and round(at["width"]) == WIDTH - 2 * MARGIN, at
            return page.screenshot(
                clip={"x": at["x"] - MARGIN, "y": at["y"] - MARGIN, "width": WIDTH, "height": height}
            )
        finally:
            studio.pages.pop().context.close()


@picture("dedup-cards.png")
def cards(studio: Studio) -> bytes:
    """An ID in a field that Snap does not read, and an order with two IDs."""
    return mistakes(studio, "checkout66f0a1", '"custom_data": {"event_id": "cart-77"}', height=627)


@picture("dedup-fields.png")
def fields(studio: Studio) -> bytes:
    """Both halves of an order, field by field."""
    return mistakes(studio, '"value": 5990', opened=True, height=815)


def main(names: Sequence[str]) -> None:
    if unknown := set(names) - SCENES.keys():
        raise SystemExit(f"no picture is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(SCENES))}")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as data:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        for name in names or sorted(SCENES):
            (IMAGES / name).write_bytes(SCENES[name](Studio(browser, Path(data))))
            print(IMAGES / name)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
