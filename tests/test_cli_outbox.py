"""`pixeltwin outbox` and `pixeltwin health`: typed on real stores, in wide and narrow terminals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pixeltwin import Consent, Tracker, Visitor
from pixeltwin.cli import outbox_changes
from pixeltwin.cli.health import health_command
from pixeltwin.cli.outbox import outbox_command
from pixeltwin.cli.outbox_watch import Rates
from pixeltwin.outbox import Settlement
from pixeltwin.outbox.states import SERVER_MOVES, ServerState
from pixeltwin.sending.standing import Standing
from tests.postgresql import fresh_url
from tests.samples import KEY, NOW, TOKENS, Clock, platforms, purchase, visitor
from tests.test_flask import SETTINGS, Shop

REDDIT, SNAP = platforms()[0].destination, platforms()[1].destination
ENDS: dict[ServerState, str] = {
    "delivered": "",
    "waiting": "HTTP 500: [bold]out of order[/bold]",
    "refused": "no such [red]product",
    "expired": "too_old: too old",
    "suppressed": "past_window: too late",
}


class Counter:
    """A shop's outbox with conversions in all states, and the commands on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock(NOW)
        ours = self.tracker()
        self.ids = {state: self._ended(ours, state, reason) for state, reason in ENDS.items()}
        ours.hold(purchase("held"), visitor=visitor(), consent=Consent.granted())
        self.ids["pending"] = self.track("pending")
        self.ids["cancelled"] = self.track("cancelled")
        ours.outbox.cancel([self.ids["cancelled"]], now=NOW, reason="not paid")
        self.ids["claimed"] = self.track("claimed")
        ours.outbox.claim(REDDIT, now=NOW, limit=1)
        ours.close()

    def tracker(self) -> Tracker:
        return Tracker(platforms(), secret_keys=[KEY], outbox=self.url, clock=self.clock)

    def track(self, key: str, email: str = "ada@example.com") -> str:
        ours = self.tracker()
        made = ours.track(purchase(key), visitor=visitor(email), consent=Consent.granted())
        ours.close()
        return made.id

    def _ended(self, ours: Tracker, state: ServerState, reason: str) -> str:
        id = self.track(state)
        due = NOW + timedelta(hours=1) if state == "waiting" else None
        for destination in (one.destination for one in platforms()):
            claims = ours.outbox.claim(destination, now=NOW, limit=10)
            ours.outbox.settle(
                destination, [Settlement(one.row.seq, one.lease, state, reason, due) for one in claims], now=NOW
            )
        return id

    def state(self, id: str, destination: str = REDDIT) -> str:
        ours = self.tracker()
        (half,) = ours.outbox.deliveries(id=id, destination=destination)
        ours.close()
        return half.state

    def standing(self, change: Standing, destination: str = REDDIT) -> None:
        ours = self.tracker()
        ours.outbox.share(destination, lambda kept: change.to_bytes())
        ours.close()

    def type(self, *words: str, columns: int = 120, answer: str | None = None) -> Result:
        runner = CliRunner(env={"COLUMNS": str(columns)})
        return runner.invoke(outbox_command(self.tracker), words, input=answer)

    def health(self, *words: str, columns: int = 120) -> Result:
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(health_command(self.tracker), words)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Conversions in all states, in a file."""
    return Counter(f"sqlite:///{tmp_path}/x.db")


def said(answer: Result) -> str:
    """What it said, on one line."""
    assert answer.exit_code == 0, answer.output
    return " ".join(answer.output.split())


@pytest.mark.parametrize("columns", [40, 72, 120, 200])
def test_the_list_has_every_state_and_no_person(counter: Counter, columns: int) -> None:
    """Whatever the terminal's width, every state is counted, no line is wider, a platform's words are plain text, and
    nobody is in it."""
    answer = counter.type("list", "--limit", "100", columns=columns)
    folded = "".join(answer.output.split())
    assert all(state in folded for state in SERVER_MOVES)
    assert max(map(len, answer.output.splitlines())) <= columns
    assert "[red]product" in folded and "[bold]outoforder[/bold]" in folded
    assert not [word for word in (*TOKENS, "ada@", "203.0.113.7", "Mozilla") if word in answer.output]


def test_the_group_alone_is_its_list(counter: Counter) -> None:
    """`outbox` and its options without a command list, as they always have."""
    assert counter.type().output == counter.type("list").output
    assert "refused" in said(counter.type("--state", "refused", "--destination", "reddit", "--limit", "5"))
    assert counter.type("nonsense").exit_code == 2 and "Commands" in counter.type("--help").output


def test_one_conversion_is_shown_with_both_halves_and_nothing_of_its_visitor(counter: Counter) -> None:
    """Event, value and every half's state and reason are shown, to people and as JSON, and no personal data."""
    id = counter.ids["refused"]
    shown = said(counter.type("show", id[:8]))
    assert "event Purchase" in shown and "59.90" in shown and "no such [red]product" in shown
    told = json.loads(counter.type("show", id, "--json").output)
    assert {half["state"] for half in told["server_halves"]} == {"refused"} and told["personal_data"] == "kept"
    assert not [word for word in ("ada@", "203.0.113.7", "Mozilla", "r1") if word in counter.type("show", id).output]


