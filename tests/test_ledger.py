"""The ledger: who decided what and when, and that what waits follows the last decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pixeltwin import Consent, Purchase, Tracker
from pixeltwin.outbox import Outbox
from pixeltwin.tracking import withdrawals
from pixeltwin.tracking.ledger import Entry, Ledger
from tests.delivering import delivery, local_vendor, memory_outbox, rows
from tests.local_vendor import NOW, Vendor, conversion, put
from tests.samples import KEY, Clock, platforms, visitor

FIXTURES = (memory_outbox, local_vendor)


def by(who: str, consent: Consent) -> Consent:
    return replace(consent, who=who)


def tracker() -> Tracker:
    return Tracker(platforms(), secret_keys=[KEY], outbox="memory:", clock=Clock())


def test_a_decision_is_kept_with_its_source_and_for_each_platform() -> None:
    """The ledger tells who allowed which platform what, when, and where it was read."""
    ours = tracker()
    ours.ledger.record(by("ada", Consent.granted(platforms={"snap": "denied"})), ours.platforms, source="tcf", now=NOW)
    ours.ledger.record(by("bob", Consent.limited(state="CA")), ours.platforms, source="loader", now=NOW)
    assert list(ours.ledger.entries()) == [
        Entry("ada", NOW, "tcf", {"reddit": "granted", "snap": "denied", "pinterest": "granted"}),
        Entry("bob", NOW, "loader", dict.fromkeys(("reddit", "snap", "pinterest"), "limited")),
    ]


def test_a_decision_of_nobody_is_not_recorded() -> None:
    """Without the visitor's id there is nobody to record it for."""
    ours = tracker()
    with pytest.raises(ValueError, match="nobody is known"):
        ours.ledger.record(Consent.granted(), ours.platforms, source="loader", now=NOW)


@pytest.mark.parametrize(
    ("decided", "state", "reason"),
    [
        (Consent.denied(), "suppressed", "consent_withdrawn"),
        (Consent.granted(platforms={"local": "denied"}), "suppressed", "consent_withdrawn"),
        (Consent.denied(platforms={"local": "granted"}), "delivered", ""),
        (Consent.granted(), "delivered", ""),
    ],
)
def test_what_waits_follows_what_its_visitor_decided_last(
    outbox: Outbox, vendor: Vendor, decided: Consent, state: str, reason: str
) -> None:
    """A server half that waits when consent is withdrawn is never sent, and its personal data is erased; nobody else's
    is touched."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", Consent.granted())))
    put(outbox, conversion(2, consent=by("bob", Consent.granted())))
    put(outbox, conversion(3))
    ledger = Ledger(outbox)
    ledger.record(by("ada", Consent.granted()), [platform], source="loader", now=NOW)
    ledger.record(by("ada", decided), [platform], source="loader", now=NOW)
    sender.deliver(NOW)
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason.partition(":")[0]) == (state, reason)
    assert vendor.ids == [f"id-{number}" for number in (1, 2, 3) if number > 1 or state == "delivered"]
    assert outbox.get(["id-1"])[0].visitor is None


def test_a_decision_made_later_never_raises_what_was_allowed_then(outbox: Outbox, vendor: Vendor) -> None:
    """Who allowed limited use, or nothing, when it happened is not sent more of it for having agreed since."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", Consent.denied())))
    Ledger(outbox).record(by("ada", Consent.granted()), [platform], source="loader", now=NOW)
    sender.deliver(NOW)
    assert rows(outbox)["id-1"].reason.startswith("consent_denied")
    assert not vendor.ids


@pytest.mark.parametrize(
    ("then", "later"),
    [
        (Consent.granted(), Consent.limited(country="US", state="CA")),
        (Consent.limited(country="US", state="CA"), Consent.granted()),
        (Consent.limited(country="US", state="CA"), Consent("granted", country="DE")),
        (Consent.limited(country="US", state="CA"), Consent.limited()),
        (Consent.limited(country="US", state="TX"), Consent.limited(country="US", state="CA")),
    ],
)
def test_limited_use_has_the_place_that_was_said_with_it(
    outbox: Outbox, vendor: Vendor, then: Consent, later: Consent
) -> None:
    """Where limited use applies is carried by the answer it came with, be that the first or the last."""
    platform = vendor.platform()
    seen: list[Consent] = []
    platform.honours = lambda consent, visitor: bool(seen.append(consent)) or True  # type: ignore[method-assign,func-returns-value]
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", then)))
    Ledger(outbox).record(by("ada", later), [platform], source="loader", now=NOW)
    sender.deliver(NOW)
    assert [(platform.state(one), one.country, one.state) for one in seen] == [("limited", "US", "CA")]


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (Consent.granted(), "delivered", ""),
        (Consent.limited(), "delivered", ""),
        (Consent.denied(), "suppressed", "consent_denied"),
        (Consent.granted(platforms={"local": "pending"}), "waiting", "consent_pending"),
    ],
)
def test_a_platform_that_was_not_decided_about_follows_the_answer(
    outbox: Outbox, vendor: Vendor, answer: Consent, state: str, reason: str
) -> None:
    """What waits for an answer about one platform goes with it, however late; the pixel that was not shown by then
    counts as no first half."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", Consent.granted(platforms={"local": "pending"}))), offered=True)
    sender.deliver(NOW)
    Ledger(outbox).record(by("ada", answer), [platform], source="loader", now=NOW + timedelta(seconds=1))
    sender.deliver(NOW + platform.window(None) + timedelta(hours=1))
    row = rows(outbox)["id-1"]
    assert (row.state, row.reason.partition(":")[0]) == (state, reason)


@pytest.mark.parametrize(("answer", "state"), [(Consent.granted(), "waiting"), (Consent.denied(), "suppressed")])
def test_what_was_said_before_he_was_asked_again_is_no_yes(
    outbox: Outbox, vendor: Vendor, answer: Consent, state: str
) -> None:
    """While the ledger has only what its visitor said earlier, a conversion that waits for his answer is told to
    nobody; when it happened is no matter, for that may be said later."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    asked = by("ada", Consent.granted(platforms={"local": "pending"}))
    Ledger(outbox).record(by("ada", answer), [platform], source="loader", now=NOW)
    put(outbox, conversion(1, consent=asked, occurred_at=NOW - timedelta(hours=1)))
    sender.deliver(NOW)
    assert (rows(outbox)["id-1"].state, vendor.ids) == (state, [])


