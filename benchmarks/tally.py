"""What the sink has counted, asked by those who send to it: without what the sink itself imports."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import urlopen


def reset(url: str) -> None:
    """Begin to count anew."""
    urlopen(f"{url}/-/reset").close()


def state(url: str, *, arrivals: bool = False) -> Any:
    """`counts` and `requests` by name; `arrivals` as [when on `perf_counter`'s clock, body]."""
    with urlopen(f"{url}/-/arrivals" if arrivals else f"{url}/-/state") as answer:
        return json.load(answer)
