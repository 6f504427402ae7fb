"""A local Events Manager: fake vendor endpoints and pixel scripts, a ledger of what each platform counts, a page.

vendors    requests to the platforms' emulators    ledger      halves grouped into records, in order of arrival
faults     trouble on demand                       judgement   the platforms' published rules, asked
clock      real time plus an offset                twins       halves that were meant as one, and what keeps them apart
journal    the requests themselves, for `har`      comparison  two payloads, field by field
timeline   the life of one conversion              stream      what changed, live

Its HTTP interface is described in docs/sandbox.md.
"""

from __future__ import annotations

from .app import create_sandbox
from .clock import Clock
from .server import make, serve

__all__ = ["Clock", "create_sandbox", "make", "serve"]
