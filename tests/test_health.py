"""Health: what the outbox knows, as a status, since when, why, and what to do; the same from any process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Purchase, Reddit, Tracker
from pixeltwin.errors import OutboxUnavailable
from pixeltwin.insight.diagnosis import IN_A_ROW, UNATTENDED, Facts, diagnose
from pixeltwin.insight.health import Health, Pixels, PlatformHealth, health
from pixeltwin.outbox import Settlement, trial
from pixeltwin.outbox.contract import UNDECIDED
from pixeltwin.outbox.states import SERVER_MOVES
from pixeltwin.sending.standing import Standing
from pixeltwin.tracking.mode import Mode
from tests.local_vendor import NOW, TOKEN, Local, Vendor, ok, says
from tests.observed import ADA, Shop, refuses, shop_fixture
from tests.outboxes import settle_all
from tests.postgresql import fresh_url
from tests.samples import Clock

FIXTURES = (shop_fixture,)
MINUTE = timedelta(minutes=1)


def only(health: Health) -> PlatformHealth:
    (found,) = health.platforms
    return found


def seen(shop: Shop) -> PlatformHealth:
    return only(shop.tracker.health())


# --- one shop's life ------------------------------------------------------------------------------------------------


def test_who_was_never_asked_is_unknown_and_not_healthy(shop: Shop) -> None:
    """Before its first answer a platform is unknown, and that is what the whole site is."""
    assert shop.tracker.health().status == "unknown"
    assert seen(shop).finding.status == "unknown" and seen(shop).took_at is None


def test_the_share_of_blocked_pixels_is_told(shop: Shop) -> None:
    """Of the purchases that pages showed: how many pixels fired, were blocked, were not heard of; in JSON too. No share
    where nothing was heard."""
    assert seen(shop).pixels.blocked_share is None
    bought = [shop.order(str(number), offered=True) for number in range(5)]
    shop.order("later")
    (destination,) = (platform.destination for platform in shop.tracker.platforms)
    for number, one in enumerate(bought[:4]):
        fired, blocked = ([destination], []) if number else ([], [destination])
        shop.tracker.outbox.acknowledge(one.id, fired, blocked=blocked, now=NOW)
    found = seen(shop).pixels
    assert (found, found.blocked_share) == (Pixels(fired=3, blocked=1, silent=1), 0.25)
    assert seen(shop).to_dict(NOW)["pixels"] == {"fired": 3, "blocked": 1, "silent": 1}


def test_an_answer_makes_it_healthy_and_since_when_is_said(shop: Shop) -> None:
    """Once an event is taken the platform is healthy since then, with nothing to do; to find out leaves nothing in the
    outbox."""
    shop.order()
    shop.deliver()
    shop.clock.advance(minutes=3)
    found = seen(shop)
    assert found.finding.status == shop.tracker.health().status == "healthy" and not found.finding.do
    assert found.finding.since is not None and found.took_at is not None
    assert 0 <= (found.took_at - NOW).total_seconds() < 10
    assert found.counts == {} and found.waiting == 0
    assert not shop.tracker.outbox.notes.listed(trial.KIND)


def test_an_outage_is_unhealthy_with_the_platforms_words_until_it_is_over(shop: Shop) -> None:
    """A platform that fails is unhealthy since the first failure, says why and when it is asked again, and is healthy
    at the next answer."""
    shop.order()
    shop.vendor.script = says(503, b"closed for the night")
    shop.deliver()
    found = seen(shop)
    assert found.finding.status == "unhealthy" and "closed for the night" in found.finding.why
    assert found.next_try is not None and f"{found.next_try:%H:%M:%S}" in found.finding.do and found.waiting == 1
    shop.vendor.script = ok
    shop.clock.now = found.next_try
    shop.deliver()
    assert seen(shop).finding.status == "healthy"


def test_a_revoked_token_is_unhealthy_at_the_next_answer_and_holds_the_queue(shop: Shop) -> None:
    """A wrong token is told with what to do about it, and the events wait."""
    shop.order()
    shop.vendor.script = says(401, b"token expired")
    shop.deliver()
    found = seen(shop)
    assert found.finding.status == "unhealthy" and "access token" in found.finding.why
    assert "Check the access token" in found.finding.do and "outbox retry" in found.finding.do
    assert found.state == "paused" and found.waiting == 1


@pytest.mark.parametrize("status", [401, 503])
def test_trouble_with_nothing_waiting_says_what_asks_again(shop: Shop, status: int) -> None:
    """When the only order is cancelled nobody asks the platform any more, and until somebody does it stays unhealthy:
    that is said, with what asks it, and it helps."""
    shop.order()
    shop.vendor.script = says(status)
    shop.deliver()
    assert "wait" in seen(shop).finding.do + seen(shop).finding.why
    shop.tracker.cancel(Purchase, "1")
    shop.vendor.script = ok
    shop.clock.advance(hours=24)
    shop.deliver()
    found = seen(shop).finding
    assert (found.status, len(shop.vendor.requests)) == ("unhealthy", 1)
    assert "last asked, and nothing waits" in found.why and "`pixeltwin doctor` asks" in found.do
    shop.tracker.delivery.check("local:a1", shop.clock())
    assert seen(shop).finding.status == "healthy"


def test_who_waits_for_a_visitor_alone_does_not_say_that_it_asks_again(shop: Shop) -> None:
    """Of what waits for consent the platform is asked nothing: after its trouble, nothing waits for it."""
    shop.order("1")
    shop.vendor.script = says(503)
    shop.deliver()
    shop.tracker.cancel(Purchase, "1")
    shop.order("2")
    settle_all(shop.tracker.outbox, "local:a1", "waiting", reason=f"{UNDECIDED}: so", due_at=NOW + timedelta(hours=1))
    found = seen(shop)
    assert "nothing waits" in found.finding.why and found.waiting == 0


def test_rows_that_nobody_takes_are_a_missing_worker(shop: Shop) -> None:
    """What could go and is not taken for two minutes makes the platform unhealthy, and not a moment before."""
    shop.order()
    shop.clock.now = NOW + UNATTENDED - timedelta(seconds=1)
    assert seen(shop).finding.status == "unknown"
    shop.clock.now = NOW + UNATTENDED
    assert seen(shop).finding.status == "unhealthy" and "no worker" in seen(shop).finding.why
    shop.deliver()
    assert seen(shop).finding.status == "healthy"


def test_what_waits_for_a_time_of_its_own_is_overdue_from_then_on(shop: Shop) -> None:
    """A half that is looked at again later is nobody's neglect before that time, however long no request was made."""
    shop.order()
    (claim,) = shop.tracker.outbox.claim("local:a1", now=NOW, limit=1)
    due = NOW + timedelta(hours=1)
    waiting = Settlement(claim.row.seq, claim.lease, "waiting", "consent_pending: so", due, tried=False)
    shop.tracker.outbox.settle("local:a1", [waiting], now=NOW)
    for moment in (NOW + 30 * MINUTE, due, due + UNATTENDED - timedelta(seconds=1)):
        shop.clock.now = moment
        assert seen(shop).finding.status == "unknown"
    shop.clock.now = due + UNATTENDED
    assert "no worker" in seen(shop).finding.why


