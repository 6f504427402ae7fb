"""Payments that settle later: held at checkout, confirmed or cancelled by webhook, told once, and never lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltwin import Consent, Conversion, CustomEvent, Item, Purchase, Tracker, Visitor, rows
from pixeltwin.errors import InvalidInput, OutboxUnavailable, UnknownConversion
from pixeltwin.outbox import Settlement, Stored
from pixeltwin.strictjson import decode
from tests.outboxes import BACK_ENDS, settle_all
from tests.samples import AGENT, KEY, Clock, platforms, purchase, visitor
from tests.thoroughness import examples

GRANTED = Consent.granted()
PAGE = "https://shop.example/checkout"


class Shop:
    """A tracker with a clock that is moved by hand."""

    def __init__(self, outbox: Any = "memory:", **changes: Any) -> None:
        self.clock = Clock()
        self.tracker = Tracker(platforms(), secret_keys=[KEY], outbox=outbox, clock=self.clock, **changes)
        self.destinations = [platform.destination for platform in self.tracker.platforms]

    def hold(self, order: str = "1001", consent: Consent = GRANTED, **options: Any) -> Conversion:
        return self.tracker.hold(purchase(order), visitor=visitor(), consent=consent, source_url=PAGE, **options)

    def row(self, conversion: Conversion) -> Stored:
        (row,) = self.tracker.outbox.get([conversion.id])
        return row

    def states(self) -> set[str]:
        return {one.state for one in self.tracker.outbox.deliveries()}

    def due(self) -> list[Conversion]:
        """What a worker would now have for the first destination."""
        claims = self.tracker.outbox.claim(self.destinations[0], now=self.clock(), limit=10)
        return [found for claim in claims if (found := rows.restored(claim.row)) is not None]

    def deliver(self, *destinations: str) -> int:
        """Deliver what is due to these destinations, all of them if none is named; how much it was."""
        count = 0
        for destination in destinations or self.destinations:
            claims = self.tracker.outbox.claim(destination, now=self.clock(), limit=10)
            done = [Settlement(claim.row.seq, claim.lease, "delivered") for claim in claims]
            count += self.tracker.outbox.settle(destination, done, now=self.clock())
        return count


@pytest.fixture(params=BACK_ENDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(BACK_ENDS[request.param](tmp_path))
    yield made
    made.tracker.close()


# --- holding and confirming ------------------------------------------------------------------------------------------


def test_a_hold_waits_with_the_signals_of_checkout(shop: Shop) -> None:
    """Before the payment nobody is told: no server half is due, no pixel is handed out, and the signals are kept."""
    held = shop.hold()
    assert held.created and held.stored
    assert shop.due() == []
    assert shop.tracker.offer([held.id]) == []
    assert shop.row(held).held == ("payment",)
    kept = decode(shop.row(held).visitor or b"")
    assert (kept["user_agent"], kept["click_ids"]["reddit"], kept["url"]) == (AGENT, "r1", PAGE)


def test_a_confirmation_lets_both_halves_go_from_then_on(shop: Shop) -> None:
    """After the payment both halves go under the hold's id, and ages and windows count from the confirmation."""
    held = shop.hold()
    shop.clock.advance(days=3)
    confirmed = shop.tracker.confirm(Purchase, " 1001 ")
    assert (confirmed.id, confirmed.created, confirmed.stored) == (held.id, True, True)
    assert confirmed.occurred_at == shop.clock()
    (due,) = shop.due()
    assert due.occurred_at == shop.clock()
    assert decode(rows.personal(due))["user_agent"] == AGENT
    assert {one.occurred_at for one in shop.tracker.outbox.deliveries()} == {shop.clock()}
    (offered,) = shop.tracker.offer([held.id])
    assert shop.tracker.snippet([offered], consent=GRANTED).count(held.id) >= 3


