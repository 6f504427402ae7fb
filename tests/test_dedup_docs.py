"""docs/dedup.md is true: its commands, typed into a shell, give what it shows, and what it mends is mended."""

from __future__ import annotations

import re
import shutil

import pytest

from pixeltwin.platforms import installed
from tests.mistakes import PAGE, TOOLS, blocks, sandbox, typed, written

TEXT = PAGE.read_text("utf-8")
SECTIONS = re.findall(r"^## (\d+\. .*?)$(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL)
REAL = {"7": 2}  # how many conversions the mended pair of a section stands for; one elsewhere

typing = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"the page's commands need {', '.join(TOOLS)}")


@typing
def test_what_the_page_shows_is_what_the_sandbox_says() -> None:
    """Each mistake, typed as the page says, is explained as the page quotes; `python -m tests.mistakes` writes it."""
    assert written(TEXT) == TEXT


@typing
def test_each_mistake_miscounts_and_its_mended_pair_does_not() -> None:
    """What a section calls a mistake makes the platform count wrong, and what it calls mended is counted as it was."""
    once = blocks(TEXT)[0]
    assert [title.partition(".")[0] for title, _ in SECTIONS] == [str(number) for number in range(1, 11)]
    with sandbox() as box:
        for title, body in SECTIONS:
            counted: list[int] = []
            for pair in blocks(body):
                typed(box, once, pair)
                counted.append(sum(record["counted"] for record in box.records()))
                box.post("/api/reset")
            mistaken, mended = counted
            real = REAL.get(title.partition(".")[0], 1)
            assert mended == real != mistaken, title


def test_each_section_tells_what_is_seen_how_it_is_mended_and_who_published_it() -> None:
    """Every mistake has its symptom, its remedy with and without pixeltwin, and a dated source."""
    for title, body in SECTIONS:
        parts = re.findall(r"^\*\*(.+?)\*\*", body, re.MULTILINE)
        assert parts == ["You see", "Mend it", "With pixeltwin", "Source"], title
        assert re.search(r"\((?:[^()]* )?20\d\d(-\d\d){0,2}", body.partition("**Source**")[2]), title
    assert all(platform.title in TEXT for platform in installed().values())


def test_the_page_is_found_and_leads_on() -> None:
    """README and the guides beside it point to the page, its own links lead somewhere, and its pictures are small."""
    for name in ("README.md", "docs/sandbox.md", "docs/testing.md"):
        assert "dedup.md)" in (PAGE.parents[1] / name).read_text("utf-8"), name
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", TEXT):
        assert (PAGE.parent / target).exists(), target
    assert all((PAGE.parent / one).stat().st_size < 150_000 for one in re.findall(r"\((images/[^)]+)\)", TEXT))
