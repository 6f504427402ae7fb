"""Delivers what is in an outbox until it is told to end: `python -m benchmarks.sender OUTBOX SINK`, what
`pixeltwin deliver` does."""

from __future__ import annotations

import logging
import sys

from pixeltwin.worker import run

from .goods import tracker

if __name__ == "__main__":
    logging.getLogger("pixeltwin").setLevel(logging.ERROR)
    ours = tracker(sys.argv[2], sys.argv[1])
    run(ours.delivery)
    ours.close()