def test_what_changed_comes_with_the_confirmation(shop: Shop) -> None:
    """The amount that was paid replaces the amount at checkout, on both halves, and the rest stays as it was."""
    held = shop.hold()
    shop.tracker.confirm(Purchase, 1001, value="49.90", items=[Item(id="sku-2", price="49.90")], tax="7.97")
    (due,) = shop.due()
    (offered,) = shop.tracker.offer([held.id])
    for event in (due.event, offered.event):
        assert isinstance(event, Purchase)
        assert (str(event.value), event.currency, str(event.tax)) == ("49.90", "EUR", "7.97")
        assert [item.id for item in event.items] == ["sku-2"]
        assert event.order_id == "1001"


def test_a_second_confirmation_changes_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook that comes twice confirms once; another amount the second time is a named conflict."""
    shop.hold()
    first = shop.tracker.confirm(Purchase, "1001", value="49.90")
    shop.clock.advance(hours=1)
    again = shop.tracker.confirm(Purchase, "1001", value="49.90")
    assert (again.created, again.stored, again.occurred_at) == (False, True, first.occurred_at)
    assert "conflict" not in {reason for _, reason in shop.tracker.losses.snapshot()}
    shop.tracker.confirm(Purchase, "1001", value="10.00")
    assert shop.tracker.losses.snapshot()["", "conflict"] == 1
    assert len(shop.due()) == 1


def test_a_confirmation_long_after_delivery_changes_nothing(shop: Shop) -> None:
    """A webhook that is repeated when only a tombstone is left is answered, and makes no second conversion."""
    held = shop.hold()
    shop.tracker.confirm(Purchase, "1001")
    shop.deliver()
    shop.clock.advance(days=3)
    shop.tracker.outbox.purge(now=shop.clock())
    again = shop.tracker.confirm(Purchase, "1001")
    assert (again.id, again.created, again.stored, again.browser) == (held.id, False, True, False)
    assert shop.due() == []


def test_the_browser_half_is_only_for_a_day(shop: Shop) -> None:
    """A visitor who comes back inside the window sees the pixels; later the server half goes alone, and is not held
    back for a pixel that was never shown."""
    inside, outside = shop.hold("1"), shop.hold("2")
    for order in ("1", "2"):
        shop.tracker.confirm(Purchase, order)
    shop.clock.advance(hours=24)
    assert [one.id for one in shop.tracker.offer([inside.id])] == [inside.id]
    shop.clock.advance(days=2)
    assert shop.tracker.offer([outside.id]) == []
    assert [one.browser for one in shop.tracker.outbox.deliveries(id=outside.id)] == ["none"] * 3


def test_payment_and_consent_must_both_come(shop: Shop) -> None:
    """A hold of somebody who has not decided goes when he agreed and paid, in whatever order, with both told truly."""
    for order, consent_first in (("1", True), ("2", False)):
        held = shop.hold(order, Consent.pending())
        for step in ("consent", "payment") if consent_first else ("payment", "consent"):
            assert shop.due() == [] and shop.tracker.offer([held.id]) == []
            if step == "consent":
                shop.tracker.consented([held.id], GRANTED)
            else:
                shop.tracker.confirm(Purchase, order, value="10")
        (due,) = shop.due()
        assert isinstance(due.event, Purchase)
        assert (due.id, due.consent, str(due.event.value)) == (held.id, GRANTED, "10")


def test_who_withdraws_consent_is_not_reported_when_he_pays(shop: Shop) -> None:
    """A visitor who allows nobody any more takes his held orders back."""
    held = shop.hold()
    shop.tracker.consented([held.id], Consent.denied())
    assert not shop.tracker.confirm(Purchase, "1001").stored
    assert shop.row(held).visitor is None
    assert shop.states() == {"cancelled"}


def test_a_hold_that_is_never_confirmed_expires(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """After seven days a hold is given up with its personal data; a payment after that is told as too late."""
    held = shop.hold()
    shop.clock.advance(days=7)
    shop.tracker.outbox.purge(now=shop.clock())
    assert shop.states() == {"expired"}
    assert shop.row(held).visitor is None
    late = shop.tracker.confirm(Purchase, "1001")
    assert (late.created, late.stored) == (False, False)
    assert "had expired" in caplog.text
    assert shop.due() == []


def test_custom_events_are_confirmed_by_their_name(shop: Shop) -> None:
    """Two custom events under one key are two conversions, told apart by their names."""
    booked = shop.tracker.hold(CustomEvent(name="Booked"), visitor=visitor(), consent=GRANTED, key="7")
    shop.tracker.hold(CustomEvent(name="Rented"), visitor=visitor(), consent=GRANTED, key="7")
    shop.tracker.confirm(CustomEvent, "7", name="Booked", value="5", currency="EUR")
    assert [one.id for one in shop.due()] == [booked.id]


def test_a_confirmation_that_cannot_be_right_is_refused_and_changes_nothing(shop: Shop) -> None:
    """Wrong fields, a missing name or key, or another order number are said at once, before and after the hold."""
    wrong: list[dict[str, Any]] = [{"value": "-5"}, {"colour": "red"}, {"order_id": "2"}, {"name": "x"}]
    for _ in range(2):
        for changes in wrong:
            with pytest.raises(InvalidInput):
                shop.tracker.confirm(Purchase, "1001", **changes)
        with pytest.raises(InvalidInput):
            shop.tracker.confirm(CustomEvent, "1001")
        with pytest.raises(InvalidInput):
            shop.tracker.confirm(Purchase, " ")
        shop.hold()
    assert shop.due() == []


def test_a_hold_without_a_key_is_refused_or_counted(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody could confirm is not stored: it is a fault in production and an error on request."""
    shop = Shop()
    event = Purchase(value="5", currency="EUR")
    assert not shop.tracker.hold(event, visitor=visitor(), consent=GRANTED).stored
    assert "order_id" in caplog.text
    with pytest.raises(InvalidInput):
        shop.tracker.hold(event, visitor=visitor(), consent=GRANTED, on_error="raise")
    assert shop.tracker.hold(event, visitor=visitor(), consent=GRANTED, key="7").stored


