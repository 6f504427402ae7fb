"""The doctor: what is wrong with settings, store, workers, platforms or a page, why it matters, how to mend it.

settings   present, well formed, not mixed up      credentials  each platform asked, counting nothing; its clock
mode       whether what is tracked counts          page         pixels, policy, cache and cookies of a page
store      writable, emptied, by somebody alive
"""

from __future__ import annotations

from .examination import Step, examination
from .finding import SEVERITIES, Finding, Severity, worst

__all__ = ["SEVERITIES", "Finding", "Severity", "Step", "examination", "worst"]
