"""The pictures of the README and the guides are those that `make pictures` takes."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser

from tests.browser.shop import ROOT
from tests.pictures import IMAGES, SCENES, Studio


def shown() -> set[Path]:
    """The pictures that the README and the guides refer to."""
    guides = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    return {
        (guide.parent / name).resolve()
        for guide in guides
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", guide.read_text("utf-8"))
    }


def chunk(png: bytes, kind: bytes) -> bytes:
    """The contents of a PNG's chunks of one kind, joined (Portable Network Graphics, third edition, section 5)."""
    found, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == kind:
            found += png[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", chunk(png, b"IHDR")[:8])
    return width, height


def test_every_picture_that_is_shown_is_taken_and_every_one_taken_is_shown() -> None:
    """No guide shows a picture that nobody can take anew, and none lies there unseen; none is too big for a page."""
    assert shown() == {IMAGES / name for name in SCENES} == set(IMAGES.iterdir())
    assert all(path.stat().st_size < 200_000 for path in shown())


@pytest.mark.browser
@pytest.mark.parametrize("name", ["browser-cart.png"])
def test_a_picture_is_taken_anew_in_its_size(chromium: Browser, tmp_path: Path, name: str) -> None:
    """The scene can still be played: what comes is as large as the picture that is there, and no empty page."""
    taken = SCENES[name](Studio(chromium, tmp_path))
    assert size(taken) == size((IMAGES / name).read_bytes())
    assert len(set(zlib.decompress(chunk(taken, b"IDAT")))) > 200