# --- confirmations that come early -----------------------------------------------------------------------------------


def test_an_early_confirmation_is_remembered(shop: Shop) -> None:
    """A webhook that is faster than the checkout is told so, and the hold then goes at once, as the first such webhook
    said, while another amount from a later one is a named conflict."""
    with pytest.raises(UnknownConversion, match="remembered") as raised:
        shop.tracker.confirm(Purchase, "1001", value="49.90")
    assert raised.value.remembered
    for value, conflicts in (("49.9", 0), (None, 0), ("10.00", 1)):
        with pytest.raises(UnknownConversion):
            shop.tracker.confirm(Purchase, "1001", value=value)
        assert shop.tracker.losses.snapshot().get(("", "conflict"), 0) == conflicts
    paid_at = shop.clock()
    shop.clock.advance(minutes=5)
    held = shop.hold()
    assert held.created and held.stored
    (due,) = shop.due()
    assert isinstance(due.event, Purchase)
    assert (due.id, str(due.event.value), due.occurred_at) == (held.id, "49.90", paid_at)
    assert [one.id for one in shop.tracker.offer([held.id])] == [held.id]
    assert not shop.tracker.confirm(Purchase, "1001", value="49.90").created


def test_an_early_confirmation_is_remembered_for_seven_days(shop: Shop) -> None:
    """A hold that comes later than that waits, and needs its own confirmation."""
    with pytest.raises(UnknownConversion):
        shop.tracker.confirm(Purchase, "1001")
    shop.clock.advance(days=7)
    shop.hold()
    assert shop.due() == []
    assert shop.tracker.confirm(Purchase, "1001").created


def test_early_changes_that_do_not_fit_are_said_and_the_payment_counts(caplog: pytest.LogCaptureFixture) -> None:
    """What was paid is never lost for a detail that cannot be true of the order."""
    shop = Shop()
    with pytest.raises(UnknownConversion):
        shop.tracker.confirm(Purchase, "1001", tax="5000")
    shop.hold()
    assert len(shop.due()) == 1
    assert "do not fit" in caplog.text


