"""How properties are tried: on the same examples in every run, however long one takes, so that a red run is about what
changed. `pytest --hypothesis-profile=seeking` looks for others.

All examples on the main Python, an eighth where TEST_BRIEFLY is set, as on the other Pythons, which differ in what they
can run and not in what is true.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

BRIEF = bool(os.environ.get("TEST_BRIEFLY"))
PROFILE = "steady"


def examples(many: int) -> int:
    return max(5, many // 8) if BRIEF else many


_however_slow: dict[str, Any] = {
    "max_examples": examples(100),
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile(PROFILE, derandomize=True, **_however_slow)
settings.register_profile("seeking", **_however_slow)
