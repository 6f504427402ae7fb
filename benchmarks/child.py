"""One measurement in this process, which was started for it: `python -m benchmarks.child CASE VARIANT`, the settings
as JSON on standard input, the figures as the last line of standard output."""

from __future__ import annotations

import json
import logging
import sys
from importlib import import_module

from .case import Settings


def main() -> None:
    name, variant = sys.argv[1:]
    settings = Settings(**json.load(sys.stdin))
    logging.getLogger("pixeltwin").setLevel(logging.ERROR)
    case = import_module(f"benchmarks.{name}")
    if variant == "prepare":
        case.prepare(settings)
        found = {}
    else:
        found = case.measure(variant, settings)
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