def test_a_hold_and_its_confirmation_at_the_same_moment_meet(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A confirmation that comes between a hold's looking and writing, or the other way round, is not missed."""
    outbox = shop.tracker.outbox
    real_put, real_keep = outbox.put, outbox.notes.keep

    def put_after_confirmation(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(outbox, "put", real_put)
        with suppress(UnknownConversion):
            shop.tracker.confirm(Purchase, "1")
        return real_put(*args, **kwargs)

    monkeypatch.setattr(outbox, "put", put_after_confirmation)
    one = shop.hold("1")

    def note_after_hold(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(outbox.notes, "keep", real_keep)
        shop.hold("2")
        real_keep(*args, **kwargs)

    monkeypatch.setattr(outbox.notes, "keep", note_after_hold)
    two = shop.tracker.confirm(Purchase, "2")
    assert two.created
    assert [found.id for found in shop.due()] == [one.id, two.id]


def test_another_amount_is_one_conflict_though_the_hold_comes_while_it_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that differs from an early one is counted once, also when the hold commits between its two looks."""
    with pytest.raises(UnknownConversion):
        shop.tracker.confirm(Purchase, "1001", value="49.90")
    with monkeypatch.context() as between:
        between.setattr(shop.tracker.outbox.notes, "find", lambda *_, **__: None)
        shop.hold()
    before_the_second_look(shop, monkeypatch, lambda: None)
    shop.tracker.confirm(Purchase, "1001", value="10.00")
    assert shop.tracker.losses.snapshot()["", "conflict"] == 1
    (due,) = shop.due()
    assert isinstance(due.event, Purchase) and str(due.event.value) == "49.90"


def test_a_confirmation_that_another_one_overtakes_is_not_remembered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the hold came and was paid while it was told, nothing of it is left behind."""

    def paid() -> None:
        shop.hold()
        shop.tracker.confirm(Purchase, "1001", value="49.90")

    before_the_second_look(shop, monkeypatch, paid)
    assert not shop.tracker.confirm(Purchase, "1001", value="10.00").created
    assert shop.tracker.losses.snapshot()["", "conflict"] == 1
    unique = rows.natural(purchase(), "1001", site="")
    assert shop.tracker.outbox.notes.find("confirmed", unique, now=shop.clock()) is None


def before_the_second_look(shop: Shop, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """The next look for a row finds nothing, and then this happens."""
    outbox, real = shop.tracker.outbox, shop.tracker.outbox.find

    def finds_nothing(_: str) -> None:
        monkeypatch.setattr(outbox, "find", real)
        happens()

    monkeypatch.setattr(outbox, "find", finds_nothing)


def test_a_hold_that_is_told_again_in_the_shops_own_transaction_loses_no_payment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid before the hold could be seen stays paid, though the shop tells of the hold once more."""
    shop = Shop(f"sqlite:///{tmp_path}/shop.db")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        held = shop.hold(connection=connection)
        connection.commit()
        with monkeypatch.context() as unseen:
            unseen.setattr(shop.tracker.outbox, "find", lambda _: None)
            with pytest.raises(UnknownConversion):
                shop.tracker.confirm(Purchase, "1001")
        shop.hold(connection=connection)
        connection.commit()
    shop.tracker.holding.catch_up(shop.clock())
    assert [due.id for due in shop.due()] == [held.id]
    shop.tracker.close()


def test_a_hold_in_the_shops_own_transaction_goes_when_it_was_paid_before(tmp_path: Path) -> None:
    """A hold that commits with its order waits for the payment, or goes with the commit if that was told already."""
    shop = Shop(f"sqlite:///{tmp_path}/shop.db")
    with pytest.raises(UnknownConversion):
        shop.tracker.confirm(Purchase, "1")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        one, two = (shop.hold(order, connection=connection) for order in ("1", "2"))
        assert one.stored and two.stored
        assert shop.tracker.outbox.deliveries() == []
        connection.commit()
    assert [due.id for due in shop.due()] == [one.id]
    assert shop.tracker.confirm(Purchase, "2").id == two.id
    shop.tracker.close()


def test_what_was_said_before_is_found_in_the_shops_open_transaction(tmp_path: Path) -> None:
    """What a process does first may be in its shop's transaction, which has the lock of the outbox's file: what was
    remembered and what was confirmed before is used all the same, and at once."""
    before = Shop(f"sqlite:///{tmp_path}/shop.db")
    before.tracker.remember("1", visitor=visitor(), consent=GRANTED, source_url=PAGE)
    with pytest.raises(UnknownConversion):
        before.tracker.confirm(Purchase, "2")
    before.tracker.close()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id)")
        made: list[Conversion] = []
        for order in ("1", "2"):
            shop = Shop(f"sqlite:///{tmp_path}/shop.db", on_error="raise")
            connection.execute("INSERT INTO orders VALUES (?)", (order,))
            if order == "1":
                made.append(shop.tracker.track(purchase("1"), visitor=None, consent=None, connection=connection))
            else:
                made.append(shop.hold("2", connection=connection))
            connection.commit()
            shop.tracker.close()
    assert [one.source_url for one in before.due()] == [PAGE, PAGE]
    assert [one.stored for one in made] == [True, True]
    before.tracker.close()


# --- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_cancelled_order_is_told_to_nobody(shop: Shop, confirmed: bool) -> None:
    """What has not gone is cancelled everywhere with its reason, its personal data erased, its pixel not shown."""
    held = shop.hold()
    if confirmed:
        shop.tracker.confirm(Purchase, "1001")
    cancelled = shop.tracker.cancel(Purchase, "1001", reason="not paid")
    assert (cancelled.id, cancelled.already_counted) == (held.id, ())
    assert dict(cancelled.counts) == dict.fromkeys(shop.destinations, "not counted")
    reason = "not paid" if confirmed else "unpaid: not paid"
    assert {(one.state, one.reason) for one in shop.tracker.outbox.deliveries()} == {("cancelled", reason)}
    assert shop.row(held).visitor is None
    assert shop.due() == [] and shop.tracker.offer([held.id]) == []


def test_a_confirmation_after_a_cancellation_says_so(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A payment alone revives no cancelled order: the answer is unstored, and the log names why."""
    shop.hold()
    shop.tracker.cancel(Purchase, "1001")
    late = shop.tracker.confirm(Purchase, "1001")
    assert (late.created, late.stored) == (False, False)
    assert "cancelled" in caplog.text
    assert shop.tracker.losses.snapshot()["", "confirmed_too_late"] == 1
    assert shop.due() == []


# --- paid at the second try ------------------------------------------------------------------------------------------


def end_unpaid(shop: Shop, how: str) -> None:
    """The order of a hold ends before it was paid."""
    if how == "cancelled":
        shop.tracker.cancel(Purchase, "1001", reason="declined")
    else:
        shop.clock.advance(days=8)
        shop.tracker.outbox.purge(now=shop.clock())


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_an_order_that_was_not_paid_has_another_chance(shop: Shop, how: str) -> None:
    """Held again, an order whose payment was declined or did not come waits for its payment, and goes with it, once."""
    first = shop.hold()
    end_unpaid(shop, how)
    second = shop.hold()
    assert (second.id, second.created, second.stored) == (first.id, True, True)
    assert shop.due() == [] and shop.tracker.offer([first.id]) == []
    assert shop.tracker.confirm(Purchase, "1001", value="8").created
    assert not shop.tracker.confirm(Purchase, "1001", value="8").created
    assert [one.id for one in shop.tracker.offer([first.id])] == [first.id]
    assert shop.deliver() == len(shop.destinations)
    assert not shop.hold().created and shop.due() == []
    assert not {"confirmed_too_late", "tracked_too_late"} & {reason for _, reason in shop.tracker.losses.snapshot()}


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_an_order_that_was_not_paid_is_counted_when_it_is_tracked(shop: Shop, how: str) -> None:
    """A transfer that comes after the hold's time, or another way of paying, is told by `track` and goes."""
    shop.hold()
    end_unpaid(shop, how)
    paid = shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED)
    assert paid.created and paid.stored
    assert [one.id for one in shop.due()] == [paid.id]
    assert not shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED).created


def test_a_payment_that_came_after_the_cancellation_counts_when_the_order_is_held_again(shop: Shop) -> None:
    """The money that was too late for the first hold pays the second one."""
    shop.hold()
    end_unpaid(shop, "cancelled")
    assert not shop.tracker.confirm(Purchase, "1001", value="8").stored
    shop.hold()
    (due,) = shop.due()
    assert isinstance(due.event, Purchase) and str(due.event.value) == "8"


@pytest.mark.parametrize("ends", ["paid and cancelled", "lacking signals and cancelled", "refused", "by hand"])
def test_what_ended_otherwise_stays_so_and_is_said(shop: Shop, ends: str, caplog: pytest.LogCaptureFixture) -> None:
    """An order that was called off after its payment, by a refused consent or by a person, also where no platform could
    be told anyway, is revived by no page that is loaded again: it is not stored, on no page, and a counted loss."""
    held = shop.hold()
    if ends == "refused":
        shop.tracker.consented([held.id], Consent.denied())
    elif ends == "by hand":
        shop.tracker.outbox.cancel([held.id], now=shop.clock(), reason="cancelled by hand")
    else:
        shop.tracker.confirm(Purchase, "1001")
        if ends == "lacking signals and cancelled":
            first, *others = shop.destinations
            settle_all(shop.tracker.outbox, first, "suppressed", now=shop.clock(), tried=False)
            for other in others:
                settle_all(shop.tracker.outbox, other, "refused", now=shop.clock(), tried=False)
        shop.tracker.cancel(Purchase, "1001")
    for again in (shop.hold(), shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED)):
        assert (again.created, again.stored, again.browser) == (False, False, False)
    assert shop.due() == []
    assert shop.tracker.losses.snapshot()["", "tracked_too_late"] == 2
    assert "cancelled or had expired" in caplog.text


def test_what_was_for_nobody_is_never_too_late(shop: Shop) -> None:
    """An order that every platform was spared, and then was called off, is no loss when it is told again."""
    shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED)
    for destination in shop.destinations:
        settle_all(shop.tracker.outbox, destination, "suppressed", now=shop.clock(), tried=False)
    shop.tracker.cancel(Purchase, "1001")
    shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED)
    assert ("", "tracked_too_late") not in shop.tracker.losses.snapshot()