def test_an_answer_that_is_lost_takes_nothing_back(outbox: Outbox, vendor: Vendor) -> None:
    """Who is asked about a platform again has not refused it: what he allowed it before goes."""
    platform = vendor.platform()
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", Consent.granted())))
    asked = Consent.granted(platforms={"local": "pending"})
    Ledger(outbox).record(by("ada", asked), [platform], source="loader", now=NOW)
    sender.deliver(NOW)
    assert vendor.ids == ["id-1"]


def test_limited_use_that_was_chosen_since_is_kept_to(outbox: Outbox, vendor: Vendor) -> None:
    """A granted conversion goes out limited once its visitor allows no more than that."""
    platform = vendor.platform()
    seen: list[bool] = []
    platform.honours = lambda consent, visitor: bool(seen.append(platform.limited(consent))) or True  # type: ignore[method-assign,func-returns-value]
    sender = delivery(outbox, platform)
    put(outbox, conversion(1, consent=by("ada", Consent.granted())))
    Ledger(outbox).record(by("ada", Consent.limited()), [platform], source="loader", now=NOW)
    sender.deliver(NOW)
    assert vendor.ids == ["id-1"]
    assert seen == [True]


def test_who_refuses_later_has_nothing_left_waiting() -> None:
    """Of this visitor's conversions those that rest on his own consent are called off when he allows nobody; what the
    site decided for one conversion stays."""
    ours = tracker()
    event = Purchase(order_id="1", value="1", currency="EUR")
    own = ours.track(event, visitor=visitor(), consent=by("ada", Consent.granted()))
    override = ours.track(event, key="2", visitor=visitor(), consent=Consent.granted())
    pending = ours.track(event, key="3", visitor=visitor(), consent=Consent.pending())
    ours.consented([own.id, override.id, pending.id], Consent.denied())
    states = {one.id: one.state for one in ours.outbox.deliveries()}
    assert states == {own.id: "cancelled", override.id: "pending", pending.id: "cancelled"}


def refuse(outbox: Outbox, who: str, *later: Consent) -> None:
    for decided in (Consent.granted(), Consent.denied(), *later):
        Ledger(outbox).record(by(who, decided), platforms(), source="loader", now=NOW)


def test_what_waits_in_an_outage_is_erased_for_who_refuses(outbox: Outbox, vendor: Vendor) -> None:
    """Nobody takes the queue, and yet what waits of a visitor who takes everything back has gone with the next purge;
    of nobody else, and of none who has agreed again, be it
    to some."""
    sender = delivery(outbox, vendor.platform())
    for number, who in enumerate(("ada", "bob", "ada", "eve")):
        put(outbox, conversion(number, consent=by(who, Consent.granted())))
    put(outbox, conversion(4))
    refuse(outbox, "ada")
    refuse(outbox, "eve", Consent.limited())
    put(outbox, conversion(5, consent=by("dan", Consent.granted())))
    refuse(outbox, "dan", Consent.granted(platforms={"snap": "denied"}))
    sender.purge(NOW)
    assert [row.id for row in outbox.get([f"id-{number}" for number in range(6)]) if row.visitor is None] == [
        "id-0",
        "id-2",
    ]
    assert {row.reason for row in rows(outbox).values() if row.state == "cancelled"} == {"consent denied"}


def test_a_purge_at_the_moment_of_a_refusal_does_not_lose_it(
    outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that looks for who refused while the refusal is being written leaves it to be found by the next look."""
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1, consent=by("ada", Consent.granted())))
    record = outbox.decisions.record

    def slowly(who: str, data: bytes, *, now: datetime) -> None:
        sender.purge(now)
        record(who, data, now=now)

    monkeypatch.setattr(outbox.decisions, "record", slowly)
    refuse(outbox, "ada")
    sender.purge(NOW)
    assert rows(outbox)["id-1"].state == "cancelled"


def test_a_long_queue_is_looked_through_in_several_purges(
    outbox: Outbox, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One purge looks at so many rows and no more; the next one goes on there, and who refuses meanwhile is next."""
    monkeypatch.setattr(withdrawals, "STEP", 1)
    monkeypatch.setattr(withdrawals, "STEPS", 2)
    sender = delivery(outbox, vendor.platform())
    for number, who in enumerate(("ada", "bob", "bob", "ada")):
        put(outbox, conversion(number, consent=by(who, Consent.granted())))
    refuse(outbox, "ada")
    open_then: list[list[str]] = []
    for _ in range(6):
        sender.purge(NOW)
        open_then.append([row.id for row in outbox.open_rows(after=None, limit=9)])
        if len(open_then) == 1:
            refuse(outbox, "bob")
    assert open_then == [["id-1", "id-2", "id-3"], ["id-1", "id-2"], ["id-1", "id-2"], [], [], []]
    assert not outbox.notes.listed("withdrawn")
