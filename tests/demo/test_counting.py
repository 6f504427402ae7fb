"""What each platform counts of a visit to the demonstration shop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from pixeltwin.platforms import installed
from pixeltwin.testing import (
    FrozenClock,
    Recorder,
    assert_counted,
    assert_merged,
    assert_nothing_sent,
    assert_nothing_shown,
    assert_twins,
)
from tests.demo.storefront import LANDING, all_pages, browser, buy, put_into_cart

KINDS = sorted(installed())
STEPS = ("ViewContent", "AddToCart", "StartCheckout", "AddPaymentInfo", "Purchase")


def test_every_step_to_a_purchase_is_counted_once(shop: Flask, pixeltwin_recorder: Recorder) -> None:
    """Look, put into the cart, check out, buy, reload: each platform counts each step once, both halves merged, and
    would if the server half came an hour later."""
    client = browser(shop, "granted")
    client.get("/p/rokkaku")
    put_into_cart(client)
    client.get("/checkout")
    path = buy(client)
    for _ in range(2):
        client.get(path)
    for kind in KINDS:
        assert_merged(kind, "Purchase", after=timedelta(minutes=55))
        for step in STEPS:
            assert_counted(kind, step, times=1)


def test_both_halves_of_a_purchase_say_the_same(shop: Flask, pixeltwin_recorder: Recorder) -> None:
    """Value, items, order and id of a purchase are the same in the thank-you page and in every server event."""
    client = browser(shop, "granted")
    client.get(LANDING)
    put_into_cart(client)
    assert_twins(client.get(buy(client)))
    assert {event.platform for event in pixeltwin_recorder.server_events} == set(KINDS)


@pytest.mark.parametrize("consent", [None, "denied", "pending"])
def test_who_has_not_agreed_is_told_of_to_nobody(
    shop: Flask, pixeltwin_recorder: Recorder, consent: str | None
) -> None:
    """On no page of the shop is a pixel shown to who has not agreed, and nothing he does is sent."""
    for _, text, _ in all_pages(browser(shop, consent)):
        assert_nothing_shown(text)
    assert_nothing_sent()


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_of_one_platform_loses_nothing(
    shop: Flask, pixeltwin_recorder: Recorder, pixeltwin_clock: FrozenClock, kind: str
) -> None:
    """While one platform is down the others count, and it counts once it is back."""
    pixeltwin_recorder.fault(kind, "503")
    client = browser(shop, "granted")
    put_into_cart(client)
    client.get(buy(client))
    for other in set(KINDS) - {kind}:
        assert_merged(other, "Purchase")
    pixeltwin_recorder.fault(kind, None)
    pixeltwin_clock.advance(minutes=40)
    assert_merged(kind, "Purchase")