def test_two_that_try_again_at_once_make_one_order(shop: Shop) -> None:
    """Whoever holds a declined order first holds it for all."""
    shop.hold()
    end_unpaid(shop, "cancelled")
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(lambda _: shop.hold(), range(4)))
    assert [one.stored for one in held] == [True] * 4
    assert sum(one.created for one in held) == 1
    shop.tracker.confirm(Purchase, "1001")
    assert len(shop.due()) == 1


def test_what_was_counted_cannot_be_taken_back_and_is_said(shop: Shop) -> None:
    """After delivery a cancellation names each destination that has counted, or may have, and stops the others."""
    shop.hold()
    shop.tracker.confirm(Purchase, "1001")
    first, second, third = shop.destinations
    shop.deliver(first)
    shop.tracker.outbox.claim(second, now=shop.clock(), limit=1)
    answer = shop.tracker.cancel(Purchase, "1001")
    assert dict(answer.counts) == {first: "already counted", second: "may be counted", third: "not counted"}
    assert answer.already_counted == (first,)


def test_what_was_asked_without_an_answer_may_have_been_counted(shop: Shop) -> None:
    """A request whose answer was lost may have been taken, now and when it is cancelled again; one that was refused,
    or never made, was not."""
    shop.hold()
    shop.tracker.confirm(Purchase, "1001")
    first, second, third = shop.destinations
    settle_all(shop.tracker.outbox, first, "waiting", reason="network: ReadTimeout", now=shop.clock())
    settle_all(shop.tracker.outbox, second, "refused", reason="no such product", now=shop.clock())
    settle_all(shop.tracker.outbox, third, "pending", now=shop.clock(), tried=False)
    for _ in range(2):
        answer = shop.tracker.cancel(Purchase, "1001")
        assert dict(answer.counts) == {first: "may be counted", second: "not counted", third: "not counted"}


