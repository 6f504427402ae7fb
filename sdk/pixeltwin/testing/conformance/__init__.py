"""The platforms' published dedup rules as data: two halves in, verdict out, and where it is published.

    @pytest.mark.parametrize("case", cases(), ids=str)
    def test_my_rule(case):
        check(case)                                  # pixeltwin's own rule, or rule=yours
        check(case, url="http://127.0.0.1:8100")     # a sandbox that speaks the sandbox's HTTP interface

Each platform keeps its cases in `conformance.json`, halves and all as they are on the wire, for programs in any
language. `python -m pixeltwin.testing.conformance [URL]` runs them and says which fail.
"""

from __future__ import annotations

from .cases import Case, Sending, Source, cases
from .judging import Finding, Rule, by_rule, by_sandbox, check

__all__ = ["Case", "Finding", "Rule", "Sending", "Source", "by_rule", "by_sandbox", "cases", "check"]
