"""What the states of a conversion's halves mean for a person, and what there is to do: pure, a sentence or two each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..contract import Platform
from ..outbox.contract import KEEP_HELD, KEEP_OTHERS, KEEP_PERSONAL, LEASE, DeliveryState
from ..outbox.states import BrowserState

_DAY = timedelta(days=1)

BROWSER: Mapping[BrowserState, str] = {
    "none": "no page has shown this pixel yet",
    "offered": "a page has shown this pixel, and nothing was heard of whether it fired",
    "blocked": "the page said that this pixel did not fire: its script was blocked or did not come",
    "acknowledged": "the page said that this pixel fired",
    "suppressed": "no page will show this pixel any more",
}
_HELD = {
    "consent": "the visitor's consent: it goes, or is cancelled, when he has decided on a page of the site",
    "payment": "its payment: confirm() lets it go, cancel() ends it",
}
# What stays or was suppressed begins with one of these words, as `sending.outbound` writes them.
_REASONS = {
    "consent_pending": "The visitor has not decided about this platform; it is looked at again every hour.",
    "no_test_id": "Test mode is on and needs this platform's test id: set PIXELTWIN_TEST_IDS, or wait till it ends.",
    "in_the_future": "It lies ahead of this machine's clock: check the clocks of the web servers and of the worker.",
    "mapping error": "Code of this site or of the platform's package failed on it, and the log says how. Put it right.",
    "past_window": "The pixel told the platform already, and a late server half would count twice. Nothing to do.",
    "past_window_unsure": "The pixel may have told the platform already, and a late server half could count twice; "
    "PIXELTWIN_WHEN_UNSURE=send takes that risk for later ones.",
    "consent_denied": "The visitor did not allow this platform. Nothing to do.",
    "consent_withdrawn": "The visitor took back what he had allowed before it went. Nothing to do.",
    "limited_use_impossible": "Limited use needs the visitor's state and country there, or whatever else the platform "
    "asks for; pass it with the visitor.",
    "server_off": "It was tracked with server=False. Nothing to do.",
    "not_wanted": "It was tracked for other platforms. Nothing to do.",
    "before_send": "Your before_send= left it out. Nothing to do.",
    "never_decided": f"The visitor did not decide about this platform within {KEEP_HELD // _DAY} days; it is over.",
    "never_released": f"Nobody lifted what it waited for within {KEEP_HELD // _DAY} days; it is over.",
    "never_delivered": f"It was still open after {KEEP_OTHERS // _DAY} days; see that a worker runs. It is over.",
    "too_old": "It became older than the platform takes; see that a worker runs and what held it up. It is over.",
}


def server(half: DeliveryState, platform: Platform | None, *, held: tuple[str, ...], sends: bool, erased: bool) -> str:
    """What this server half's state means, and what to do.

    `platform`: the pixel that sends to its destination in this configuration, if any; `held`: what the conversion waits
    for; `sends`: whether delivery is on; `erased`: whether its personal data is gone.
    """
    if half.state == "held":
        waits = " and ".join(_HELD.get(word, word) for word in held) or "something that was lifted a moment ago"
        return f"It waits for {waits}. Held longer than {KEEP_HELD // _DAY} days it expires."
    if half.state in ("pending", "waiting", "claimed"):
        return _open(half, platform, sends=sends)
    told = _REASONS.get(half.reason.partition(":")[0], "")
    if half.state == "delivered":
        return _delivered(half)
    if half.state == "refused":
        return f"It cannot be sent as it is, or the platform does not take it, for the reason above. {_again(erased)}"
    if half.state == "cancelled":
        return "It was called off before the platform had taken it: cancel(), or consent refused. Nothing to do."
    return told or "It was not sent, for the reason above, and will not be."


def _open(half: DeliveryState, platform: Platform | None, *, sends: bool) -> str:
    if platform is None:
        return (
            "No pixel of this configuration sends there, so nothing here delivers it: give that pixel its id and its "
            f"access token again, or it expires {KEEP_OTHERS // _DAY} days after it was tracked."
        )
    until = half.occurred_at + platform.max_age
    ends = f"{platform.title} takes it until {until:%Y-%m-%d %H:%M} UTC, and it is not tried later."
    if not sends:
        return f"Delivery is off here: nothing is sent until PIXELTWIN_DELIVERY=live. {ends}"
    if half.state == "claimed":
        return f"A worker is sending it. Should that worker have died, another takes over within {LEASE.seconds} s."
    told = _REASONS.get(half.reason.partition(":")[0])
    if told:
        return f"{told} {ends}"
    if half.state == "waiting":
        return f"The last try failed; it is tried again by itself, with the same id and time. {ends}"
    if half.reason:
        return (
            "It goes by itself once what the reason names is right: check that, an access token or an account above "
            f"all. {ends}"
        )
    return f"It goes as soon as a worker looks: the thread of the web process, or `pixeltwin deliver`. {ends}"


def _delivered(half: DeliveryState) -> str:
    if half.reason.partition(":")[0] == "test":
        return "The platform took it in its test mode, where it counts for nothing."
    remarked = " It remarked what stands above." if half.reason else ""
    return f"The platform answered that it took it.{remarked} Nothing to do."


def _again(erased: bool) -> str:
    if erased:
        return "Its personal data is erased, so it cannot be sent again; put the cause right for later ones."
    return (
        "Put the cause right; `pixeltwin outbox retry --id ID` sends it again while its personal data is kept, "
        f"{KEEP_PERSONAL // _DAY} days at least."
    )
