"""(d) What importing costs a process that has Flask, httpx and pydantic already."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

from .case import Found, Row, Settings, Variant, at_most

TITLE = "Import"
REPEAT = 3
OURS = """
flask = timed("import flask")
stack = timed("import httpx, pydantic\\nclass Model(pydantic.BaseModel):\\n    name: str\\n    amount: int = 0")
ours = timed("from pixeltwin import Purchase\\nfrom pixeltwin.flask import PixelTwin")
print(json.dumps({"flask ms": flask, "httpx + pydantic ms": stack, "ms": ours}))
"""
PEER = 'print(json.dumps({"ms": timed("import %s")}))'
TIMER = """
import json, time
def timed(source):
    code = compile(source, "<import>", "exec")
    began = time.perf_counter()
    exec(code, {"__name__": "benchmark"})
    return (time.perf_counter() - began) * 1e3
"""
VARIANTS = (
    Variant("ours", "pixeltwin, after flask, httpx and pydantic"),
    Variant("posthog", "posthog, by itself", ("posthog",)),
    Variant("segment.analytics", "segment, by itself", ("segment.analytics",)),
    Variant("snowplow_tracker", "snowplow, by itself", ("snowplow_tracker",)),
    Variant(
        "facebook_business.adobjects.serverside.event_request", "facebook-business, by itself", ("facebook_business",)
    ),
    Variant("snap_business_sdk.public.conversion_api", "snap-business-sdk, by itself", ("snap_business_sdk",)),
)


def measure(variant: str, settings: Settings) -> Mapping[str, float]:
    """In an interpreter that has imported nothing else."""
    source = TIMER + (OURS if variant == "ours" else PEER % variant)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(found: Found) -> list[Row]:
    return [
        found.ratio(
            "pixeltwin, beyond flask + httpx + pydantic / flask",
            "ours",
            "ours",
            "ms",
            at_most(0.25),
            unit="ms",
            of="flask ms",
        ),
        *(found.ratio(f"pixeltwin / {one.label}", "ours", one.name, "ms", unit="ms") for one in VARIANTS[1:]),
    ]
