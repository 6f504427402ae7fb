"""What a page of this site reports of its visitor: that it was seen, and what happened in it; and what it asks for.

A report is believed as far as a browser mints it: an id, a screen. All else comes from the request and from what the
server signed. `visit` is the visitor's on the page that reports.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from ..conversion import Conversion
from ..errors import OutboxUnavailable
from . import acknowledgement, descriptors
from .page import PAGE_VIEW
from .visit import Visit

log = logging.getLogger("pixeltwin")

_MINTED = re.compile(r"[0-9a-f]{64}")


def page_view(visit: Visit, report: Mapping[str, Any]) -> Conversion | None:
    """The server half of a page view whose id the browser minted; None when the report is not to be believed."""
    id = _minted(report)
    if id is None or visit.site.page_views != "beacon" or visit.request.from_bot:
        return None
    if not visit.allowed or not visit.passes(PAGE_VIEW):
        return None
    return visit.told(PAGE_VIEW, id=id, screen=_pixels(report.get("screen")))


def happened(visit: Visit, report: Mapping[str, Any]) -> Conversion | None:
    """The server half of what a descriptor describes; None when the report is not to be believed. A second report of
    the same conversion changes nothing."""
    described, id = descriptors.read(visit.tracker, report.get("token")), _minted(report)
    if described is None or id is None:
        visit.tracker.losses.count("", "report refused")
        return None
    event, key = described
    if not visit.passes(event):
        return None
    return visit.told(event, id=id if key is None else None, key=key, screen=_pixels(report.get("screen")))


def fired(visit: Visit, report: Mapping[str, Any]) -> None:
    """Which pixels took a conversion and which were blocked. A second report of the same changes nothing."""
    tracker = visit.tracker
    if visit.request.from_bot or visit.site.acknowledge == "off":
        return
    try:
        for said in acknowledgement.read(tracker, report):
            tracker.outbox.acknowledge(said.id, said.fired, blocked=said.blocked, now=tracker.clock())
    except OutboxUnavailable as error:
        log.error("tracking fault (outbox): %s", error)


def _minted(report: Mapping[str, Any]) -> str | None:
    id = report.get("id")
    return id if isinstance(id, str) and _MINTED.fullmatch(id) else None


def _pixels(value: Any) -> tuple[int, int] | None:
    """A screen size as a browser reports it; anything else is nothing."""
    match value:
        case [int(width), int(height)] if 0 < width < 32768 and 0 < height < 32768:
            return width, height
        case _:
            return None
