"""What checkout leaves for a webhook follows its visitor's decision, whichever of the two comes first."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import request

from pixeltwin import Consent, CustomEvent, Purchase
from pixeltwin.consent import State
from pixeltwin.outbox import NewRow
from pixeltwin.pages.remembered import COOKIE, MOST, ROOM, Remembered
from pixeltwin.strictjson import decode
from tests.outboxes import BACK_ENDS
from tests.samples import AGENT, purchase, visitor
from tests.test_flask import Shop
from tests.test_holding import Shop as Till
from tests.test_shared_pages import CACHED, claimed

GRANTED, PENDING, DENIED = Consent.granted(), Consent.pending(), Consent.denied()


@pytest.fixture(params=BACK_ENDS)
def till(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Till]:
    made = Till(BACK_ENDS[request.param](tmp_path))
    yield made
    made.tracker.close()


def reported(till: Till, **options: Any) -> Any:
    """The webhook."""
    return till.tracker.track(purchase(), visitor=None, consent=None, **options)


# --- the answer and the report, in either order ----------------------------------------------------------------------


def test_an_answer_before_the_report_is_the_reports(till: Till) -> None:
    """Remembered while nobody had asked him, granted later: the webhook's conversion may go, with his signals."""
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    till.tracker.consented([], GRANTED, keys=["1001", "unknown"])
    reported(till)
    (due,) = till.due()
    assert due.consent == GRANTED and due.visitor.user_agent == AGENT


def test_an_answer_after_the_report_lets_it_go(till: Till) -> None:
    """What a webhook told before he answered is held, and goes with his answer."""
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    reported(till)
    assert (till.due(), till.states()) == ([], {"held"})
    till.tracker.consented([], GRANTED, keys=["1001"])
    (due,) = till.due()
    assert due.consent == GRANTED and due.visitor.user_agent == AGENT


@pytest.mark.parametrize("before", [PENDING, GRANTED])
def test_after_a_refusal_nothing_of_him_is_left(till: Till, before: Consent) -> None:
    """He refuses, or takes back what he allowed: his signals are erased, and the webhook tells nobody."""
    till.tracker.remember("1001", visitor=visitor(), consent=before, source_url="https://shop.example/")
    till.tracker.consented([], DENIED, keys=["1001"])
    (note,) = till.tracker.outbox.notes.listed("signals")
    assert decode(note[1]) == {"visitor": {"sealed": {}}, "url": None, "consent": {"default": "denied"}}
    assert not reported(till).stored and till.states() == set()


def test_a_refusal_after_the_report_calls_it_off(till: Till) -> None:
    """What a webhook told before he answered is cancelled, and its personal data is erased."""
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    told = reported(till)
    till.tracker.consented([], DENIED, keys=["1001"])
    assert till.states() == {"cancelled"} and till.row(told).visitor is None


@pytest.mark.parametrize(("answer", "state"), [(GRANTED, "pending"), (DENIED, "cancelled")])
def test_an_answer_finds_an_event_with_a_name_of_its_own(till: Till, answer: Consent, state: str) -> None:
    """A webhook's custom event goes or ends with his answer like any other, although nobody knows its name then."""
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    till.tracker.track(CustomEvent(name="Fitted"), visitor=None, consent=None, key="1001")
    assert till.states() == {"held"}
    till.tracker.consented([], answer, keys=["1001"])
    assert {one.state for one in till.tracker.outbox.deliveries()} == {state}


def test_an_answer_that_was_given_stands() -> None:
    """A limited consent is not raised by what is read later, and no answer changes nothing."""
    till = Till()
    limited = Consent.limited(country="US", state="CA")
    for consent in (limited, PENDING):
        till.tracker.remember("1001", visitor=visitor(), consent=consent)
        till.tracker.consented([], GRANTED if consent is limited else PENDING, keys=["1001"])
        kept = till.tracker.memory.recall("1001", now=till.clock())
        assert kept is not None and kept.consent == consent


def test_an_answer_does_not_keep_his_signals_for_longer() -> None:
    """They go seven days after checkout, whenever he answered."""
    till = Till()
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    till.clock.advance(days=6)
    till.tracker.consented([], GRANTED, keys=["1001"])
    till.clock.advance(days=1)
    assert till.tracker.memory.recall("1001", now=till.clock()) is None


