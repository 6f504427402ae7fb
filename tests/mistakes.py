"""What the sandbox says of the commands of docs/dedup.md, made anew: `python -m tests.mistakes` writes it there."""

from __future__ import annotations

import re
import subprocess
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

from pixeltwin.sandbox import create_sandbox
from pixeltwin.sandbox.clock import Clock
from tests.sandboxed import Callers, serving

PAGE = Path(__file__).resolve().parents[1] / "docs" / "dedup.md"
OUTPUT = re.compile(r"(<!-- output -->\n```text\n)(.*?)(```)", re.DOTALL)
NOW = datetime(2026, 8, 20, 12, tzinfo=timezone.utc)
TOOLS = ("bash", "curl", "jq")


def blocks(text: str) -> list[str]:
    """The page's commands: what is pasted once, then of each section the mistake and the mended pair."""
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def sandbox() -> AbstractContextManager[Callers]:
    """What the page's commands are sent to. Its time passes in microseconds but for what they advance it: what comes
    later is later, as where somebody types."""
    looks = count()
    return serving(create_sandbox(clock=Clock(lambda: NOW + timedelta(microseconds=next(looks)))))


def typed(box: Callers, *commands: str) -> str:
    """What these print, typed into a shell that has the sandbox's time, while the sandbox listens."""
    lines = ["set -euo pipefail", f"date() {{ echo {int(NOW.timestamp())}; }}", *commands]
    script = "\n".join(lines).replace("127.0.0.1:8100", f"127.0.0.1:{box.port}")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


def written(text: str) -> str:
    """The page with what `judge` prints of each mistake in it."""
    once, *pairs = blocks(text)
    with sandbox() as box:
        said = [typed(box, once, mistake, "judge") for mistake in pairs[::2]]
    return OUTPUT.sub(lambda found: f"{found[1]}{said.pop(0)}{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