def test_a_pixel_that_was_shown_may_have_been_counted(shop: Shop) -> None:
    """A cancellation after the thank-you page does not claim that nobody has counted."""
    held = shop.hold()
    shop.tracker.confirm(Purchase, "1001")
    shop.tracker.offer([held.id])
    shop.tracker.outbox.acknowledge(held.id, [shop.destinations[0]], now=shop.clock())
    answer = shop.tracker.cancel(Purchase, "1001")
    assert list(answer.counts.values()).count("already counted") == 1
    assert list(answer.counts.values()).count("may be counted") == 2


def test_cancelling_an_unknown_order_is_an_error_that_leaves_nothing(shop: Shop) -> None:
    """Nothing is known under the key: the webhook can answer so, and what was remembered for it is forgotten."""
    shop.tracker.remember("1001", visitor=visitor(), consent=GRANTED)
    with pytest.raises(UnknownConversion):
        shop.tracker.confirm(Purchase, "1001")
    with pytest.raises(UnknownConversion) as raised:
        shop.tracker.cancel(Purchase, "1001")
    assert not raised.value.remembered
    assert shop.tracker.memory.recall("1001", now=shop.clock()) is None
    shop.hold()
    assert shop.due() == []


# --- remembering -----------------------------------------------------------------------------------------------------


