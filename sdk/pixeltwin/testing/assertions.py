"""What tests of conversion tracking assert. Each failure shows what the platforms got, side by side, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ..contract import Platform
from ..conversion import Conversion
from ..errors import CannotSend
from ..platforms import installed
from ..sandbox.forms import id_form
from . import pages, vendors
from .asking import is_of
from .bench import Bench, active
from .differences import differing, story
from .recorder import SHOP
from .tape import Sent, judged

Record = Mapping[str, Any]

_NOBODY = "No application was used, and no tracker is watched: pixeltwin_recorder.watch(tracker)."


def assert_merged(platform: str, event: str, *, after: timedelta | None = None) -> None:
    """Both halves of every `event` reached this platform, and it counts each pair once, for certain.

    `event` is pixeltwin's name ("Purchase") or the platform's ("PURCHASE"). `after`: also if the server half came that
    much later than it did, as after an outage; the clock stays where it is.
    """
    __tracebackhide__ = True
    bench, kind = active(), vendors.checked(platform)
    records: Sequence[Record] = bench.found(kind, event, lambda found: bool(found) and all(map(_is_merged, found)))
    if not records:
        raise AssertionError("\n".join([_nothing(bench, kind, event), *_lost(bench, kind)]))
    whole = [bench.asker.whole(one) for one in records if not _is_merged(one)]
    said = ""
    if not whole and after is not None:
        said = f"With the server half {after} later:\n\n"
        whole = [one for one in bench.delayed(after, kind) if is_of(one, kind, event) and not _is_merged(one)]
    if whole:
        raise AssertionError("\n\n".join([said + story(whole), *_lost(bench, kind)]))


def assert_counted(platform: str, event: str, *, times: int = 1) -> None:
    """This platform counts `event` so many times in all; in a grey zone of its rules, the cautious reading counts."""
    __tracebackhide__ = True
    bench, kind = active(), vendors.checked(platform)
    records = bench.found(kind, event, lambda found: _counted(found) == times)
    counted = _counted(records)
    if counted != times:
        what = f"{installed()[kind].title} counts {counted} {event}, not {times}."
        shown = story(map(bench.asker.whole, records)) or _nothing(bench, kind, event)
        raise AssertionError("\n\n".join([what, shown, *_lost(bench, kind)]))


def assert_twins(subject: Any, *, platforms: Iterable[Platform] | None = None) -> None:
    """Both halves say the same: after each platform's own renaming every field that both can carry is equal.

    `subject` is a `Conversion`, put to `platforms` (those under test, unless given), or a page (HTML, or a response
    that has it): then its calls are held against the server events that were delivered.
    """
    __tracebackhide__ = True
    if isinstance(subject, Conversion):
        wanted = [one for tracker in active().taken.trackers for one in tracker.platforms] if platforms is None else ()
        records = _halves(subject, [*wanted, *(platforms or ())])
    else:
        records = _on_page(active(), subject)
    wrong = [one for one in records if differing(one) or None in (one["browser"], one["server"])]
    if wrong:
        raise AssertionError(f"These halves are no twins.\n\n{story(wrong)}")


def assert_nothing_sent() -> None:
    """No platform got anything, neither from a browser nor from the server, and nothing due is left to be sent."""
    __tracebackhide__ = True
    bench = active()
    bench.settle()
    if not bench.taken.trackers and bench.pause is None:
        raise AssertionError(_NOBODY)
    if bench.sandbox.sent:
        sent = [f"  {one.kind}: {'server' if one.server else 'browser'} half" for one in bench.sandbox.sent]
        shown = story(map(bench.asker.whole, bench.asker.records()))
        raise AssertionError("\n".join(["Something was sent:", *sent, "", shown]))


def assert_nothing_shown(page: Any) -> None:
    """A page (HTML, or a response that has it) starts no pixel, tells none of anything, and names no vendor's host."""
    __tracebackhide__ = True
    html = pages.text_of(page)
    found = pages.told(html)
    said = [f"  it starts the pixel {name!r}" for name, _ in found["pixels"]]
    said += [f"  it tells {call[0]!r} of {fire['event']}" for fire in found["fires"] for call in fire["calls"]]
    said += [f"  it names {host}" for host in vendors.hosts() if host in html]
    if said:
        raise AssertionError("\n".join(["The page shows something:", *said]))


