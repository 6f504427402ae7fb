"""What is known of a destination, as a finding for people: status, since when, why, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from ..frozen import FrozenDict
from ..sending import skew
from ..sending.lateness import lateness
from ..sending.standing import Standing

if TYPE_CHECKING:
    from ..contract import Platform
    from ..tracking.mode import Mode

UNATTENDED = timedelta(minutes=2)  # a worker looks every second; for so long nobody is merely busy
NEVER_ASKED = Standing()
IN_A_ROW = 3  # events refused since the last one was taken: not the fault of one event any more


@dataclass(frozen=True, slots=True)
class Facts:
    """What the outbox knows of one destination. `counts`: its server halves that may go and have not gone, by state,
    without those that wait for their visitor's consent; while there are none, nobody asks the platform. `overdue`:
    whether something could have been sent `UNATTENDED` ago, if it was there by then; `oldest`: when the oldest
    conversion that waits occurred, for whatever it waits; `refused_at`: when the platform refused the newest refused
    ones, newest first."""

    standing: Standing = NEVER_ASKED
    counts: Mapping[str, int] = field(default_factory=lambda: FrozenDict[int]())
    oldest: datetime | None = None
    overdue: bool = False
    refused_at: tuple[datetime, ...] = ()

    def seen_at(self, now: datetime) -> datetime | None:
        """When a worker last asked the destination anything."""
        asked = [at for at, _ in self.standing.sent]
        moments = [*asked, *(at for at in (self.standing.heard_at, self.standing.took_at) if at)]
        return min(max(moments), now) if moments else None


@dataclass(frozen=True, slots=True)
class Finding:
    """`why` and `do` are sentences; `do` is empty where there is nothing to do. `remarks` change no status."""

    status: Literal["healthy", "unhealthy", "unknown", "off"]
    why: str
    do: str = ""
    since: datetime | None = None
    remarks: tuple[str, ...] = ()


def diagnose(platform: Platform, facts: Facts | None, *, mode: Mode, now: datetime) -> Finding:
    """`facts` is None for a platform that has no server half."""
    if not platform.sends or facts is None:
        return _silent(platform)
    if not mode.sends(now):
        return Finding("off", "Delivery is off here: nothing is sent.", "Set PIXELTWIN_DELIVERY=live where it counts.")
    found = _paused(platform, facts) or _unattended(platform, facts, now) or _failing(platform, facts, now)
    found = found or _refusing(platform, facts) or _working(platform, facts)
    remarks = tuple(_remarks(platform, facts, mode, now))
    return Finding(found.status, found.why, found.do, found.since, remarks)


def _silent(platform: Platform) -> Finding:
    if not platform.server:
        return Finding("off", "Its server half is switched off (server=False).")
    return Finding("off", "It has no access token, so it has a browser half only.", "Set its access token.")


def _paused(platform: Platform, facts: Facts) -> Finding | None:
    standing = facts.standing
    if standing.state != "paused":
        return None
    what, again = "the access token or the account", f"`pixeltwin outbox retry --destination {platform.destination}`"
    said = f"refuses {what}, and its events wait"
    if not facts.counts:
        said, again = f"refused {what} when it was last asked, and nothing waits", "`pixeltwin doctor`"
    return Finding(
        "unhealthy",
        f"{platform.title} {said}: {_quoted(standing.reason)}",
        "Check the access token and the account's id, set them anew, and restart; or, if they were right all along, "
        f"{again} asks again at once.",
        standing.since,
    )


def _unattended(platform: Platform, facts: Facts, now: datetime) -> Finding | None:
    """Something could go, and nobody has asked this platform for too long."""
    standing, seen = facts.standing, facts.seen_at(now)
    free_since = max((at for at in (facts.oldest, standing.shut_until, seen) if at), default=None)
    if not facts.overdue or free_since is None or now - free_since < UNATTENDED:
        return None
    return Finding(
        "unhealthy",
        "Conversions wait and could go, and no worker takes them.",
        "Start `pixeltwin deliver` and see that it stays up, or set PIXELTWIN_WORKER=thread and see that the site is "
        "visited: a web process delivers from its first request on.",
        free_since,
    )


def _failing(platform: Platform, facts: Facts, now: datetime) -> Finding | None:
    standing = facts.standing
    if standing.state != "failing":
        return None
    if not facts.counts:
        return Finding(
            "unhealthy",
            f"{platform.title} took no events when it was last asked, and nothing waits: {_quoted(standing.reason)}",
            "The next event asks it again; `pixeltwin doctor` asks it now, counting nothing.",
            standing.since,
        )
    again = f" at {standing.shut_until:%H:%M:%S} UTC" if standing.shut_until and standing.shut_until > now else " now"
    return Finding(
        "unhealthy",
        f"{platform.title} does not take events: {_quoted(standing.reason)}",
        f"Nothing, if it is soon over: the events wait and it is asked again{again}. If it lasts, look at the "
        "platform's status page and at this machine's network.",
        standing.since,
    )


def _refusing(platform: Platform, facts: Facts) -> Finding | None:
    took_at = facts.standing.took_at
    later = [at for at in facts.refused_at if took_at is None or at > took_at]
    if len(later) < IN_A_ROW:
        return None
    return Finding(
        "unhealthy",
        f"{platform.title} answers, and has refused every event since it last took one."
        if took_at
        else f"{platform.title} answers, and has refused every event so far.",
        "`pixeltwin outbox list --state refused` says why; put the cause right, then `pixeltwin outbox retry --state "
        "refused` sends them again.",
        took_at or later[-1],
    )


def _working(platform: Platform, facts: Facts) -> Finding:
    standing = facts.standing
    if standing.heard_at is None:
        return Finding(
            "unknown",
            f"{platform.title} has not been asked yet.",
            "`pixeltwin doctor` asks it now, counting nothing; else the answer to the first conversion tells.",
        )
    if standing.took_at is None:
        return Finding("healthy", f"{platform.title} answers; it has taken no event yet.", since=standing.since)
    return Finding("healthy", f"{platform.title} takes what is sent.", since=standing.since or standing.heard_at)


def _remarks(platform: Platform, facts: Facts, mode: Mode, now: datetime) -> Iterator[str]:
    late = lateness(platform, facts.oldest, now)
    if late.level:
        yield f"Its oldest waiting conversion is {_age(late.age)} old: {late.meaning}. `pixeltwin outbox` shows why."
    ahead = facts.standing.skew
    if ahead is not None and abs(ahead) > skew.ALARMING:
        yield f"{skew.advice(platform.title, ahead)}."
    if mode.testing(now):
        if mode.lacks_id(platform):
            yield "Test mode is on and has no test id for it, so its events wait: set PIXELTWIN_TEST_IDS."
        else:
            yield "Test mode is on: what it takes counts for nothing."


def _age(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.0f} h" if age >= timedelta(hours=2) else f"{age / timedelta(minutes=1):.0f} min"


def _quoted(words: str) -> str:
    """A platform's words as the end of a sentence."""
    return f"{words.strip().rstrip('.') or 'it did not say why'}."