def test_a_platform_that_refuses_everything_is_unhealthy(shop: Shop) -> None:
    """One refused event is that event's fault; several in a row, and none taken since, are the site's."""
    shop.order("0")
    shop.deliver()
    shop.vendor.script = refuses("no such product")
    for number in range(1, IN_A_ROW + 1):
        assert seen(shop).finding.status == "healthy"
        shop.clock.advance(minutes=1)
        shop.order(str(number))
        shop.deliver()
    assert seen(shop).finding.status == "unhealthy" and "refused every event" in seen(shop).finding.why
    shop.vendor.script = ok
    shop.clock.advance(minutes=1)
    shop.order("good")
    shop.deliver()
    assert seen(shop).finding.status == "healthy"


def test_what_never_was_sent_was_not_refused_by_the_platform(shop: Shop) -> None:
    """Events that lack what the platform needs say nothing of its health."""
    for number in range(IN_A_ROW + 1):
        shop.order(str(number), visitor=None)
    shop.deliver()
    assert shop.tracker.outbox.counts() == {"local:a1": {"refused": IN_A_ROW + 1}}
    assert seen(shop).finding.status == "unknown"


def test_delivery_that_is_off_is_no_fault() -> None:
    """A staging site is neither healthy nor unhealthy, and says how it would send."""
    with Vendor() as vendor:
        staging = Shop(vendor, live=False)
        staging.order()
        found = staging.tracker.health(NOW + timedelta(days=1))
        assert found.status == "off" and "PIXELTWIN_DELIVERY" in only(found).finding.do
        staging.tracker.close()