def test_what_checkout_remembered_is_used_by_the_webhook_and_erased(shop: Shop) -> None:
    """An off-page report has the signals and the consent of checkout, and they are kept no longer."""
    limited = Consent.limited(country="US", state="CA")
    shop.tracker.remember(1001, visitor=visitor(), consent=limited, source_url=PAGE)
    tracked = shop.tracker.track(purchase(), visitor=None, consent=None)
    kept = decode(shop.row(tracked).visitor or b"")
    assert (kept["user_agent"], kept["click_ids"]["snap"], kept["url"]) == (AGENT, "s1", PAGE)
    assert tracked.consent == limited
    assert shop.tracker.memory.recall("1001", now=shop.clock()) is None


def test_explicit_identity_is_added_to_what_was_remembered(shop: Shop) -> None:
    """What the webhook knows goes first, what it lacks comes from checkout; without asking nothing is taken."""
    shop.tracker.remember("1", visitor=visitor("checkout@example.com"), consent=GRANTED)
    shop.tracker.remember("2", visitor=visitor(), consent=GRANTED)
    person = Visitor(email="webhook@example.com", city="Berlin")
    added = shop.tracker.track(purchase("1"), visitor=person, consent=GRANTED, recall=True)
    plain = shop.tracker.track(purchase("2"), visitor=person, consent=GRANTED)
    alone = decode(shop.row(plain).visitor or b"")
    both = decode(shop.row(added).visitor or b"")
    assert both["user_agent"] == AGENT and "user_agent" not in alone
    assert {**both["sealed"], **alone["sealed"]} == both["sealed"]


def test_remembered_signals_are_hashed_and_go_after_seven_days(shop: Shop) -> None:
    """No plain identity rests in a note, and a purge erases it when nothing came."""
    shop.tracker.remember("1001", visitor=visitor("ada@example.com"), consent=GRANTED)
    note = shop.tracker.outbox.notes.find("signals", '["", "1001"]', now=shop.clock())
    assert note is not None and b"ada@example.com" not in note and AGENT.encode() in note
    shop.clock.advance(days=7)
    assert shop.tracker.memory.recall("1001", now=shop.clock()) is None
    assert shop.tracker.outbox.purge(now=shop.clock()) == 1


