"""What consent and the platforms say of a conversion, before it is stored: losses, never a stop for the others."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from ..consent import Consent
from ..contract import Loss, Platform
from ..conversion import Conversion
from ..errors import CannotSend
from ..events import Event
from .losses import Losses

log = logging.getLogger("pixeltwin")


def nobody_said(event: Event) -> Consent:
    """What counts where neither the caller nor anything remembered says what the visitor allows."""
    log.error(
        "%s: nobody said what its visitor allows, so he counts as having refused; pass consent=, or remember() it at "
        "checkout",
        event.type,
    )
    return Consent.denied()


def within_consent(platforms: Iterable[Platform], conversion: Conversion, losses: Losses) -> Conversion:
    """Count who may not be told; a platform that cannot keep to limited use, or cannot say so, is denied, on both
    halves."""
    consent = conversion.consent
    for platform in platforms:
        if platform.state(consent) == "denied":
            losses.count(platform.name, "consent_denied")
            continue
        try:
            if platform.honours(consent, conversion.visitor):
                continue
            losses.report(
                Loss(platform.name, "consent", "limited_use_impossible", "limited use needs more of the visitor")
            )
        except Exception as error:
            losses.fault(platform.name, error, conversion_id=conversion.id)
        consent = consent.without(platform.name)
    return conversion if consent is conversion.consent else conversion.with_consent(consent)


def ask(platform: Platform, conversion: Conversion, now: datetime, losses: Losses) -> None:
    """Report what this platform will not get. It never raises: what one platform cannot say stops no other."""
    try:
        prepared = platform.prepared(conversion)
        if prepared is None:
            losses.count(platform.name, "left_out_by_before_send")
            return
        for loss in platform.losses(prepared):
            losses.report(loss)
        if platform.sends:
            platform.check(prepared, now)
    except CannotSend as error:
        losses.report(Loss(platform.name, "event", error.reason, error.detail))
    except Exception as error:  # before_send is the caller's code, and names= may be wrong
        losses.fault(platform.name, error, conversion_id=conversion.id)
