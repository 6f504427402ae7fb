"""How many examples a property is tried on: all of them on the main Python, an eighth where TEST_BRIEFLY is set, as on
the other Pythons, which differ in what they can run and not in what is true."""

from __future__ import annotations

import os

from hypothesis import settings

BRIEF = bool(os.environ.get("TEST_BRIEFLY"))


def examples(many: int) -> int:
    return max(5, many // 8) if BRIEF else many


settings.register_profile("brief", max_examples=examples(100))
