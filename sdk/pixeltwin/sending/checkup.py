"""Asking one destination whether token and account are right, and letting all workers know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Literal

from ..contract import Misconfigured, Platform, Probed, ServerRequest
from ..errors import CannotSend, ConfigurationError, described
from .exchange import Answer, NoAnswer
from .gate import Entry, Gate
from .reading import clean
from .skew import skew

SURE = frozenset({"accepted", "token", "account"})  # the verdicts that say something of token and account


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. `verdict` is that of `Probed`; or "unreachable": there was no answer; or "unasked": there is no
    request, and `said` is why. `skew`: seconds this clock is ahead of the platform's, None where it did not say."""

    platform: str
    verdict: Literal["accepted", "token", "account", "later", "refused", "unreachable", "unasked"]
    said: str = ""
    skew: float | None = None
    seconds: float = 0.0


def check(
    platform: Platform,
    gate: Gate,
    post: Callable[[ServerRequest], Answer],
    *,
    clock: Callable[[], datetime],
    test_id: str | None,
) -> Checked:
    """Ask, whatever the gate's state, for a person waits. An acceptance opens a paused destination, a refusal of token
    or account pauses it; what says nothing of them changes nothing."""
    now = clock()
    try:
        probe = platform.probe(now, test_id)
    except (CannotSend, ConfigurationError) as error:
        return Checked(platform.name, "unasked", str(error))
    except Exception as error:  # the token may be a callable of the site's
        return Checked(platform.name, "unasked", described(error))
    entry, began = gate.asked(now), monotonic()
    try:
        status, headers, body = post(probe.request)
    except ConfigurationError as error:
        return Checked(platform.name, "unasked", str(error))
    except NoAnswer as error:
        return Checked(platform.name, "unreachable", str(error), seconds=monotonic() - began)
    seconds, heard = monotonic() - began, clock()
    probed = platform.read_probe(probe, status, headers, body)
    (told,) = clean([Misconfigured(probed.said)], probe.request, test_id or "")
    ahead = skew(headers, now, heard)
    _share(gate, entry, Probed(probed.verdict, str(told)), heard, ahead)
    return Checked(platform.name, probed.verdict, str(told), ahead, seconds)


def _share(gate: Gate, entry: Entry, probed: Probed, now: datetime, ahead: float | None) -> None:
    if probed.verdict == "accepted":
        gate.answered(entry, now, took=False, skew=ahead)
    elif probed.verdict in ("token", "account"):
        gate.pause(entry, now, reason=probed.said)
