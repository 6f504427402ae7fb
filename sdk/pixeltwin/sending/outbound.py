"""What a claimed row becomes at the moment of sending: an encoded event, or a settlement that says why it stays.

Everything that was decided in the request is decided again here, for time has passed: age, consent, dedup window.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from ..contract import Platform
from ..conversion import AHEAD, Conversion, conversion_from_record, occurred
from ..errors import CannotSend, described
from ..insight.match import Carried, carried_by
from ..logfields import fields
from ..outbox.contract import KEEP_HELD, UNDECIDED, Claim, Settlement
from ..outbox.states import ServerState
from ..pages.telling import browser_half
from ..strictjson import decode, encode
from ..tracking.answers import together
from ..tracking.ledger import Decision
from .backoff import backoff

log = logging.getLogger("pixeltwin")

WhenUnsure = Literal["suppress", "send"]
TEST_ID_AGAIN = timedelta(minutes=1)  # how often a row is looked at that cannot be tested for want of an id
ASK_AGAIN = timedelta(hours=1)  # how often a row is looked at whose consent here is pending, or that lies ahead


class Ready(NamedTuple):
    """An event that may go: encoded once, whatever number of requests it takes. `expires_at` ends the retries.

    Of the claim it keeps what settling takes: thousands wait here for an answer. `carried`: what the platform can
    match by; conversions with the same share one.
    """

    seq: int
    id: str
    lease: str
    attempts: int
    lane: str
    body: bytes
    occurred_at: datetime
    expires_at: datetime
    carried: Carried

    def given_back(self, reason: str = "") -> Settlement:
        """Untried, and due since it occurred: it takes its old place in the queue, before what came later."""
        return Settlement(self.seq, self.lease, "pending", reason, self.occurred_at, tried=False)


def prepare(
    platform: Platform,
    claim: Claim,
    *,
    now: datetime,
    when_unsure: WhenUnsure,
    fraction: float,
    decided: Decision | None = None,
) -> Ready | Settlement:
    """The event to send, or what becomes of the row instead. `fraction`: a random number from 0 to 1, for back-off.
    `decided`: what its visitor decided last, where he is known: where he had answered, or answered before this
    arrived, it can only lower what he allowed then.

    An error in mapping code (a `before_send` that raises) refuses nothing: the row waits and is tried again.
    """
    try:
        return _prepared(platform, claim, now, when_unsure, decided)
    except CannotSend as error:
        state: ServerState = "expired" if error.reason == "too_old" else "refused"
        return settled(claim, state, f"{error.reason}: {error.detail}")
    except Exception as error:
        known = fields(platform=platform.name, destination=platform.destination, conversion_id=claim.row.id)
        log.error("%s: conversion %s cannot be mapped: %s", platform.name, claim.row.id, described(error), extra=known)
        due = now + timedelta(seconds=backoff(claim.attempts, fraction))
        # Counted as an attempt, although nothing was sent: the wait has to grow.
        return Settlement(claim.row.seq, claim.lease, "waiting", f"mapping error: {type(error).__name__}", due)


def waits_for_test_id(platform: Platform, claim: Claim, *, now: datetime) -> Settlement:
    """In test mode a row stays where the platform's test mode needs an id that is not known."""
    reason = f"no_test_id: test mode is on, and {platform.title} tests under an id of its own; set it in test_ids"
    return Settlement(claim.row.seq, claim.lease, "waiting", reason, now + TEST_ID_AGAIN, tried=False)


def settled(claim: Claim, state: ServerState, reason: str) -> Settlement:
    """A claim's end without a request."""
    return Settlement(claim.row.seq, claim.lease, state, reason, tried=False)