def test_test_mode_is_told(shop: Shop) -> None:
    """While test mode is on, both the site and the platform say that nothing counts."""
    with Vendor() as vendor:
        testing = Shop(vendor, test_until=NOW + timedelta(hours=1))
        found = testing.tracker.health()
        assert "TEST MODE" in found.mode and "counts for nothing" in only(found).finding.remarks[0]
        testing.tracker.close()


def test_a_platform_without_a_token_has_a_browser_half_only() -> None:
    """It is off, says so, and does not spoil the health of the others."""
    tracker = Tracker([Local(account="a1")], secret_keys=["k"], outbox="memory:", clock=Clock(NOW))
    found = tracker.health()
    assert found.status == "off" and "browser half" in only(found).finding.why
    tracker.close()


def test_a_late_twin_and_a_wrong_clock_are_remarked() -> None:
    """What the platform says of late events, and a clock a minute wrong, are told without another status."""

    class Hasty(Local):
        late_after = ((timedelta(hours=1), "they may count twice"),)

    standing = Standing().answered(NOW, turn=0, took=True, skew=75.0)
    facts = Facts(standing=standing, oldest=NOW - 3 * timedelta(hours=1))
    found = diagnose(Hasty(account="a1", access_token="t"), facts, mode=Mode(), now=NOW)
    assert found.status == "healthy"
    assert "3 h old: they may count twice." in found.remarks[0] and "75 s ahead" in found.remarks[1]


@pytest.mark.parametrize(("api_url", "said"), [(None, False), ("http://127.0.0.1:5000/sandbox/api", True)])
def test_what_a_sandbox_takes_is_remarked(api_url: str | None, said: bool) -> None:
    """A platform whose events go elsewhere may be healthy, and the document says that they do not count."""
    platform = Reddit(pixel_id="a2_shop", access_token="t", api_url=api_url)
    facts = {platform.destination: Facts(standing=Standing().answered(NOW, turn=0, took=True))}
    found = only(health([platform], facts, mode=Mode(), now=NOW))
    assert found.finding.status == "healthy"
    assert [("127.0.0.1" in one and "PIXELTWIN_SANDBOX" in one) for one in found.remarks] == [True] * said


def test_another_process_tells_the_same(tmp_path: Path) -> None:
    """Health is read from the store: a process that delivered nothing itself knows what the others learned."""
    with Vendor(says(401, b"token expired")) as vendor:
        outbox = f"sqlite:///{tmp_path}/x.db"
        worker, stranger = Shop(vendor, outbox=outbox), Shop(vendor, outbox=outbox)
        worker.order()
        worker.deliver()
        assert stranger.tracker.health().to_dict() == worker.tracker.health().to_dict()
        assert stranger.tracker.health().status == "unhealthy"
        worker.tracker.close()
        stranger.tracker.close()


