"""Whether an outbox can be written, found out by writing: a full disk and a read-only database let it be read."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from .contract import Outbox

KIND = "trial"


def try_out(outbox: Outbox, now: datetime) -> None:
    """Write a small note and take it away. It raises what `put` would: `OutboxUnavailable`, or `ConfigurationError`."""
    key = uuid4().hex
    outbox.notes.keep(KIND, key, b"1", now=now)
    outbox.notes.forget(KIND, key)
