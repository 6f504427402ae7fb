"""Mistakes in a site's own code: told while it is developed, and harmless to page and visitor where it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import render_template_string

from pixeltwin import Consent, Lead, Tracker
from pixeltwin.errors import InvalidInput
from tests.samples import KEY, NOW, Clock, platforms, visitor
from tests.test_flask import PAGE, Shop

GRANTED = Consent.granted()
OTHERS = {"snap": "granted", "pinterest": "granted"}


def tracker(on_error: Any) -> Tracker:
    return Tracker(platforms(), secret_keys=[KEY], outbox="memory:", clock=Clock(), on_error=on_error)


@pytest.mark.parametrize(
    ("mistake", "advice", "stored"),
    [
        ({"concent": Consent.denied()}, "consent", False),
        ({"platform": ["reddit"]}, "platforms", False),
        ({"emial": "ada@example.com"}, "email", True),
        ({"email": "ada@example.com"}, "Visitor(email=", True),
        ({"colour": "red"}, "no such argument", True),
        ({"consent": "denied"}, "Consent.denied()", False),
        ({"consent": Consent.granted(platforms={"redit": "denied"})}, "reddit", False),
        ({"consent": Consent.granted(platforms={"redit": "granted"})}, "reddit", True),
        ({"platforms": ["redit"]}, "reddit", False),
    ],
)
def test_a_name_that_nothing_has_is_told_and_never_tells_more(
    mistake: dict[str, Any], advice: str, stored: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises with advice in development; in production it is counted, and what may have meant fewer tells nobody."""
    given: dict[str, Any] = {"visitor": visitor(), "consent": GRANTED, **mistake}
    with pytest.raises(InvalidInput) as raised:
        tracker("raise").track(Lead(), **given)
    assert advice in str(raised.value)
    ours = tracker("log")
    ours.track(Lead(), **given)
    assert ours.losses.snapshot()["", "fault: input"] == 1 and advice in caplog.text
    assert {one.state for one in ours.outbox.deliveries()} == ({"pending"} if stored else set())


@pytest.mark.parametrize(
    "mistake", [{"emial": "ada@example.com"}, {"source_url": "/thanks"}, {"source_url": "http://["}]
)
def test_what_was_right_beside_a_mistake_stays(mistake: dict[str, Any]) -> None:
    """A mistaken name or address costs that alone: the natural key, the time and the rest of what was said hold."""
    ours, earlier = tracker("log"), NOW - timedelta(days=3)
    given: dict[str, Any] = {"visitor": visitor(), "consent": GRANTED, "key": "lead-7", **mistake}
    first = ours.track(Lead(), occurred_at=earlier, action_source="offline", **given)
    assert (first.key, first.occurred_at, first.action_source) == ("lead-7", earlier, "offline")
    again = ours.track(Lead(), **given)
    assert (again.created, again.id, again.source_url) == (False, first.id, None)
    assert ours.hold(Lead(), **{**given, "key": "lead-8"}).stored


def test_a_page_that_is_none_costs_what_is_remembered_nothing_else() -> None:
    """Signals are kept, without the address."""
    ours = tracker("log")
    ours.remember("1001", visitor=visitor(), consent=GRANTED, source_url="/checkout")
    later = ours.track(Lead(), visitor=None, consent=None, key="1001")
    assert later.stored and later.source_url is None and ours.losses.snapshot()["", "fault: input"] == 1


@pytest.mark.parametrize(
    ("mistake", "told"), [({"concent": Consent.denied()}, False), ({"emial": "a@b.example"}, True)]
)
def test_a_misspelled_consent_is_not_overruled_by_what_is_remembered(mistake: dict[str, Any], told: bool) -> None:
    """Who remembers a yes and is told no by a misspelled name tells nobody; another name's mistake changes nothing."""
    ours = tracker("log")
    ours.remember("1001", visitor=visitor(), consent=GRANTED)
    later = ours.track(Lead(), visitor=None, consent=None, key="1001", **mistake)
    assert later.stored is told and ours.losses.snapshot()["", "fault: input"] == 1


