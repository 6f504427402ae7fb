"""Reasons as short codes: few enough to be label values of a metric, and never the words of a platform.

A reason is kept as "code: what a person should know". What a platform answered is in its own words, which have no
code, may quote what it was sent, and are as many as it likes: all of them are `OTHER`.
"""

from __future__ import annotations

import re

OTHER = "other"

# What stays, is suppressed or ends begins with one of these words, or is a word that `CannotSend.reason` may be.
CODES = frozenset(
    {
        *("app_missing", "bot", "in_the_future", "limited_use_impossible", "no_app", "no_app_id", "no_event_name"),
        *("no_match_key", "no_source_url", "no_value", "refunds_off", "too_old", "custom_data"),
        *("before_send", "consent_denied", "consent_pending", "consent_withdrawn", "no_test_id", "not_wanted"),
        *("server_off", "called_off", "unpaid"),
        *("past_window", "past_window_unsure", "never_decided", "never_delivered", "never_released"),
        *("mapping_error", "request_error", "network", "test"),
    }
)
_STATUS = re.compile(r"HTTP ([1-5][0-9]{2})")
_WORD = re.compile(r"[a-z]{1,20}(_[a-z]{1,20}){0,5}")


def code(reason: str) -> str:
    """The code of a settled half's reason: one of `CODES`, "http_503", `OTHER`, or nothing where there is no reason."""
    if not reason:
        return ""
    head = reason.partition(":")[0]
    status = _STATUS.fullmatch(head)
    if status:
        return f"http_{status[1]}"
    word = head.replace(" ", "_")
    return word if word in CODES else OTHER


def loss_code(reason: str) -> str:
    """The code of a counted loss. These reasons are ours, or a package's words to count by: "consent_denied", or
    "fault_outbox" for "fault: outbox"."""
    word = reason.replace(": ", "_").replace(" ", "_")
    return word if _WORD.fullmatch(word) else OTHER
