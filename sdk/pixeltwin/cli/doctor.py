"""`pixeltwin doctor`: what is wrong, why it matters, how to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ..printable import printable

if TYPE_CHECKING:
    from ..config import Settings
    from ..doctor import Finding, Severity
    from ..tracker import Tracker

_MARKS: dict[Severity, tuple[str, str]] = {
    "fault": ("✗", "bold red"),
    "warning": ("!", "yellow"),
    "note": ("·", "cyan"),
    "ok": ("✓", "green"),
}
_VERDICTS: dict[Severity, str] = {
    "fault": "Something is broken.",
    "warning": "It works, with reservations.",
    "note": "All is well.",
    "ok": "All is well.",
}
_TYPED = re.compile(r'`[^`]+`|python -c "[^"]+"')
_JOINT = "\ue000"  # a blank at which no line may end; `printable` leaves none of these in a text


def doctor_command(settings: Callable[[], Settings], tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("doctor")
    @click.option("--url", help="A page of the site, to be looked at as a stranger gets it.")
    @click.option("--cookie", default="", help="The Cookie header of somebody who agreed, for --url: 'name=value'.")
    @click.option("--offline", is_flag=True, help="Ask no platform.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    @click.pass_context
    def doctor(ctx: click.Context, url: str | None, cookie: str, offline: bool, as_json: bool) -> None:
        """Look at settings, outbox, workers, each platform's answer and a page; say what is wrong and how to mend it.

        Platforms are asked in ways that count nothing. The exit status is 1 when anything is at fault.
        """
        from ..doctor import examination, worst

        console, progress = Console(soft_wrap=False), Console(stderr=True, quiet=as_json)
        found: list[Finding] = []
        for step in examination(settings(), tracker, url=url, cookie=cookie, ask=not offline):
            with progress.status(f"{step.title} …"):
                findings = step.findings()
            found += findings
            if not as_json:
                for one in findings:
                    _print(console, one)
        if as_json:
            click.echo(json.dumps({"status": worst(found), "findings": [one.to_dict() for one in found]}, indent=2))
        else:
            console.print(Text(_VERDICTS[worst(found)], style=_MARKS[worst(found)][1]))
        if worst(found) == "fault":
            ctx.exit(1)

    return doctor


def _print(console: Console, finding: Finding) -> None:
    mark, style = _MARKS[finding.severity]
    subject = f"{finding.check} ({finding.platform})" if finding.platform else finding.check
    bold = "bold" if finding.severity != "ok" else ""
    what = _on_one_line(printable(finding.what))
    _print_wrapped(console, Text.assemble((mark, style), " ", (subject, bold), "  ", what), "")
    for sentence, how in ((finding.why, "dim"), (finding.do, "")):
        if sentence:
            _print_wrapped(console, Text(_on_one_line(printable(sentence)), style=how), " " * 4)


def _on_one_line(text: str) -> str:
    """With joints in what is to be typed: it is copied from here, and a shell would run half of a broken line."""
    return _TYPED.sub(lambda found: found[0].replace(" ", _JOINT), text)


def _print_wrapped(console: Console, text: Text, indent: str) -> None:
    for line in text.wrap(console, console.width - len(indent)):
        line.rstrip()
        line.plain = indent + line.plain.replace(_JOINT, " ")
        console.print(line)