def test_retry_takes_up_what_it_is_told_and_keeps_id_and_time(counter: Counter) -> None:
    """By default what waits and what was refused goes again; the state, destination and id that are named limit it."""
    before = json.loads(counter.type("show", counter.ids["refused"], "--json").output)
    assert "1 server half taken up" in said(counter.type("retry", "--destination", "reddit", "--state", "refused"))
    assert counter.state(counter.ids["refused"]) == "pending" != counter.state(counter.ids["refused"], SNAP)
    after = json.loads(counter.type("show", counter.ids["refused"], "--json").output)
    assert (after["id"], after["happened"]) == (before["id"], before["happened"])
    assert "3 server halves" in said(counter.type("retry", "--state", "expired", "--id", counter.ids["expired"][:9]))
    assert "5 server halves" in said(counter.type("retry"))
    assert counter.state(counter.ids["suppressed"]) == "suppressed"


def test_retry_asks_before_it_takes_up_very_many(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that may be a mistake is asked about, unless --yes says that it is none."""
    monkeypatch.setattr(outbox_changes, "MANY", 2)
    refused = counter.type("retry", answer="n\n")
    assert refused.exit_code == 1 and "About 6 server halves" in refused.output
    assert counter.state(counter.ids["refused"]) == "refused"
    assert "6 server halves taken up" in said(counter.type("retry", "--yes"))


def test_retry_asks_a_paused_destination_again(counter: Counter) -> None:
    """What is paused or fails is asked again at once, only where it is meant, and that is said once."""
    paused = Standing().paused(NOW, turn=0, reason="HTTP 401", settings="s")
    counter.standing(paused)
    counter.standing(paused, SNAP)
    answer = said(counter.type("retry", "--destination", "reddit"))
    assert f"{REDDIT} is asked again now." in answer and SNAP not in answer
    ours = counter.tracker()
    standings = {one: Standing.from_bytes(data) for one, data in ours.outbox.shared().items()}
    ours.close()
    assert standings[REDDIT].opens_at(NOW, 10) == NOW < standings[SNAP].opens_at(NOW, 10)
    assert "asked again" not in said(counter.type("retry", "--destination", "reddit"))


def test_an_unknown_destination_is_an_error_that_names_those_there_are(counter: Counter) -> None:
    """A mistyped destination changes nothing."""
    answer = counter.type("retry", "--destination", "redit")
    assert answer.exit_code == 1 and REDDIT in answer.output
    assert counter.state(counter.ids["refused"]) == "refused"


def test_one_conversion_is_cancelled_with_a_reason(counter: Counter) -> None:
    """What has not gone never will, what has gone stays as it is, and both are told."""
    assert "Cancelled." in said(counter.type("cancel", counter.ids["pending"], "--reason", "a test"))
    assert counter.state(counter.ids["pending"], SNAP) == "cancelled"
    assert "a test" in said(counter.type("show", counter.ids["pending"]))
    delivered = said(counter.type("cancel", counter.ids["delivered"]))
    assert "Nothing of it was left to cancel" in delivered and f"{REDDIT}: delivered" in delivered


def test_a_persons_rows_are_purged_and_nobody_elses(counter: Counter) -> None:
    """Who is named loses what waits and all data; others keep theirs, and the address is in no output."""
    other = counter.track("other", email="bob@example.com")
    answer = said(counter.type("purge", "--person", "email= Bob@Example.com "))
    assert answer.startswith("1 conversion ") and "bob" not in answer.lower()
    assert counter.state(other) == "cancelled" and counter.state(counter.ids["pending"], SNAP) == "pending"
    assert json.loads(counter.type("show", other, "--json").output)["personal_data"] == "erased"
    assert "0 conversions" in said(counter.type("purge", "--person", "email=bob@example.com"))


def test_what_checkout_left_for_a_webhook_is_purged_with_its_person(counter: Counter) -> None:
    """His signals are no more, under whatever keys they were kept; others' stay."""
    ours = counter.tracker()
    for key, email in (("1", "bob@example.com"), ("2", "eve@example.com"), ("3", "bob@example.com")):
        ours.remember(key, visitor=visitor(email), consent=Consent.pending())
    assert "2 kept for a webhook" in said(counter.type("purge", "--person", "email=Bob@example.com"))
    assert [ours.memory.recall(key, now=NOW) is None for key in "123"] == [True, False, True]
    ours.close()


@pytest.mark.parametrize("word", ["city=Berlin", "first_name=Ada", "mail=ada@example.com", "email"])
def test_what_means_many_people_purges_nobody(counter: Counter, word: str) -> None:
    """A field that many share, or that is none, is refused with those that do."""
    answer = counter.type("purge", "--person", word)
    assert answer.exit_code == 2 and ("email" in answer.output or "NAME=VALUE" in answer.output)
    assert counter.state(counter.ids["pending"], SNAP) == "pending"


@pytest.mark.parametrize("word", ["phone=0170 1234567", "email=", "external_id="])
def test_a_word_that_cannot_be_read_purges_nobody(counter: Counter, word: str) -> None:
    """Erasure is never claimed of what could not be looked for: the word is named, and how to write it, and all stays,
    also what a word beside it would find."""
    ours, him = counter.tracker(), Visitor(email="bob@example.com", phone="+49 170 1234567")
    phoned = ours.track(purchase("phoned"), visitor=him, consent=Consent.granted()).id
    ours.close()
    for beside in ([], ["--person", "email=bob@example.com"]):
        answer = counter.type("purge", *beside, "--person", word)
        assert answer.exit_code == 2 and "nothing was erased" in answer.output and word in answer.output
        assert ("PIXELTWIN_PHONE_REGION" in answer.output) is word.startswith("phone")
    assert counter.state(phoned, SNAP) == "pending"
    assert "1 conversion " in said(counter.type("purge", "--person", "phone=+49 170 1234567"))


def test_purge_alone_erases_what_is_outlived(counter: Counter) -> None:
    """Nothing is changed before its time, and all that is outlived after it."""
    assert "0 rows" in said(counter.type("purge"))
    counter.clock.advance(days=500)
    assert not said(counter.type("purge")).startswith("0 rows")


def test_purge_alone_erases_what_waits_of_who_withdrew(counter: Counter) -> None:
    """Who took his consent back does not wait for a worker to come."""
    ours = counter.tracker()
    agreed = replace(Consent.granted(), who="ada")
    theirs = ours.track(purchase("withdrawn"), visitor=visitor(), consent=agreed).id
    for said_so in (agreed, replace(Consent.denied(), who="ada")):
        ours.ledger.record(said_so, ours.platforms, source="the banner", now=NOW)
    ours.close()
    assert said(counter.type("purge")).startswith("1 row ")
    assert counter.state(theirs) == "cancelled" and counter.state(counter.ids["pending"], SNAP) == "pending"


def test_watch_prints_once_where_there_is_no_terminal(counter: Counter) -> None:
    """In a pipe the view is printed and the command ends, with counts, gates, ages and the newest failures."""
    counter.standing(Standing().failed(NOW, turn=0, after=600, fraction=1, reason="HTTP 500", heard=True))
    shown = said(counter.type("watch", columns=160))
    assert "failing, asked again in 10 min" in shown and "not asked yet" in shown
    assert "Newest failures" in shown and "no such [red]product" in shown
    assert "failing" in said(counter.type("watch", columns=60))


def test_rates_are_what_was_delivered_since_the_last_look() -> None:
    """A rate is per second, absent at the first look, and never negative when a purge makes the count fall."""
    rates = Rates()
    assert rates.update({"a": {"delivered": 10}}, 1.0) == {}
    assert rates.update({"a": {"delivered": 30}, "b": {}}, 3.0) == {"a": "10.0/s", "b": "0.0/s"}
    assert rates.update({"a": {"delivered": 5}}, 4.0) == {"a": "0.0/s"}


@pytest.mark.parametrize("columns", [50, 120])
def test_health_tells_why_and_what_to_do_and_ends_with_its_status(counter: Counter, columns: int) -> None:
    """An unhealthy platform ends the command with status 1, in words that fit the terminal; an unknown one does not."""
    assert counter.health(columns=columns).exit_code == 0
    counter.standing(Standing().paused(NOW, turn=0, reason="HTTP 401: [red]gone", settings="s"))
    answer = counter.health(columns=columns)
    words = " ".join(answer.output.split())
    assert answer.exit_code == 1 and "The site is unhealthy." in words
    assert re.search(r"reddit +unhealthy", answer.output) and "HTTP 401: [red]gone." in words
    assert "Check the access token" in words and max(map(len, answer.output.splitlines())) <= columns
    told = counter.health("--json")
    assert told.exit_code == 1 and json.loads(told.output)["status"] == "unhealthy"


def test_what_pages_said_of_pixels_is_shown(counter: Counter) -> None:
    """`health` tells the share that was blocked, of those that were heard of; `list` and `show` tell of each one."""
    ids = [counter.track(f"shown {number}") for number in range(4)]
    ours = counter.tracker()
    ours.offer(ids)
    for fired in ids[:2]:
        ours.outbox.acknowledge(fired, [REDDIT], now=NOW)
    ours.outbox.acknowledge(ids[2], [], blocked=[REDDIT], now=NOW)
    ours.close()
    assert re.search(r"reddit .* 33% of 3", counter.health(columns=120).output)
    assert re.search(r"reddit:\S+ +pending +0 +blocked", counter.type("list", columns=160).output)
    shown = said(counter.type("show", ids[2]))
    assert "browser half blocked browser half since 2026-08-20T12:00:00+00:00" in shown


def test_an_application_has_all_of_them_with_its_own_settings() -> None:
    """`flask pixeltwin outbox …` and `flask pixeltwin health` work on the application's outbox."""
    shop = Shop()
    shop.client.post("/buy")
    runner = shop.app.test_cli_runner()
    assert "Purchase" in said(runner.invoke(args=["pixeltwin", "outbox", "list"]))
    assert "has not been asked yet" in said(runner.invoke(args=["pixeltwin", "health"]))


def test_they_work_on_a_server_too() -> None:
    """Every command does on PostgreSQL what it does on a file."""
    counter = Counter(fresh_url())
    counter.standing(Standing().paused(NOW, turn=0, reason="HTTP 401", settings="s"))
    assert counter.health().exit_code == 1
    assert "6 server halves taken up" in said(counter.type("retry"))
    assert "asked again" not in said(counter.type("retry", "--destination", "reddit"))
    assert "Cancelled." in said(counter.type("cancel", counter.ids["pending"][:8]))
    assert re.match(r"[1-9] conversions", said(counter.type("purge", "--person", "email=ada@example.com")))
    counter.clock.advance(days=500)
    assert not said(counter.type("purge")).startswith("0 rows")
    assert "not asked yet" in said(counter.type("watch", columns=160))


# --- the document ---------------------------------------------------------------------------------------------------

SECRET = "a-token-of-twenty-characters"


def test_the_health_document_is_for_whoever_has_the_token() -> None:
    """With the token there is JSON that nobody may cache; without it, or with another, there is nothing there."""
    shop = Shop(PIXELTWIN_HEALTH_TOKEN=SECRET)
    client = shop.client
    answer = client.get("/_pixeltwin/health", headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 200 and answer.get_json()["status"] == "unknown"
    assert answer.headers["Cache-Control"] == "no-store"
    for wrong in ("", SECRET, f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", f"Basic {SECRET}", "Bearer ä"):
        assert client.get("/_pixeltwin/health", headers={"Authorization": wrong}).status_code == 404
    assert Shop().client.get("/_pixeltwin/health", headers={"Authorization": "Bearer "}).status_code == 404


def test_the_health_document_is_a_503_when_anything_is_unhealthy() -> None:
    """A monitor that reads no further than the status learns of an outage."""
    shop = Shop(PIXELTWIN_HEALTH_TOKEN=SECRET)
    standing = Standing().failed(NOW, turn=0, after=600, fraction=1, reason="HTTP 500", heard=True)
    shop.twin_tracker.outbox.share(REDDIT, lambda kept: standing.to_bytes())
    answer = shop.client.get("/_pixeltwin/health", headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 503 and "HTTP 500" in answer.get_data(as_text=True)
    assert not [
        word for word in SETTINGS.values() if "token" in str(word) and str(word) in answer.get_data(as_text=True)
    ]


def test_a_short_health_token_is_refused_at_start() -> None:
    """A token that can be guessed is a mistake in the settings."""
    with pytest.raises(ValueError, match="PIXELTWIN_HEALTH_TOKEN needs 16"):
        Shop(PIXELTWIN_HEALTH_TOKEN="short")
