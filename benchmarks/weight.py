"""(f) Bytes of script that a page gets, raw and as `gzip -9` makes them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from importlib.resources import files

from flask import Flask, render_template_string

from pixeltwin import Tracker
from pixeltwin.flask import PixelTwin

from . import goods
from .case import Found, Row, Settings, Variant, at_most

TITLE = "Script on a page"
ONCE = True
VARIANTS = (
    Variant("one idle", "pixeltwin, one platform"),
    Variant("one purchase", "pixeltwin, one platform and a purchase"),
    Variant("three idle", "pixeltwin, three platforms"),
    Variant("three purchase", "pixeltwin, three platforms and a purchase"),
    Variant("script", "pixeltwin's first-party script, a file the browser keeps"),
    Variant("analytics.js", "@segment/analytics-next 1.84.3, standalone"),
    Variant("posthog-js", "posthog-js 1.449.2, array.js"),
    Variant("rudderstack", "@rudderstack/analytics-js 3.34.1, modern"),
)
# The npm packages of these versions, weighed on 2026-11-22 in the same way.
PUBLISHED: Mapping[str, tuple[int, int]] = {
    "analytics.js": (114_551, 31_294),
    "posthog-js": (379_782, 121_980),
    "rudderstack": (281_999, 72_670),
}


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    if variant in PUBLISHED:
        raw, packed = PUBLISHED[variant]
        return {"bytes": raw, "gzip": packed}
    if variant == "script":
        return _weight(files("pixeltwin").joinpath("static/pixeltwin.js").read_bytes())
    many, _, state = variant.partition(" ")
    return _weight(_head(settings, {"one": 1, "three": 3}[many], bought=state == "purchase"))


def _head(settings: Settings, many: int, *, bought: bool) -> bytes:
    """What `head()` puts into a page."""
    app = Flask("shop")
    app.config.update(PIXELTWIN_CONSENT="granted", PIXELTWIN_WORKER="off")
    ours = Tracker(goods.platforms(settings.prompt)[:many], secret_keys=["made-up"], outbox="memory:")
    twin = PixelTwin(app, tracker=ours)
    with app.test_request_context("/thanks", headers={"User-Agent": goods.AGENT}):
        if bought:
            twin.track(goods.purchase(1), email="ada.lovelace@example.com")
        return render_template_string("{{ pixeltwin.head() }}").encode()


def _weight(content: bytes) -> Mapping[str, float]:
    return {"bytes": len(content), "gzip": len(gzip.compress(content, 9, mtime=0))}


def rows(found: Found) -> list[Row]:
    return [
        found.figure("inline, three platforms with a purchase", "three purchase", "gzip", "bytes", at_most(1200)),
        *(
            found.figure(f"inline, {what}", variant, "gzip", "bytes")
            for variant, what in (
                ("three idle", "three platforms"),
                ("one purchase", "one platform with a purchase"),
                ("one idle", "one platform"),
            )
        ),
        found.figure("the first-party script, a file of its own", "script", "gzip", "bytes"),
        *(
            found.ratio(f"{one} / inline with a purchase", one, "three purchase", "gzip", unit="bytes")
            for one in PUBLISHED
        ),
        Row(
            "Google's gtag.js / inline with a purchase",
            None,
            detail="it is in no package, and Google publishes no size",
        ),
    ]