def test_an_address_from_outside_takes_no_page_down() -> None:
    """A forged Referer that a view hands on is a counted fault, and the sale is stored."""
    shop = Shop(PIXELTWIN_ON_ERROR="log")
    with shop.app.test_request_context("/"):
        sold = shop.twin.track(Lead(), key="1", source_url="http://[")
    assert sold is not None and sold.stored and sold.source_url is None


def test_who_else_a_consent_names_is_no_mistake() -> None:
    """A banner's answer may name platforms that are not told here; only what looks like one that is, is misspelled."""
    several = Consent("granted", {"facebook": "denied", "snap": "denied"})
    assert tracker("raise").track(Lead(), visitor=visitor(), consent=several).stored


def test_a_platform_that_is_not_configured_here_is_no_mistake() -> None:
    """What names a platform that there is goes for staging too, where it may be missing."""
    ours = Tracker(platforms()[:1], secret_keys=[KEY], outbox="memory:", clock=Clock(), on_error="raise")
    limited = Consent.granted(platforms=OTHERS)  # type: ignore[arg-type]
    assert ours.track(Lead(), visitor=visitor(), consent=limited, platforms=["reddit", "snap"]).stored


@pytest.mark.parametrize("mistake", [{"concent": Consent.denied()}, {"emial": "ada@example.com"}])
def test_keywords_of_the_extension_are_checked_too(mistake: dict[str, Any]) -> None:
    """`track`, `hold` and `remember` of a Flask application swallow no keyword."""
    shop = Shop()
    with shop.app.test_request_context("/"):
        for call in (
            lambda: shop.twin.track(Lead(), **mistake),
            lambda: shop.twin.hold(Lead(), key="1001", **mistake),
            lambda: shop.twin.remember("1001", **mistake),
        ):
            with pytest.raises(InvalidInput, match="no such argument"):
                call()


def _failing(*_: Any) -> Any:
    raise RuntimeError("the site's own fault")


@pytest.mark.parametrize("answer", [True, "yes", None, _failing])
def test_a_consent_loader_that_answers_nonsense_counts_as_a_refusal(answer: Any) -> None:
    """Pages go on, and nobody is told of what is not known to be allowed."""
    shop = Shop(PIXELTWIN_ON_ERROR="log", PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(answer if callable(answer) else lambda: answer)
    assert shop.client.post("/buy").status_code < 400
    assert shop.client.get("/thanks").status_code == 200
    assert not any(one and one.stored for one in shop.tracked)


def test_a_visitor_loader_that_fails_is_raised_where_that_is_wanted() -> None:
    """A call's own `on_error` goes before the site's: the sale is tracked, of nobody known, or the fault is raised."""
    for usual in ("log", "raise"):
        shop = Shop(PIXELTWIN_ON_ERROR=usual)
        shop.twin.visitor_loader(_failing)
        with shop.app.test_request_context("/"):
            assert shop.twin.track(Lead(), on_error="log").stored
            with pytest.raises(RuntimeError, match="the site's own fault"):
                shop.twin.track(Lead(), on_error="raise")


def test_filters_that_fail_take_no_page_down() -> None:
    """A sale is tracked where its filter fails, and its address is told nobody where what hides it fails."""
    shop = Shop(PIXELTWIN_ON_ERROR="log")
    shop.twin.conversion_filter(_failing)
    shop.twin.source_url_filter(_failing)
    shop.app.add_url_rule(
        "/on", "on", lambda: render_template_string(PAGE + "<a {{ pixeltwin.on('click', e) }}>", e=Lead())
    )
    assert shop.client.post("/buy").status_code < 400
    assert [shop.client.get(path).status_code for path in ("/thanks", "/on")] == [200, 200]
    assert [(one.stored, one.source_url) for one in shop.tracked if one] == [(True, None)]
    counted = {reason for _, reason in shop.twin_tracker.losses.snapshot()}
    assert {"fault: conversion_filter", "fault: source_url_filter"} <= counted
