"""Pages of a shop that keeps its orders beside the outbox, rendered while its own transaction is still open."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import g, render_template_string

from pixeltwin import Consent, CustomEvent, Purchase
from pixeltwin.errors import UnknownConversion
from tests.postgresql import fresh_url
from tests.samples import purchase, visitor
from tests.test_flask import PAGE, Shop, fired


class Till(Shop):
    """A shop that keeps its orders beside the outbox and renders its page before it commits, or rolls back."""

    def __init__(self, outbox: str, connect: Callable[[], Any]) -> None:
        super().__init__(PIXELTWIN_OUTBOX=outbox)
        self.twin_tracker.outbox.migrate()
        self.connect = connect
        self.before_commit: Callable[[], object] = lambda: None

        @self.app.post("/sell/<how>/<end>")
        def sell(how: str, end: str) -> str:
            with closing(connect()) as connection:
                act = self.twin.hold if how == "hold" else self.twin.track
                event = Purchase(order_id="5005", value="10", currency="EUR")
                self.tracked.append(act(event, email="ada@example.com", connection=connection))
                page = render_template_string(PAGE)
                self.before_commit()
                getattr(connection, end)()
            return page

    def is_paid_early(self) -> None:
        """The webhook comes when the next hold has looked for it, and before its commit. Where there is one writer at a
        time, that is before its row too."""
        outbox = self.twin_tracker.outbox
        put = outbox.put

        def confirm() -> None:
            self.before_commit = lambda: None
            with pytest.raises(UnknownConversion):
                self.twin_tracker.confirm(Purchase, "5005", value="8")

        def confirmed_put(*args: Any, **options: Any) -> Any:
            outbox.put = put
            confirm()
            return put(*args, **options)

        if outbox.one_writer:
            outbox.put = confirmed_put
        else:
            self.before_commit = confirm

    def states(self) -> set[str]:
        return {one.state for one in self.twin_tracker.outbox.deliveries()}


@pytest.fixture(params=["sqlite", "postgres"])
def till(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Till]:
    if request.param == "sqlite":
        made = Till(f"sqlite:///{tmp_path}/shop.db", lambda: sqlite3.connect(tmp_path / "shop.db"))
    else:
        url = fresh_url()
        import psycopg

        made = Till(url, lambda: psycopg.connect(url))
    yield made
    made.twin_tracker.close()


def test_a_page_rendered_before_the_commit_leaves_its_pixel_to_the_next_one(till: Till) -> None:
    """What was tracked in a transaction that is still open is on the visitor's next page, once."""
    client = till.client
    assert fired(client.post("/sell/track/commit")) == []
    sold = till.tracked[0]
    assert sold is not None
    assert set(fired(client.get("/"))) == {(name, sold.id) for name in ("reddit", "snap", "pinterest")}
    assert fired(client.get("/")) == []
    assert client.get_cookie("pixeltwin_pending") is None


def test_a_hold_rendered_before_the_commit_is_shown_when_it_was_paid(till: Till) -> None:
    """The visitor carries a held order on, although the page of its checkout could not see it yet."""
    client = till.client
    client.post("/sell/hold/commit")
    assert fired(client.get("/")) == []
    till.twin_tracker.confirm(Purchase, "5005")
    assert len(fired(client.get("/"))) == 3


def test_a_hold_that_was_paid_before_its_commit_is_on_the_visitors_next_page(till: Till) -> None:
    """A webhook that is faster than the shop's commit is not forgotten: the thank-you page shows the order as it was
    paid, and its server halves may go."""
    client = till.client
    till.is_paid_early()
    client.post("/sell/hold/commit")
    assert till.states() == {"held"}
    page = client.get("/")
    assert len(fired(page)) == 3
    assert till.states() == {"pending"}
    again = till.twin_tracker.confirm(Purchase, "5005", value="8")
    assert (again.created, str(again.event.value)) == (False, "8")
    assert fired(client.get("/")) == []


