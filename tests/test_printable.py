"""What others say, in logs and on terminals: it says what it says, and does nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.cli import outbox_list
from pixeltwin.cli.doctor import doctor_command
from pixeltwin.cli.lookup import shortened
from pixeltwin.config import Settings
from pixeltwin.outbox import Outbox
from pixeltwin.printable import printable
from tests.delivering import delivery, local_vendor, memory_outbox, texts
from tests.local_vendor import NOW, Script, Vendor, conversion, put, says
from tests.test_cli_why import bought, tracker, why

FIXTURES = (memory_outbox, local_vendor)

# A window's title, an emptied screen, red in one character, a turned direction of writing, a line of its own.
HOSTILE = "gone\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\b\n2026-08-20 CRITICAL forged\r\u2028line"


@given(st.text() | st.text("a \x1b\x9b\n\r\t\u2028\u202e\ud800", max_size=9))
def test_words_of_others_are_one_line_that_prints(text: str) -> None:
    """Whatever was said becomes one line without control characters; what prints stays as it is, blank for blank."""
    found = printable(text)
    assert found.isprintable() and found.encode().decode() == found
    assert printable(found) == found
    assert [one for one in found if one not in " �"] == [one for one in text if one.isprintable() and one not in " �"]


@pytest.mark.parametrize(
    "script",
    [
        says(400, json.dumps({"error": HOSTILE}).encode()),
        says(401, HOSTILE.encode()),
        says(200, json.dumps([HOSTILE]).encode()),
    ],
)
def test_a_platforms_words_give_a_log_and_a_terminal_no_orders(
    outbox: Outbox, vendor: Vendor, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    """Escape sequences and line breaks in an answer reach no log record, no stored reason and no report."""
    caplog.set_level(logging.DEBUG)
    vendor.script = script
    sender = delivery(outbox, vendor.platform())
    put(outbox, conversion(1))
    report = sender.deliver(NOW)
    seen = [record.getMessage() for record in caplog.records] + texts(report, outbox)
    assert any("forged" in text for text in seen)
    assert [text for text in seen if not text.isprintable()] == []


def test_a_natural_key_gives_a_terminal_no_orders(tmp_path: Path) -> None:
    """A key that came from anywhere is shown as text."""
    known = bought(tmp_path, key="\x1b[2J1\n2")
    shown = CliRunner().invoke(outbox_list.show_command(lambda: tracker(tmp_path)), [known.id])
    for said in (why(tmp_path, known.id).output, shown.output):
        assert "�[2J1 2" in said and "\x1b" not in said
    assert shortened(HOSTILE).isprintable()


def test_an_address_gives_the_doctors_terminal_no_orders(tmp_path: Path) -> None:
    """What the doctor quotes, as an address that it was given or was redirected to, is shown as text."""
    command = doctor_command(lambda: Settings({}, {}), lambda: tracker(tmp_path))
    said = CliRunner().invoke(command, ["--offline", "--url", f"ftp://shop.example/{HOSTILE}"]).output
    assert "forged" in said and "".join(said.split()).isprintable()