# --- the records -----------------------------------------------------------------------------------------------------


def _is_merged(record: Record) -> bool:
    return record["verdict"] == "merged" and record["counted"] == 1 and bool(record["certain"])


def _counted(records: Iterable[Record]) -> int:
    return sum(record["counted"] for record in records)


def _halves(conversion: Conversion, platforms: Sequence[Platform]) -> list[dict[str, Any]]:
    """Both halves of a conversion on these platforms, judged."""
    __tracebackhide__ = True
    if not platforms:
        raise AssertionError("No platform is under test; give platforms=[…].")
    sent: list[Sent] = []
    for platform in platforms:
        try:
            sent += _sent(platform, conversion)
        except CannotSend as error:
            raise AssertionError(f"{platform.title} gets no twins of it: {error}") from None
    if not sent:
        raise AssertionError("before_send left it out on every platform.")
    return judged(sent)


def _sent(platform: Platform, conversion: Conversion) -> list[Sent]:
    at: datetime = conversion.occurred_at.astimezone(timezone.utc)
    said = platform.prepared(conversion)
    if said is None:
        return []
    emulator = vendors.emulators()[platform.kind]
    init = platform.init_calls(said.visitor, said.consent)
    page = said.source_url or SHOP
    hits = [emulator.hit(init, call, page, at) for call in platform.browser_calls(said)]
    request = vendors.to_emulator(platform, platform.server_request([platform.server_event(said)]))
    return [Sent(platform.kind, False, hit, at) for hit in hits] + [Sent(platform.kind, True, request, at)]


def _on_page(bench: Bench, page: Any) -> list[dict[str, Any]]:
    """The records of what a page tells."""
    __tracebackhide__ = True
    html = pages.text_of(page)
    ids = {id_form(fire["id"]) for fire in pages.told(html)["fires"]}
    if not ids:
        raise AssertionError("\n".join(["The page tells no pixel of anything.", *_mode(bench), *_lost(bench)]))
    if bench.recorder is not None:
        bench.recorder.show(html)
    bench.settle()
    records = [bench.asker.whole(one) for one in bench.asker.records() if _ids(one) & ids]
    if not records:
        raise AssertionError("\n".join(["Nothing that the page tells reached a platform.", *_lost(bench)]))
    return records


def _ids(record: Record) -> set[str]:
    """The ids of both halves, in one form: a pixel may hash what its API takes as it is."""
    return {id_form(half["id"]) for half in (record["browser"], record["server"]) if half and half["id"]}


def _nothing(bench: Bench, kind: str, event: str) -> str:
    """That nothing of an event reached a platform, and what may be why."""
    lines = [f"Nothing of {event} reached {installed()[kind].title}."]
    if not bench.taken.trackers:
        lines.append(_NOBODY)
    elif not any(one.kind == kind for tracker in bench.taken.trackers for one in tracker.platforms):
        lines.append("The application has no such pixel.")
    seen = dict.fromkeys(
        f"{one['name'] or one['event']} on {installed()[one['platform']].title}" for one in bench.asker.records()
    )
    lines += [f"What arrived: {', '.join(seen)}." if seen else "Nothing at all arrived."]
    return "\n".join([*lines, *_mode(bench)])


def _mode(bench: Bench) -> list[str]:
    """That nothing is meant to arrive, or to count."""
    said = (tracker.mode.notice(bench.clock()) for tracker in bench.taken.trackers)
    return [one for one in dict.fromkeys(said) if one]


def _lost(bench: Bench, *kinds: str) -> list[str]:
    lost = bench.losses(*kinds)
    return [f"pixeltwin counted as lost: {'; '.join(lost)}."] if lost else []