def _prepared(
    platform: Platform, claim: Claim, now: datetime, when_unsure: WhenUnsure, decided: Decision | None
) -> Ready | Settlement:
    if claim.row.visitor is None:  # erased while a worker had it: whatever that one did, no other sends it
        return settled(claim, "cancelled", "called_off: it was cancelled while a worker had it")
    record: Mapping[str, Any] = decode(claim.row.record or b"{}")
    occurred_at = occurred(record)
    expires_at = occurred_at + platform.max_age
    if now > expires_at:  # before anything that could fail, so that no error outlives the event
        return settled(
            claim, "expired", f"too_old: {platform.title} takes no event older than {platform.max_age.days} days"
        )
    tracked = conversion = conversion_from_record(record, decode(claim.row.visitor), occurred_at)
    if decided is not None:
        if platform.allowed(tracked.consent) and platform.state(decided.consent) == "denied":
            reason = f"consent_withdrawn: the visitor allows {platform.name} nothing any more"
            return settled(claim, "suppressed", reason)
        answers = decided.at > claim.put_at  # what he said before he was asked is no answer
        conversion = tracked.with_consent(together(tracked.consent, decided.consent, [platform], answers=answers))
    # Whether it had a browser half is for what was known when a page showed it.
    stays = _stays(platform, conversion, claim, now) or _past_window(platform, tracked, claim, now, when_unsure)
    if stays:
        return stays
    prepared = platform.prepared(conversion)
    if prepared is None:
        return settled(claim, "suppressed", "before_send: before_send= left it out")
    event = platform.server_event(prepared, now)
    # orjson (3.13) leaves its whole buffer to what it returns, 4 KB and more; a copy takes as much as it holds.
    lane, body = platform.lane(event), memoryview(encode(event)).tobytes()
    return Ready(
        claim.row.seq,
        claim.row.id,
        claim.lease,
        claim.attempts,
        lane,
        body,
        occurred_at,
        expires_at,
        carried_by(platform, prepared.event.type, prepared.visitor),
    )


def _stays(platform: Platform, conversion: Conversion, claim: Claim, now: datetime) -> Settlement | None:
    """Why this row is not for this platform, or not now; None when nothing speaks against sending it."""
    if not conversion.server:
        return settled(claim, "suppressed", "server_off: tracked with server=False")
    if not platform.wants(conversion):
        return settled(claim, "suppressed", f"not_wanted: tracked for other platforms than {platform.name}")
    state = platform.state(conversion.consent)
    if state == "pending":
        if now + ASK_AGAIN > conversion.occurred_at + KEEP_HELD:  # no longer than what is held for all platforms
            return settled(claim, "suppressed", f"never_decided: the visitor did not decide about {platform.name}")
        reason = f"{UNDECIDED}: the visitor has not decided about {platform.name}"
        return Settlement(claim.row.seq, claim.lease, "waiting", reason, now + ASK_AGAIN, tried=False)
    if state == "denied":
        return settled(claim, "suppressed", f"consent_denied: the visitor did not allow {platform.name}")
    if not platform.honours(conversion.consent, conversion.visitor):
        return settled(claim, "suppressed", "limited_use_impossible: limited use needs to know more of the visitor")
    if conversion.occurred_at - now > AHEAD:
        # A clock is wrong, perhaps this one: the event is not burnt for it.
        reason = "in_the_future: it lies ahead of this machine's clock"
        due = min(conversion.occurred_at, now + ASK_AGAIN)
        return Settlement(claim.row.seq, claim.lease, "waiting", reason, due, tried=False)
    return None


def _past_window(
    platform: Platform, conversion: Conversion, claim: Claim, now: datetime, when_unsure: WhenUnsure
) -> Settlement | None:
    """Past the dedup window a server half would be a second count, if the browser half was counted."""
    fired = claim.browser == "acknowledged"
    if not fired and not (claim.browser == "offered" and when_unsure == "suppress"):
        return None
    window = platform.window(conversion.event)
    if now - conversion.occurred_at <= window or not browser_half(platform, conversion):
        return None
    passed = f"and the dedup window ({window / timedelta(hours=1):g} h) has passed"
    if fired:
        return settled(claim, "suppressed", f"past_window: the pixel fired, {passed}")
    return settled(claim, "suppressed", f"past_window_unsure: the pixel was shown and may have fired, {passed}")
