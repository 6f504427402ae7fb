"""Pinterest's published dedup rule for two halves.

Same `event_id` and same event name within 24 hours of the first one recorded, neither of them offline: one conversion.
Sources: Segment's Pinterest Conversions API page (24 h, 2026); Pinterest's own pages of 2026 speak of 48 h; events that
reach the API over an hour late are reported as offline (Segment), and offline events are never deduplicated (OpenAPI
5.23.0); the tag passes an id on as it was given, the API takes only text. What lies between is a grey zone: counted
twice, to be cautious.
"""

from __future__ import annotations

from datetime import timedelta

from ...dedup import Half, Verdict

CERTAIN = timedelta(hours=24)
DOCUMENTED = timedelta(hours=48)
PROMPT = timedelta(hours=1)

_ID, _NAME, _SOURCE = ("event_id",), ("event", "event_name"), ("action_source",)  # the tag's names, and the API's
_ACCOUNT = ("tid", "ad_account_id")


def judge(first: Half, second: Half) -> Verdict:
    """How often Pinterest counts these two, `first` received first."""
    difference = _difference(first, second)
    if difference:
        return difference
    gap = abs(second.received_at - first.received_at)
    if gap > DOCUMENTED:
        return Verdict(2, True, f"the same event_id, but {_spoken(gap)} apart: over 48 hours.", _ID)
    if first.id_was_text != second.id_was_text:
        said = "one event_id is a number, the other its text: whether Pinterest takes them for one is not published."
        return Verdict(2, False, said, _ID)
    for half in (first, second):
        delay = half.received_at - half.occurred_at
        if half.side == "server" and delay > PROMPT:
            said = (
                f"the API was told {_spoken(delay)} after event_time: over an hour, Pinterest may take it as offline, "
                "and offline events are never deduplicated."
            )
            return Verdict(2, False, said, ("event_time",))
    if gap > CERTAIN:
        said = f"the same event_id, {_spoken(gap)} apart: sources disagree whether the window is 24 or 48 hours."
        return Verdict(2, False, said, _ID)
    said = f"the same event_id and event name, {_spoken(gap)} apart: within 24 hours."
    return Verdict(1, True, said, (*_ID, *_NAME))


def _difference(first: Half, second: Half) -> Verdict | None:
    """What makes them two conversions whenever they come, by the field that decides it."""
    if first.account != second.account:
        return Verdict(2, True, "they went to different accounts.", _ACCOUNT)
    for half in (first, second):
        if not half.id:
            return Verdict(2, True, f"the event_id is missing in what {_whom(half)} got: two conversions.", _ID)
    if first.id != second.id:
        return Verdict(2, True, "the two halves' event_id differs: two conversions.", _ID)
    if (first.event, first.custom_name) != (second.event, second.custom_name):
        names = f"{first.event} and {second.event}"
        if first.event == second.event:
            names = f"{_whom(first if first.custom_name else second)} takes {first.event} for a name of your own"
        return Verdict(2, True, f"the same event_id, but the event names differ: {names}.", _NAME)
    if "offline" in (first.action_source, second.action_source):
        return Verdict(2, True, "one action_source is offline, and offline events are never deduplicated.", _SOURCE)
    return None


def _whom(half: Half) -> str:
    return "the tag" if half.side == "browser" else "the API"


def _spoken(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
