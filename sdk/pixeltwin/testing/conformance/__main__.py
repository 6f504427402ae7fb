"""`python -m pixeltwin.testing.conformance [URL]`: the cases, put to pixeltwin's own rules or to the sandbox at URL."""

from __future__ import annotations

import sys

import click

from .cases import cases
from .judging import by_rule, by_sandbox


@click.command()
@click.argument("url", required=False)
@click.option("--platform", "kinds", multiple=True, help="Only this platform's cases; may be given more than once.")
def main(url: str | None, kinds: tuple[str, ...]) -> None:
    """Put every published dedup case to pixeltwin's own rules, or to the sandbox at URL (it is reset for each)."""
    failed = 0
    for case in cases(kinds or None):
        try:
            difference = (by_sandbox(case, url) if url else by_rule(case)).differs(case)
        except (AssertionError, OSError) as error:
            difference = f"{case}: {error}"
        failed += bool(difference)
        click.echo(f"FAIL {difference}" if difference else f"ok   {case}")
    if failed:
        click.echo(f"{failed} failed", err=True)
    sys.exit(1 if failed else 0)


main(prog_name="python -m pixeltwin.testing.conformance")