def test_a_hold_that_was_paid_before_its_commit_goes_by_itself(till: Till) -> None:
    """Where the visitor never comes back, a worker's next look finds the payment, once, whoever looks beside it."""
    till.is_paid_early()
    till.client.post("/sell/hold/commit")
    holding, now = till.twin_tracker.holding, till.twin_tracker.clock()
    with ThreadPoolExecutor(4) as pool:
        paid = list(pool.map(lambda _: holding.catch_up(now), range(8)))
    assert (sum(paid), till.states()) == (1, {"pending"})
    assert holding.catch_up(now) == 0


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_was_kept_for_an_order_is_used_up_with_its_commit(till: Till, end: str) -> None:
    """Signals that checkout remembered, and a payment that was told early, are erased as soon as the shop has committed
    what used them; where it rolls back they are there for the next try."""
    tracker = till.twin_tracker
    tracker.remember("1", visitor=visitor(), consent=Consent.granted())
    with pytest.raises(UnknownConversion):
        tracker.confirm(Purchase, "2")
    with closing(till.connect()) as connection:
        tracker.track(purchase("1"), visitor=None, consent=None, connection=connection)
        tracker.hold(purchase("2"), visitor=visitor(), consent=Consent.granted(), connection=connection)
        getattr(connection, end)()
    assert till.states() == ({"pending"} if end == "commit" else set())
    kept = [len(tracker.outbox.notes.listed(kind)) for kind in ("signals", "confirmed")]
    assert kept == ([0, 0] if end == "commit" else [1, 1])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_visitors_answer_finds_an_event_of_the_shops_transaction_by_its_own_name(till: Till, end: str) -> None:
    """What a webhook told of an event with a name of its own, before he answered, goes with his answer if its
    transaction was committed."""
    tracker = till.twin_tracker
    tracker.remember("1", visitor=visitor(), consent=Consent.pending())
    with closing(till.connect()) as connection:
        tracker.track(CustomEvent(name="Fitted"), visitor=None, consent=None, key="1", connection=connection)
        getattr(connection, end)()
    tracker.consented([], Consent.granted(), keys=["1"])
    assert till.states() == ({"pending"} if end == "commit" else set())
    assert len(tracker.memory.named("1", now=tracker.clock())) == (end == "commit")


def test_of_two_payments_around_a_commit_the_first_one_stands(till: Till) -> None:
    """The webhook that comes again after the commit lets the order go as the first one said, and another amount is a
    named conflict."""
    till.is_paid_early()
    till.client.post("/sell/hold/commit")
    paid = till.twin_tracker.confirm(Purchase, "5005", value="7")
    assert (paid.created, str(paid.event.value)) == (True, "8")
    assert till.twin_tracker.losses.snapshot()["", "conflict"] == 1


def test_an_early_payment_of_a_hold_that_was_rolled_back_waits_for_the_next(till: Till) -> None:
    """What was told of an order that did not come to be is applied when the visitor orders again."""
    till.is_paid_early()
    till.client.post("/sell/hold/rollback")
    assert till.twin_tracker.holding.catch_up(till.twin_tracker.clock()) == 0
    till.client.post("/sell/hold/commit")
    assert till.states() == {"pending"}


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_second_try_in_the_shops_transaction_is_there_with_its_commit(till: Till, end: str) -> None:
    """An order that was declined is held again with its commit, and not without."""
    client = till.client
    client.post("/sell/hold/commit")
    till.twin_tracker.cancel(Purchase, "5005", reason="declined")
    client.post(f"/sell/hold/{end}")
    again = till.tracked[1]
    assert again is not None and again.created and again.stored
    if end == "commit":
        assert till.twin_tracker.confirm(Purchase, "5005").created
        assert len(fired(client.get("/"))) == 3
    else:
        assert till.states() == {"cancelled"}


@pytest.mark.parametrize("how", ["track", "hold"])
def test_what_was_rolled_back_is_carried_to_one_page_and_no_further(till: Till, how: str) -> None:
    """An order that never was fires nothing, and its cookie is gone after the next page."""
    client = till.client
    client.post(f"/sell/{how}/rollback")
    assert fired(client.get("/")) == []
    assert client.get_cookie("pixeltwin_pending") is None


def test_a_decision_that_the_open_transaction_keeps_from_being_recorded_is_recorded_next_time(tmp_path: Path) -> None:
    """A shop that commits behind its response does not wait long, and the decision that its order rests on is in the
    ledger with the visitor's next page."""
    shop = Shop(PIXELTWIN_OUTBOX=f"sqlite:///{tmp_path}/shop.db", PIXELTWIN_CONSENT="")
    shop.twin.consent_loader(Consent.granted)
    shop.twin_tracker.outbox.migrate()

    @shop.app.post("/sell")
    def sell() -> str:
        g.connection = sqlite3.connect(tmp_path / "shop.db")
        event = Purchase(order_id="5005", value="10", currency="EUR")
        shop.tracked.append(shop.twin.track(event, email="ada@example.com", connection=g.connection))
        return render_template_string(PAGE)

    @shop.app.teardown_request
    def commit(error: BaseException | None) -> None:
        if "connection" in g:
            g.connection.commit()
            g.connection.close()

    client = shop.client
    began = time.monotonic()
    client.post("/sell")
    assert time.monotonic() - began < 1.5  # a lock that another has is waited for for two seconds
    sold = shop.tracked[0]
    assert sold is not None and sold.consent.who
    assert list(shop.twin_tracker.ledger.entries()) == []
    assert len(fired(client.get("/"))) == 3
    assert [one.who for one in shop.twin_tracker.ledger.entries()] == [sold.consent.who]
    client.get("/")
    assert len(list(shop.twin_tracker.ledger.entries())) == 1
    assert ("", "fault: consent") not in shop.twin_tracker.losses.snapshot()
    shop.twin_tracker.close()