def test_an_answer_and_a_report_at_the_same_moment_meet(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """He answers when the webhook has read his signals and not yet put its conversion: it goes all the same."""
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    real = till.tracker.outbox.put

    def put_after_the_answer(new: NewRow, **options: Any) -> Any:
        till.tracker.consented([], GRANTED, keys=["1001"])
        return real(new, **options)

    monkeypatch.setattr(till.tracker.outbox, "put", put_after_the_answer)
    reported(till)
    assert [one.consent for one in till.due()] == [GRANTED]
    assert till.tracker.outbox.notes.listed("signals") == []


def test_a_report_in_the_shops_own_transaction_goes_with_the_answer(tmp_path: Path) -> None:
    """A webhook's conversion that was committed with its order is found like any other."""
    path = tmp_path / "shop.db"
    till = Till(f"sqlite:///{path}")
    till.tracker.remember("1001", visitor=visitor(), consent=PENDING)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN")
        reported(till, connection=connection)
        connection.commit()
    till.tracker.consented([], GRANTED, keys=["1001"])
    assert [one.consent for one in till.due()] == [GRANTED]


# --- through a site --------------------------------------------------------------------------------------------------


class Site(Shop):
    """/checkout remembers and /hook is the payment provider's; `answer` is what the visitor says of consent."""

    def __init__(self, answer: State = "pending", **settings: Any) -> None:
        super().__init__(PIXELTWIN_CONSENT="", **settings)
        self.answer: Consent = Consent(answer)
        self.twin.consent_loader(lambda: self.answer)
        self.app.add_url_rule("/cached", "cached", lambda: self.app.jinja_env.from_string(CACHED).render())
        self.visitor = self.client

        @self.app.post("/checkout")
        def checkout() -> str:
            self.twin.remember(request.args.get("order", "55"), email="ada@example.com")
            return ""

        @self.app.post("/hook")
        @self.twin.off_page
        def hook() -> str:
            self.tracked.append(self.twin.track(Purchase(order_id="55", value="1", currency="EUR")))
            return ""

    def states(self) -> list[str]:
        return sorted({one.state for one in self.twin_tracker.outbox.deliveries()})

    def notes(self) -> list[Any]:
        return [decode(data)["visitor"] for _, data in self.twin_tracker.outbox.notes.listed("signals")]

    @property
    def cookie(self) -> Any:
        return self.visitor.get_cookie(COOKIE)


@pytest.mark.parametrize("page", ["/thanks", "/cached", "ahead"])
@pytest.mark.parametrize("order", ["answer, report", "report, answer"])
@pytest.mark.parametrize(("answer", "left"), [("granted", ["pending"]), ("denied", [])])
def test_a_webhook_goes_by_what_the_visitor_answered_on_a_later_page(
    page: str, order: str, answer: State, left: list[str]
) -> None:
    """Whichever comes first and whatever kind of page it is: granted, the conversion may go; denied, nobody is told and
    nothing is kept of him."""
    site = Site()
    site.visitor.post("/checkout")
    for step in order.split(", "):
        if step == "report":
            site.client.post("/hook")
            continue
        site.answer = Consent(answer)
        headers = {"Sec-Purpose": "prefetch"} if page == "ahead" else {}
        site.visitor.get("/thanks" if page == "ahead" else page, headers=headers)
        if page != "/thanks":
            claimed(site.visitor)
    assert site.states() == (left or (["cancelled"] if order.startswith("report") else []))
    assert all("user_agent" not in note for note in site.notes())


def test_who_takes_his_consent_back_leaves_nothing_for_the_webhook() -> None:
    """Remembered with his consent, withdrawn before the webhook comes: his signals are erased with our cookies."""
    site = Site("granted")
    site.visitor.post("/checkout")
    assert "user_agent" in site.notes()[0] and site.cookie is not None
    site.visitor.get("/thanks")
    assert "user_agent" in site.notes()[0] and site.cookie is not None
    site.answer = DENIED
    site.visitor.get("/thanks")
    assert site.notes() == [{"sealed": {}}] and site.cookie is None
    site.client.post("/hook")
    assert site.states() == []


def test_an_answer_for_some_platforms_leaves_the_rest_waiting() -> None:
    """A platform that was not asked about is asked about again, and the last answer is the one that holds."""
    site = Site()
    site.visitor.post("/checkout")
    for platforms in ({"snap": "pending"}, {"snap": "granted"}):
        site.answer = Consent.denied(platforms={"reddit": "granted", **platforms})  # type: ignore[dict-item]
        site.visitor.get("/thanks")
    kept = site.twin_tracker.memory.recall("55", now=site.twin_tracker.clock())
    assert kept is not None and kept.consent == site.answer


def test_a_key_is_carried_only_while_an_answer_could_change_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is asked, or he refused before, there is no cookie; a decision that is done is not done again."""
    fixed = Site("granted")
    fixed.twin._hooks.consent = None  # pyright: ignore[reportPrivateUsage]
    fixed.app.extensions["pixeltwin"].fixed_consent = GRANTED
    for site in (fixed, Site("denied")):
        site.visitor.post("/checkout")
        assert site.cookie is None
    site = Site()
    site.visitor.post("/checkout")
    site.answer = GRANTED
    site.visitor.get("/thanks")

    def again(*args: Any, **options: Any) -> None:
        raise AssertionError("it was decided before")

    monkeypatch.setattr(site.twin_tracker, "consented", again)
    site.visitor.get("/thanks")


def test_what_was_not_signed_here_decides_nothing() -> None:
    """A forged cookie touches nobody's signals, and goes."""
    site = Site()
    site.visitor.post("/checkout")
    stranger = site.client
    stranger.set_cookie(COOKIE, "forged")
    site.answer = DENIED
    stranger.get("/thanks")
    assert "user_agent" in site.notes()[0] and stranger.get_cookie(COOKIE) is None


def test_the_cookie_stays_within_what_a_browser_keeps() -> None:
    """However many orders, and however long their keys, the newest are carried and the rest is let go."""
    tracker = Till().tracker
    for length, most in ((33, MOST), (300, MOST - 1)):
        carried, keys = Remembered(tracker, None), [secrets.token_hex(length) for _ in range(200)]
        for key in keys:
            carried.add(key, PENDING)
        cookie = carried.leaving()
        assert cookie is not None and len(cookie.value) <= ROOM
        again = Remembered(tracker, cookie.value)
        kept = again.concerned(GRANTED)
        assert again.leaving() is None and kept == keys[-len(kept) :] and 1 < len(kept) <= most
    again.add(secrets.token_hex(3000), PENDING)
    emptied = again.leaving()
    assert emptied is not None and emptied.value == ""
