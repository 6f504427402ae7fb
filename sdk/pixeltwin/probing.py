"""Asking a platform whether token and account are right, without a conversion: the question and its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from .consent import Consent
from .conversion import Conversion
from .events import PageView
from .outcomes import Delivered, Misconfigured, Refused
from .values import ServerRequest
from .visitor import Visitor

if TYPE_CHECKING:
    from .contract import Platform

PROBE_ID = "pixeltwin-doctor"  # what a made-up event is called, for whoever meets it at the platform

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that counts nothing, and whose answer tells whether token and account are right. `void`: it holds an
    event that the platform takes from nobody, so that a refusal of the event is the answer hoped for."""

    request: ServerRequest
    void: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """What an answer to a probe says. `verdict`:

    accepted   token and account are right
    token      the token is wrong, cut off, expired or revoked
    account    the token is a token, but not for this pixel or account
    later      it takes nothing now; of token and account it says nothing
    refused    it refused the made-up event, which says nothing sure of token and account

    `said` is in the platform's words, without secrets.
    """

    verdict: Literal["accepted", "token", "account", "later", "refused"]
    said: str = ""


def probe(platform: Platform, now: datetime, test_id: str | None) -> Probe:
    """The question; see `Platform.probe`."""
    if platform.test_needs_id and not test_id:
        return Probe(platform.server_request([platform.void_event(now)]), void=True)
    # A name and a network reserved for documentation (RFC 2606, RFC 5737); an agent named in full, as platforms ask.
    nobody = Visitor(email="doctor@example.com", ip_address="192.0.2.1", user_agent=_AGENT)
    made_up = Conversion(
        event=PageView(),
        id=PROBE_ID,
        occurred_at=now,
        visitor=nobody,
        source_url="https://example.com/",
        consent=Consent.granted(),
    )
    return Probe(platform.server_request([platform.server_event(made_up)], test_id or True))


def read(platform: Platform, probe: Probe, status: int, headers: Mapping[str, str], body: bytes) -> Probed:
    """The answer, by what the platform makes of it and by what HTTP's own codes mean; see `Platform.read_probe`.
    401 is about who asks; 403 and 404 about what he asks for (RFC 9110, 15.5)."""
    (outcome,) = platform.read_reply(status, headers, body, 1)
    said = str(outcome)
    if isinstance(outcome, Delivered):
        return Probed("accepted", outcome.warning)
    if isinstance(outcome, Refused):
        return Probed("accepted" if probe.void else "refused", said)
    if isinstance(outcome, Misconfigured):
        return Probed("account" if status in (403, 404) else "token", said)
    return Probed("later", said)