def test_who_denied_consent_leaves_that_alone(shop: Shop) -> None:
    """Of somebody who refused nothing but the refusal is remembered, and it holds for the off-page report."""
    shop.tracker.remember("1001", visitor=visitor(), consent=Consent.denied(), source_url=PAGE)
    note = decode(shop.tracker.outbox.notes.find("signals", '["", "1001"]', now=shop.clock()) or b"")
    assert note == {"visitor": {"sealed": {}}, "url": None, "consent": {"default": "denied"}}
    tracked = shop.tracker.track(purchase(), visitor=Visitor(email="ada@example.com"), consent=None)
    assert not tracked.stored
    assert shop.states() == set()


def test_nobody_remembered_and_nobody_said_counts_as_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """Without any word on consent nobody is told, and the log says what to do."""
    shop = Shop()
    assert not shop.tracker.track(purchase(), visitor=visitor(), consent=None).stored
    assert "remember()" in caplog.text


def test_remembering_never_takes_a_page_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot write costs the checkout nothing in production and raises where that is wanted."""

    def full(*args: Any, **kwargs: Any) -> None:
        raise OutboxUnavailable("disk full")

    for shop, raises in ((Shop(), False), (Shop(on_error="raise"), True)):
        monkeypatch.setattr(shop.tracker.outbox.notes, "keep", full)
        if raises:
            with pytest.raises(OutboxUnavailable):
                shop.tracker.remember("1", visitor=visitor(), consent=GRANTED)
        else:
            shop.tracker.remember("1", visitor=visitor(), consent=GRANTED)
            assert shop.tracker.losses.snapshot()["", "fault: remember"] == 1


# --- whatever the order ----------------------------------------------------------------------------------------------


@settings(max_examples=examples(400))
@given(
    st.lists(
        st.sampled_from(["hold", "track", "confirm", "cancel", "remember", "offer", "deliver", "purge"]),
        min_size=3,
        max_size=15,
    )
)
def test_whatever_happens_in_whatever_order_an_order_is_one_conversion(steps: list[str]) -> None:
    """Any history of one order makes one id, paid at most once, delivered at most once and shown at most once."""
    shop = Shop()
    ids: set[str] = set()
    shown: list[Conversion] = []
    delivered = confirmed = 0
    for step in steps:
        shop.clock.advance(minutes=1)
        with suppress(UnknownConversion):
            if step == "hold":
                ids.add(shop.hold().id)
            elif step == "track":
                ids.add(shop.tracker.track(purchase(), visitor=None, consent=GRANTED).id)
            elif step == "confirm":
                answer = shop.tracker.confirm(Purchase, "1001")
                confirmed += answer.created
                ids.add(answer.id)
            elif step == "cancel":
                ids.add(shop.tracker.cancel(Purchase, "1001").id)
            elif step == "remember":
                shop.tracker.remember("1001", visitor=visitor(), consent=GRANTED)
            elif step == "offer":
                shown += shop.tracker.offer(sorted(ids))
            elif step == "deliver":
                delivered += shop.deliver()
            else:
                shop.clock.advance(days=3)
                shop.tracker.outbox.purge(now=shop.clock())
    assert len(ids) <= 1 and confirmed <= 1
    kept = [one for one in shop.tracker.outbox.deliveries() if one.state not in ("cancelled", "expired")]
    assert len(kept) <= len(shop.destinations)
    assert len(shown) <= 1
    assert delivered in (0, len(shop.destinations))


@given(st.permutations(["hold", "confirm", "remember", "track"]))
def test_a_paid_order_always_goes(steps: list[str]) -> None:
    """In whatever order checkout, page and webhook report it, a paid order is due once, with the shopper's signals."""
    shop = Shop()
    for step in steps:
        with suppress(UnknownConversion):
            if step == "hold":
                shop.hold()
            elif step == "track":
                shop.tracker.track(purchase(), visitor=visitor(), consent=GRANTED)
            elif step == "confirm":
                shop.tracker.confirm(Purchase, "1001")
            else:
                shop.tracker.remember("1001", visitor=visitor(), consent=GRANTED)
    (due,) = shop.due()
    assert rows.sealed(due).user_agent == AGENT
