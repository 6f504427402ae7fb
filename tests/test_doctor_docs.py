"""docs/doctor.md is true: what it shows was printed by the commands, and every check is in its table."""

from __future__ import annotations

import importlib
import pkgutil
import re

from pixeltwin import doctor
from pixeltwin.insight.reconciliation import CHANNELS, ENOUGH, FALL
from pixeltwin.outbox.tallies import KEEP_TALLIES
from pixeltwin.platforms import installed
from pixeltwin.sending.tally import WRITE_EVERY
from tests.doctored import PAGE, written

TEXT = PAGE.read_text("utf-8")


def test_what_the_page_shows_is_what_the_commands_print() -> None:
    """Every output is made anew and is the same, letter by letter; `python -m tests.doctored` writes it."""
    assert written(TEXT) == TEXT


def test_every_check_is_in_the_table_and_nothing_else_is() -> None:
    """The words that findings are listed under are those of the table."""
    told = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    modules = [
        importlib.import_module(f"{doctor.__name__}.{one.name}") for one in pkgutil.iter_modules(doctor.__path__)
    ]
    words = {module.CHECK for module in modules if hasattr(module, "CHECK")}
    assert told == words | {"worker", "clock"}


def test_every_platform_and_number_is_the_real_one() -> None:
    """How each platform is asked is told, and lives and limits are those of the code."""
    assert all(f"| {platform.title} |" in TEXT for platform in installed().values())
    assert all(f"*{channel.capitalize()}*" in TEXT for channel in CHANNELS)
    assert (
        f"{KEEP_TALLIES.days} days" in TEXT
        and f"{FALL:.0%}".replace("%", " %") in TEXT
        and f"than {ENOUGH} orders" in TEXT
    )
    assert WRITE_EVERY.seconds == 10 and "every ten seconds" in TEXT
