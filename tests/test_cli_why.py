"""`pixeltwin why`: one conversion's whole life, told without a secret or a person in it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, get_args

import pytest
from click.testing import CliRunner, Result

from pixeltwin import Consent, Conversion, Pinterest, Purchase, Reddit, Tracker, Visitor
from pixeltwin.cli import meanings
from pixeltwin.cli.why import why_command
from pixeltwin.outbox import DeliveryState, Settlement
from pixeltwin.outbox.states import SERVER_MOVES, BrowserState, ServerState
from pixeltwin.sending import outbound
from pixeltwin.sending.standing import Standing
from tests.test_flask import Shop

NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
REDDIT = "reddit:a2_shop"
PINTEREST = "pinterest:549755885175"
GRANTED = Consent.granted()
RUNNING = {"COLUMNS": "100"}


def tracker(folder: Path, at: datetime = NOW, *, live: bool = True) -> Tracker:
    """A tracker on the file in this folder, at this time."""
    platforms = [
        Reddit(pixel_id="a2_shop", access_token="reddit-secret"),
        Pinterest(tag_id="2612345678901", ad_account_id="549755885175", access_token="pinterest-secret"),
    ]
    outbox = f"sqlite:///{folder / 'x.db'}"
    return Tracker(platforms, secret_keys=["k"], outbox=outbox, clock=lambda: at, live=live)


def bought(
    folder: Path, key: str = "1001", *, hold: bool = False, id: str | None = None, consent: Consent = GRANTED
) -> Conversion:
    """One purchase in the file, paid or not."""
    ours = tracker(folder)
    event = Purchase(order_id=key, value="59.90", currency="EUR")
    visitor = Visitor(email="ada@example.com", ip_address="203.0.113.7", user_agent="Mozilla/5.0 Ada")
    if hold:
        conversion = ours.hold(event, visitor=visitor, consent=consent)
    else:
        conversion = ours.track(event, visitor=visitor, consent=consent, id=id)
    ours.close()
    return conversion


def settle(folder: Path, state: ServerState, reason: str = "", *, destination: str = REDDIT, minutes: int = 0) -> None:
    """What a worker would have written, had it heard this."""
    ours = tracker(folder)
    due = NOW + timedelta(minutes=minutes) if state == "waiting" else None
    claims = ours.outbox.claim(destination, now=NOW, limit=10)
    settlements = [Settlement(one.row.seq, one.lease, state, reason, due) for one in claims]
    assert ours.outbox.settle(destination, settlements, now=NOW) == len(claims) > 0
    ours.close()


def why(folder: Path, id: str, at: datetime = NOW, *, live: bool = True) -> Result:
    """The command, typed."""
    return CliRunner(env=RUNNING).invoke(why_command(lambda: tracker(folder, at, live=live)), [id])


def told(answer: Result) -> str:
    """What it said, on one line."""
    assert answer.exit_code == 0, answer.output
    return " ".join(answer.output.split())


def test_what_a_page_said_of_each_pixel_is_told_with_its_time(tmp_path: Path) -> None:
    """Fired and blocked are told apart, and a pixel that was shown and not heard of says that."""
    conversion = bought(tmp_path)
    ours = tracker(tmp_path)
    ours.offer([conversion.id])
    assert "offered: a page has shown this pixel, and nothing was heard" in told(why(tmp_path, conversion.id))
    ours.outbox.acknowledge(conversion.id, [REDDIT], blocked=[PINTEREST], now=NOW + timedelta(seconds=7))
    ours.close()
    said = told(why(tmp_path, conversion.id))
    assert "acknowledged: the page said that this pixel fired (2026-08-20 12:00:07 UTC" in said
    assert "blocked: the page said that this pixel did not fire" in said and said.count("12:00:07 UTC") == 2


@pytest.mark.parametrize("answer", ["denied", "pending"])
def test_a_pixel_that_a_page_was_not_to_show_is_not_said_to_be_shown(
    tmp_path: Path, answer: Literal["denied", "pending"]
) -> None:
    """What a page showed for the platforms that the visitor allows is no browser half of the others."""
    conversion = bought(tmp_path, consent=Consent.granted(platforms={"pinterest": answer}))
    ours = tracker(tmp_path)
    ours.offer([conversion.id])
    ours.close()
    said = told(why(tmp_path, conversion.id))
    assert said.count("offered: a page has shown this pixel") == 1
    assert (
        "browser none: a page has shown other pixels, and was not to show this one" in said.partition(f"to {REDDIT}")[0]
    )


def test_both_halves_are_told_for_each_destination(tmp_path: Path) -> None:
    """Event, time and key stand first, then each destination's state, tries, reason, next try and browser half."""
    conversion = bought(tmp_path)
    settle(tmp_path, "waiting", "HTTP 500: out of order", minutes=10)
    said = told(why(tmp_path, conversion.id))
    assert f"Purchase id {conversion.id} natural key 1001 happened 2026-08-20 12:00:00 UTC" in said
    first, _, second = said.partition(f"to {REDDIT}")
    assert "pinterest:" in first and "pending, 0 tries, next try now" in first
    assert "waiting, 1 try, next try in 10 min" in second and "HTTP 500: out of order" in second
    assert "tried again by itself" in second and "until 2026-08-27 12:00 UTC" in second
    assert said.count("browser none: no page has shown this pixel yet") == 2


def test_the_beginning_of_an_id_is_enough(tmp_path: Path) -> None:
    """Six characters find a conversion as the whole id does, and fewer do not."""
    conversion = bought(tmp_path)
    assert why(tmp_path, conversion.id[:6]).output == why(tmp_path, conversion.id).output
    short = why(tmp_path, conversion.id[:5])
    assert short.exit_code == 1 and "6 characters" in short.output


