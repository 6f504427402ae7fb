"""(f) Bytes of script that a page gets, raw and as `gzip -9` makes them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping

from flask import Flask, render_template_string

from pixeltwin import Tracker
from pixeltwin.flask import PixelTwin

from . import goods
from .case import Found, Row, Settings, Variant, at_most

TITLE = "Script on a page"
ONCE = True
VARIANTS = (
    Variant("one idle", "pixeltwin inline, one platform"),
    Variant("one purchase", "pixeltwin inline, one platform and a purchase"),
    Variant("three idle", "pixeltwin inline, three platforms"),
    Variant("three purchase", "pixeltwin inline, three platforms and a purchase"),
    Variant("three file", "pixeltwin's first-party script, a file that browsers keep"),
    Variant("three whole", "pixeltwin, that file, and three platforms and a purchase inline"),
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
    many, _, what = variant.partition(" ")
    inline, file = _page(settings, {"one": 1, "three": 3}[many], bought=what in ("purchase", "whole"))
    if what == "whole":
        return {name: _weight(inline)[name] + _weight(file)[name] for name in ("bytes", "gzip")}
    return _weight(file if what == "file" else inline)


def _page(settings: Settings, many: int, *, bought: bool) -> tuple[bytes, bytes]:
    """What `head()` puts into a page, and the script of the site's own that it loads."""
    app = Flask("shop")
    app.config.update(PIXELTWIN_CONSENT="granted", PIXELTWIN_WORKER="off")
    ours = Tracker(goods.platforms(settings.prompt)[:many], secret_keys=["made-up"], outbox="memory:")
    twin = PixelTwin(app, tracker=ours)
    with app.test_request_context("/thanks", headers={"User-Agent": goods.AGENT}):
        if bought:
            twin.track(goods.purchase(1), email="ada.lovelace@example.com")
        inline = render_template_string("{{ pixeltwin.head() }}")
    client = app.test_client()
    files = [client.get(source) for source in re.findall(r'<script[^>]* src="(/[^"]+)"', inline)]
    if not files or any(one.status_code != 200 for one in files):
        raise RuntimeError("the page's own script cannot be found")
    return inline.encode(), b"".join(one.get_data() for one in files)


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
        found.figure("the first-party script, a file of its own", "three file", "gzip", "bytes"),
        found.figure("both, as a first visit loads them", "three whole", "gzip", "bytes"),
        *(found.ratio(f"{one} / both", one, "three whole", "gzip", unit="bytes") for one in PUBLISHED),
        Row(
            "Google's gtag.js / both",
            None,
            detail="it is in no package, and Google publishes no size",
        ),
    ]
