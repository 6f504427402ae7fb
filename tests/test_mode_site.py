"""Test mode on a site: no pixel on any page, every conversion still stored, and all as before when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pixeltwin import Consent
from pixeltwin.config import Settings
from pixeltwin.errors import ConfigurationError
from pixeltwin.tracker import utc_now
from tests import pages
from tests.samples import TOKENS, Clock
from tests.test_flask import SETTINGS, Shop, fired, page_data

VENDORS = ("redditstatic", "sc-static", "pinimg")


def shop_in_test(hours: float = 1, **settings: Any) -> tuple[Shop, Clock]:
    """A shop in test mode for so many hours, and its clock."""
    until = (utc_now() + timedelta(hours=hours)).isoformat()
    shop = Shop(PIXELTWIN_TEST_UNTIL=until, **settings)
    shop.twin_tracker.clock = clock = Clock(utc_now())
    return shop, clock


def stored(shop: Shop) -> int:
    """How many conversions wait to be sent."""
    return len(shop.twin_tracker.outbox.deliveries())


@pytest.mark.parametrize("page_views", ["beacon", "server", "browser", "off"])
def test_no_vendor_script_and_no_pixel_is_on_a_page(page_views: str) -> None:
    """Whoever reports page views, a tested purchase puts nothing of a vendor on the page, and is stored."""
    shop, _ = shop_in_test(PIXELTWIN_PAGE_VIEWS=page_views)
    client = shop.client
    client.post("/buy")
    for path in ("/thanks", "/product", "/"):
        html = client.get(path).get_data(as_text=True)
        assert not any(vendor in html for vendor in VENDORS)
        assert not any(name in html for name in ('"rdt"', '"snaptr"', '"pintrk"'))
    assert stored(shop) >= 2


def test_a_page_view_is_still_reported_to_the_server() -> None:
    """The beacon goes on, without the pixels' calls, so that page views are tested too."""
    shop, _ = shop_in_test()
    client = shop.client
    page = page_data(client.get("/"))
    assert page["calls"] == []
    view = {"id": "a" * 64, "url": "http://localhost/"}
    assert client.post(page["beacon"], json=view, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert stored(shop) == 3


def test_pixels_are_back_when_the_test_is_over() -> None:
    """After the end pages have their pixels again; a conversion of the test gets none even then."""
    shop, clock = shop_in_test()
    client = shop.client
    client.post("/buy")
    clock.advance(hours=1, seconds=1)
    page = client.get("/thanks")
    assert fired(page) == []
    assert len(pages.Page(page.get_data(as_text=True)).data["pixels"]) == len(VENDORS)
    client.get("/product")
    assert fired(client.get("/product"))


def test_what_was_bought_before_the_test_keeps_its_pixel() -> None:
    """A purchase whose page comes during the test is shown on the visitor's first page after it, once."""
    shop, clock = shop_in_test()
    clock.now -= timedelta(hours=30)
    mode = shop.twin_tracker.mode
    mode.test_until = None
    client = shop.client
    client.post("/buy")
    clock.advance(minutes=1)
    mode.test_until = clock.now + timedelta(hours=1)
    assert fired(client.get("/thanks")) == []
    clock.advance(hours=1)
    bought = shop.tracked[0]
    assert bought is not None
    assert {id for _, id in fired(client.get("/thanks"))} == {bought.id}
    assert fired(client.get("/thanks")) == []


def test_consent_given_during_the_test_releases_what_waited_for_it() -> None:
    """A tested conversion that waits for the visitor's decision goes when he agrees on a later page."""
    shop, _ = shop_in_test(PIXELTWIN_CONSENT=None)
    answers = [Consent.pending()]
    shop.twin.consent_loader(lambda: answers[-1])
    client = shop.client
    client.post("/buy")
    assert {row.state for row in shop.twin_tracker.outbox.deliveries()} == {"held"}
    answers.append(Consent.granted())
    client.get("/thanks")
    assert {row.state for row in shop.twin_tracker.outbox.deliveries()} == {"pending"}


def test_a_staging_site_that_is_off_is_tested_and_then_off_again() -> None:
    """With delivery off, conversions are stored while the test lasts, those of webhooks too, and not afterwards."""
    shop, clock = shop_in_test(PIXELTWIN_DELIVERY="off")
    client = shop.client
    client.post("/buy")
    client.post("/webhook")
    assert stored(shop) == 6
    clock.advance(hours=1)
    client.get("/product")
    client.post("/webhook")
    page = client.get("/").get_data(as_text=True)
    assert stored(shop) == 6
    assert "pixeltwin" not in page


def test_settings_say_until_when_and_under_which_ids() -> None:
    """The settings are read from the environment as from Python, and a tracker of them is in test mode."""
    own = {key: str(value) for key, value in SETTINGS.items() if key.startswith("PIXELTWIN_")}
    until = utc_now() + timedelta(hours=1)
    environ = {**own, "PIXELTWIN_TEST_UNTIL": until.isoformat(), "PIXELTWIN_TEST_IDS": "reddit=t2_a=b, snap = s1"}
    for ours in (
        Settings({}, environ).tracker(secret_keys=["k"]),
        Settings(
            {**own, "PIXELTWIN_TEST_UNTIL": until, "PIXELTWIN_TEST_IDS": {"reddit": "t2_a=b", "snap": "s1"}}, {}
        ).tracker(secret_keys=["k"]),
    ):
        found = {one.name: ours.mode.test(one, until - timedelta(seconds=1)) for one in ours.platforms}
        assert found == {"reddit": "t2_a=b", "snap": "s1", "pinterest": True}
        assert {ours.mode.test(one, until) for one in ours.platforms} == {None}


@pytest.mark.parametrize("text", ["t2_abc", "reddit=", "=t2_abc", "reddit=t2_abc, other"])
def test_ids_without_a_platform_are_an_error(text: str) -> None:
    """What is no list of name=id is refused, and not quoted."""
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_TEST_IDS must be written as name=value, name=value$"):
        Settings({"PIXELTWIN_TEST_IDS": text}, {}).pairs("TEST_IDS")


def test_no_delivery_setting_holds_for_a_process_of_its_own() -> None:
    """`pixeltwin deliver` sends nothing where delivery is off, whatever still waits in the outbox."""
    own = {key: str(value) for key, value in SETTINGS.items() if key.startswith("PIXELTWIN_")}
    ours = Settings({}, {**own, "PIXELTWIN_DELIVERY": "off"}).tracker(secret_keys=[TOKENS[0]])
    assert not ours.mode.sends(utc_now())
    assert not ours.deliver()