def test_an_outbox_that_cannot_be_read_is_unhealthy_and_no_exception(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health answers even when the store is gone, and says so."""

    def fail(**_: Any) -> Any:
        raise OutboxUnavailable("the disk is gone")

    monkeypatch.setattr(shop.tracker.outbox, "counts", fail)
    found = shop.tracker.health()
    assert found.status == "unhealthy" and "the disk is gone" in found.outbox and found.platforms == ()


def test_an_outbox_that_can_only_be_read_is_unhealthy() -> None:
    """After a failover to a server that takes no writes, health says that nothing is stored any more."""
    url = fresh_url()
    with Vendor() as vendor:
        for settings, said in (("", ""), ("%20-cdefault_transaction_read_only%3Don", "read-only transaction")):
            shop = Shop(vendor, outbox=url + settings)
            found = shop.tracker.health()
            assert (found.status == "unhealthy", said in found.outbox) == (bool(said), True)
            shop.tracker.close()


def test_losses_of_this_process_are_in_the_document(shop: Shop) -> None:
    """What was lost here is told by platform and reason."""
    shop.order(consent=Consent.denied())
    told = shop.tracker.health().to_dict()["losses_of_this_process"]
    assert {"platform": "local", "reason": "consent_denied", "count": 1} in told


# --- whatever the outbox holds --------------------------------------------------------------------------------------

moments = st.one_of(st.none(), st.timedeltas(-timedelta(days=40), 10 * MINUTE).map(lambda ago: NOW + ago))
standings = st.builds(
    Standing,
    state=st.sampled_from(["open", "failing", "paused"]),
    since=moments,
    reason=st.text(max_size=50),
    shut_until=moments,
    heard_at=moments,
    took_at=moments,
    skew=st.one_of(st.none(), st.floats(-1e6, 1e6)),
)
facts_of_any_kind = st.builds(
    Facts,
    standing=standings,
    counts=st.dictionaries(st.sampled_from(sorted(SERVER_MOVES)), st.integers(0, 10**6)),
    oldest=moments,
    overdue=st.booleans(),
    refused_at=st.lists(moments.filter(bool), max_size=5).map(lambda many: tuple(sorted(many, reverse=True))),
)


@given(facts=facts_of_any_kind, live=st.booleans())
def test_every_finding_is_in_sentences(facts: Facts, live: bool) -> None:
    """Whatever is known, there is one status with a sentence that says why, and what is unhealthy says what to do."""
    found = diagnose(Local(account="a1", access_token="t"), facts, mode=Mode(live=live), now=NOW)
    for sentence in (found.why, found.do, *found.remarks):
        assert not sentence or sentence.endswith(".")
    assert found.why and (found.do or found.status != "unhealthy")
    if not live:
        assert found.status == "off"
    elif facts.standing.state != "open":
        assert found.status == "unhealthy"
    elif facts.standing.heard_at is None:
        assert found.status != "healthy"


@given(facts=facts_of_any_kind)
def test_the_document_is_json(facts: Facts) -> None:
    """The document holds nothing but plain values, and its status is the worst of its platforms'."""
    one = diagnose(Local(account="a1", access_token="t"), facts, mode=Mode(), now=NOW)
    health = Health(NOW, tuple(PlatformHealth(name, f"{name}:1", one, facts.counts) for name in "ab"))
    told = json.loads(json.dumps(health.to_dict()))
    assert told["status"] == one.status and [each["why"] for each in told["platforms"]] == [one.why] * 2
    broken = replace(health, outbox="gone")
    assert broken.status == "unhealthy"


@contextmanager
def at(shop: Shop, moment: datetime) -> Iterator[None]:
    shop.clock.now, before = moment, shop.clock.now
    yield
    shop.clock.now = before


def test_no_secret_and_no_person_is_in_the_document(shop: Shop) -> None:
    """Whatever a platform echoes, neither the token nor anything of the visitor is in the health document."""
    for number, words in enumerate((TOKEN, "ada@example.com", str(ADA.user_agent), "203.0.113.7")):
        shop.vendor.script = says(401, f"bad: {words} {{path}}".encode())
        shop.order(str(number))
        with at(shop, NOW + number * timedelta(hours=2)):
            shop.deliver()
            told = json.dumps(shop.tracker.health().to_dict())
        assert "bad: ***" in told
        for private in (TOKEN, "ada@", "(Ada)", "203.0.113.7"):
            assert private not in told