def test_an_ambiguous_beginning_lists_what_it_may_be(tmp_path: Path) -> None:
    """Several ids that begin alike are an error that names them all, but a whole id is never ambiguous."""
    for id in ("order-1", "order-1-again", "order-2"):
        bought(tmp_path, f"key of {id}", id=id)
    answer = why(tmp_path, "order-")
    assert answer.exit_code == 1 and "3 conversions begin" in answer.output
    assert all(id in answer.output for id in ("order-1", "order-1-again", "order-2"))
    assert "id order-1 natural key" in told(why(tmp_path, "order-1"))


def test_an_unknown_id_is_an_error_that_says_how_long_they_are_kept(tmp_path: Path) -> None:
    """A conversion that is not there is no silence."""
    bought(tmp_path)
    answer = why(tmp_path, "no-such-id")
    assert answer.exit_code == 1 and "400 days" in answer.output and "Traceback" not in answer.output


@pytest.mark.parametrize("key", ["ada@example.com", "ada-lovelace-1815-12-10"])
def test_no_secret_and_no_person_is_in_it(tmp_path: Path, key: str) -> None:
    """Neither token, e-mail, digest, address nor agent is shown, and of a long key only its ends."""
    conversion = bought(tmp_path, key)
    ours = tracker(tmp_path)
    digests = [one for one in (ours.outbox.get([conversion.id])[0].visitor or b"").decode().split('"') if len(one) > 5]
    ours.close()
    output = why(tmp_path, conversion.id).output
    assert digests
    for private in ("secret", key, "ada@", "lovelace", "203.0.113.7", "Mozilla", *digests):
        assert private not in output


def test_what_a_held_conversion_waits_for_is_named(tmp_path: Path) -> None:
    """A hold says that it is its payment, and how it goes on."""
    assert "confirm() lets it go" in told(why(tmp_path, bought(tmp_path, hold=True).id))


def test_a_refused_half_can_be_sent_again_until_its_data_is_erased(tmp_path: Path) -> None:
    """The advice to retry stands as long as it can be followed."""
    conversion = bought(tmp_path)
    for destination in (REDDIT, PINTEREST):
        settle(tmp_path, "refused", "HTTP 400: no such event", destination=destination)
    assert "outbox retry" in told(why(tmp_path, conversion.id))
    later = NOW + timedelta(days=8)
    ours = tracker(tmp_path, later)
    ours.outbox.purge(now=later)
    ours.close()
    said = told(why(tmp_path, conversion.id, later))
    assert "outbox retry" not in said and "cannot be sent again" in said and "only that it was" in said


def test_a_platform_in_trouble_is_told_to_whom_it_holds_up(tmp_path: Path) -> None:
    """A half that waits says that its platform is paused or fails, since when and why; one that has ended does not."""
    conversion = bought(tmp_path)
    settle(tmp_path, "delivered", destination=PINTEREST)
    ours = tracker(tmp_path)
    for destination in (REDDIT, PINTEREST):
        standing = Standing().paused(NOW - timedelta(minutes=5), turn=0, reason="HTTP 401: [red]gone", settings="s")
        ours.outbox.share(destination, lambda kept, to=standing: to.to_bytes())  # type: ignore[misc]
    ours.close()
    said = told(why(tmp_path, conversion.id))
    assert said.count("platform paused since 2026-08-20 11:55:00 UTC (5 min ago)") == 1
    assert "HTTP 401: [red]gone" in said.partition(REDDIT)[2]


def test_a_site_that_sends_nothing_says_so(tmp_path: Path) -> None:
    """With delivery off a waiting half is not said to go by itself."""
    assert "Delivery is off here" in told(why(tmp_path, bought(tmp_path).id, live=False))


def test_an_application_has_the_command_too() -> None:
    """`flask pixeltwin why` looks at the application's own outbox."""
    shop = Shop()
    shop.client.post("/buy")
    (conversion,) = [one for one in shop.tracked if one]
    answer = shop.app.test_cli_runner().invoke(args=["pixeltwin", "why", conversion.id])
    assert "natural key 1001" in told(answer) and "pending" in answer.output


def test_every_reason_not_to_send_has_a_meaning() -> None:
    """Whatever delivery writes with a half that it does not send is explained in a sentence of its own."""
    written = re.findall(r'f?"([a-z_]+): ', Path(outbound.__file__).read_text(encoding="utf-8"))
    platform = Reddit(pixel_id="a2_shop", access_token="t")
    told = {
        reason: meanings.server(half, platform, held=(), sends=True, erased=False)
        for reason in {*written, "of another version"} - {"called_off"}  # which the state "cancelled" explains
        for half in [DeliveryState(1, "id", "Purchase", NOW, REDDIT, "expired", 0, f"{reason}: x", None, NOW, "none")]
    }
    assert len(set(told.values())) == len(told) > 9


def test_every_state_has_a_meaning() -> None:
    """No state of either half is left without a sentence, whether its pixel is still configured or not."""
    platform = Reddit(pixel_id="a2_shop", access_token="t")
    for state in SERVER_MOVES:
        for known in (platform, None):
            half = DeliveryState(1, "id", "Purchase", NOW, REDDIT, state, 0, "", None, NOW, "none")
            said = meanings.server(half, known, held=("consent",), sends=True, erased=False)
            assert said.endswith(".") and len(said) > 30
    assert set(meanings.BROWSER) == set(get_args(BrowserState))
