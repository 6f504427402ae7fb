"""What is tracked when the response has gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Response, copy_current_request_context, render_template_string, request, stream_with_context

from pixeltwin import Lead, Visitor
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.tracking.mode import Mode
from tests.test_flask import PAGE, Shop, fired


def tracked_in(place: str, *, hold: bool = False, **settings: Any) -> tuple[Shop, list[Thread]]:
    """A shop with a page that tracks there; the threads that begin when the page has gone."""
    shop, threads = Shop(**settings), list[Thread]()
    tell = shop.twin.hold if hold else shop.twin.track

    def track() -> None:
        shop.tracked.append(tell(Lead(), key="7"))

    @shop.app.teardown_request
    def late(_: BaseException | None) -> None:
        if request.path == "/page" and place == "teardown":
            track()

    @shop.app.get("/page")
    def page() -> Any:
        def parts() -> Iterator[str]:
            if place == "stream, before head":
                yield render_template_string("<a {{ pixeltwin.on('click', event) }}>", event=Lead())
                track()
            told = {"head": PAGE, "layer": "{{ pixeltwin.data_layer() }}"}.get(place.split()[-1], "text")
            yield render_template_string(told)
            if place in ("stream, after head", "stream, after data layer", "stream of data"):
                track()

        if place == "view":
            track()
        if place == "thread":
            threads.append(Thread(target=copy_current_request_context(track)))
        if "stream" not in place:
            return render_template_string(PAGE)
        mimetype = "text/csv" if place == "stream of data" else "text/html"
        return Response(stream_with_context(parts()), mimetype=mimetype)

    return shop, threads


@pytest.mark.parametrize(
    ("place", "late"),
    [
        *(("teardown", True), ("thread", True), ("stream, after head", True)),
        *(("stream, after data layer", True), ("stream of data", True)),
        *(("view", False), ("stream, before head", False)),
    ],
)
def test_what_no_page_can_show_any_more_is_counted_and_said_once(
    place: str, late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its server half is stored; of its browser half the log says once what to do, and no page is believed to have
    shown it. What a page still shows is no loss."""
    shop, threads = tracked_in(place)
    for _ in range(2):
        page = shop.client.get("/page")
        while threads:
            thread = threads.pop()
            thread.start()
            thread.join()
        assert bool(fired(page)) is (not late and len(shop.tracked) == 1)
    assert lost(shop) == late
    assert caplog.text.count("Track in the view") == late
    assert shop.tracked[0] is not None and shop.tracked[0].stored
    halves = shop.twin_tracker.outbox.deliveries(id=shop.tracked[0].id)
    assert {half.browser for half in halves} == {"none" if late else "offered"}


def lost(shop: Shop) -> int:
    found: int = shop.twin_tracker.losses.snapshot().get(("", "after_response"), 0)
    return found


@pytest.mark.parametrize(("hold", "consent"), [(True, "granted"), (False, "pending")])
def test_what_no_cookie_takes_to_a_later_page_is_counted(hold: bool, consent: str) -> None:
    """Nor is a late payment shown when it is confirmed, and what waits for an answer is never found by it."""
    shop, _ = tracked_in("teardown", hold=hold, PIXELTWIN_CONSENT=consent)
    shop.client.get("/page")
    assert lost(shop) == 1


NO_PIXELS = {f"PIXELTWIN_{name}_BROWSER": False for name in ("REDDIT", "SNAP", "PINTEREST")}


@pytest.mark.parametrize("why", ["no pixels", "test mode", "another visitor", "nothing stored"])
def test_what_no_page_would_have_shown_is_no_loss(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server half that goes alone anyway, or what is lost already, is not counted for its time."""
    shop = Shop(PIXELTWIN_ON_ERROR="log", **(NO_PIXELS if why == "no pixels" else {}))
    if why == "test mode":
        shop.twin_tracker.mode = Mode(live=True, test_until=shop.twin_tracker.clock() + timedelta(hours=1))

    @shop.app.teardown_request
    def late(_: BaseException | None) -> None:
        if why == "nothing stored":
            monkeypatch.setattr(shop.twin_tracker.outbox, "put", failing)
        shop.twin.track(Lead(), visitor=Visitor(email="bob@example.com") if why == "another visitor" else None)

    shop.client.get("/plain")
    assert lost(shop) == 0


def failing(*_: Any, **__: Any) -> Any:
    raise OutboxUnavailable("disk full")


def test_what_was_tracked_too_late_is_on_a_page_that_tracks_it_again() -> None:
    """A thank-you page shows what was told of at the end of the request before."""
    shop, _ = tracked_in("teardown")

    @shop.app.get("/thanks-again")
    def again() -> str:
        shop.twin.track(Lead(), key="7")
        return render_template_string(PAGE)

    client = shop.client
    client.get("/page")
    assert len(fired(client.get("/thanks-again"))) == 3
