"""Wrong tokens and accounts on the real platforms: their events wait, none is burnt, and all goes when it is put right.

The platforms' own emulators answer, as the vendors do.
"""

from __future__ import annotations

import httpx
import pytest

from pixeltwin import Consent, Tracker
from pixeltwin.delivery import Delivery
from pixeltwin.emulation import Incoming
from pixeltwin.platforms import installed
from tests.delivering import SECOND, Longest
from tests.samples import KEY, NOW, Clock, purchase, visitor
from tests.sandboxed import KINDS, platform

GOOD, BAD = "good-token-Zq91x", "bad-token-Zq91x"
ORIGIN = "https://vendor.invalid"
MANY = 5
wrong_settings = pytest.mark.parametrize("status", [401, 403, 404])
each_platform = pytest.mark.parametrize("kind", KINDS)


class Endpoint(httpx.BaseTransport):
    """A platform's endpoint. It answers `status`, in the vendor's way, to all but the good token."""

    def __init__(self, kind: str, status: int) -> None:
        self.emulator = installed()[kind].emulator()
        self.kind = kind
        self.status = status
        self.tokens: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        token = GOOD if GOOD in str(request.url) + headers.get("authorization", "") else BAD
        self.tokens.append(token)
        path = request.url.path.removeprefix(f"/{self.kind}")
        incoming = Incoming(request.method, path, request.url.query.decode(), headers, request.read())
        answer = self.emulator.answer(incoming, NOW) if token == GOOD else self.emulator.trouble(self.status)
        return httpx.Response(answer.status, headers={"Content-Type": answer.content_type}, content=answer.body)


class Site:
    """A site with one platform, `MANY` conversions in its outbox, and a token that can be changed."""

    def __init__(self, kind: str, status: int) -> None:
        self.token = BAD
        self.endpoint = Endpoint(kind, status)
        made = platform(kind, ORIGIN, access_token=lambda: self.token)
        self.tracker = Tracker([made], secret_keys=[KEY], outbox="memory:", clock=Clock(NOW))
        for number in range(MANY):
            self.tracker.track(
                purchase(str(number)),
                visitor=visitor(),
                consent=Consent.granted(),
                source_url="https://shop.example/thanks",
            )

    def process(self) -> Delivery:
        """A delivery process of this site, just started."""
        return Delivery(
            self.tracker.platforms,
            self.tracker.outbox,
            transport=self.endpoint,
            random=Longest(),
            stopwatch=lambda: 0.0,
        )

    @property
    def states(self) -> set[tuple[str, int]]:
        """States and attempts of all rows."""
        return {(row.state, row.attempts) for row in self.tracker.outbox.deliveries()}


@each_platform
@wrong_settings
def test_wrong_settings_burn_nothing(kind: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """The vendor's 401, 403 and 404 stop that destination: one request, all rows pending and untried, said once with
    the vendor's words, and nothing is asked again before the pause is over."""
    site = Site(kind, status)
    caplog.clear()  # what this platform cannot take of the visitor was said when he was tracked
    sender = site.process()
    report = sender.deliver(NOW)
    assert report.requests == 1
    assert site.states == {("pending", 0)}
    assert report.destinations[kind].waits_until == NOW + 60 * SECOND
    assert report.destinations[kind].trouble
    assert not sender.deliver(NOW + 59 * SECOND).requests
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert report.destinations[kind].trouble in caplog.text
    assert BAD not in f"{caplog.text} {report} {site.tracker.outbox.deliveries()}"


@each_platform
@wrong_settings
def test_another_token_is_asked_for_at_the_probe(kind: str, status: int) -> None:
    """Where the token is a callable that has another one by the next probe, everything goes, without a restart."""
    site = Site(kind, status)
    sender = site.process()
    sender.deliver(NOW)
    site.token = GOOD
    assert sender.deliver(NOW + 60 * SECOND).delivered == MANY
    assert site.states == {("delivered", 1)}
    assert site.endpoint.tokens[:2] == [BAD, GOOD]


@each_platform
@wrong_settings
def test_a_new_process_probes_at_once(kind: str, status: int) -> None:
    """A restart with the setting put right waits for no pause of the process before."""
    site = Site(kind, status)
    site.process().deliver(NOW)
    site.token = GOOD
    assert site.process().deliver(NOW).delivered == MANY


@each_platform
def test_a_token_that_cannot_be_had_is_a_wrong_setting(kind: str) -> None:
    """A callable that has no token yet makes no request and burns nothing; with one, all goes at the probe."""
    site = Site(kind, 401)
    site.token = ""
    sender = site.process()
    sender.deliver(NOW)
    assert site.endpoint.tokens == []
    assert site.states == {("pending", 0)}
    site.token = GOOD
    assert sender.deliver(NOW + 60 * SECOND).delivered == MANY
