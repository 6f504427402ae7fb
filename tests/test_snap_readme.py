"""Snap's README: its tables say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files

from pixeltwin.platforms.snap import Snap, apps, dedup, identity, mapping

README = files("pixeltwin.platforms.snap").joinpath("README.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its head and rule left off."""
    part = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def pairs(table: Iterable[list[str]]) -> dict[str, list[str]]:
    return {row[0].strip("`"): row[1:] for row in table}


def test_the_readme_has_the_fields_of_the_mapping() -> None:
    """The table of both halves has each field under the names that the code sends, and the other two what is alone."""
    said = {
        ours: (code(cells[0])[0], code(cells[1])[0]) for ours, cells in pairs(rows("One event, both halves")).items()
    }
    alone = {ours: (cells[0], code(cells[1])[0]) for ours, cells in pairs(rows("One half only")).items()}

    assert said == {"id": ("client_dedup_id", "event_id"), **mapping.FIELDS}
    assert alone == {
        **{ours: ("pixel", theirs) for ours, theirs in mapping.PIXEL_ONLY.items()},
        **{ours: ("API", theirs) for ours, theirs in mapping.API_ONLY.items()},
    }
    assert set(code(README.partition("Of a trip (`travel`):")[2].partition("\n\n")[0])) == set(mapping.TRAVEL)


def test_the_readme_has_the_identity_table() -> None:
    """Each identity field stands under its key, as hashed or raw, and as a list or not."""
    table = {ours: (code(cells[0])[0], cells[1], cells[2]) for ours, cells in pairs(rows("Identity")).items()}

    assert table == {
        ours: (key, "hashed" if rule.hashed else "raw", many)
        for many, part in (("list", identity.LISTS), ("one", identity.SINGLES))
        for ours, (key, rule) in part.items()
    }


def test_the_readme_has_the_limits_and_windows() -> None:
    """Batch, age, rate and the two windows are those of the code."""
    limits, windows = pairs(rows("Limits")), [row[-1] for row in rows("Dedup")]

    assert int(limits["events a request"][0]) == Snap.max_batch
    assert timedelta(days=int(limits["age"][0].split()[0])) == Snap.max_age
    assert float(limits["requests a second"][0].split()[0]) == Snap.rate
    by_id, by_order = f"{dedup.ID_WINDOW // timedelta(hours=1)} hours", f"{dedup.ORDER_WINDOW.days} days"
    assert windows == [by_id, by_order, by_id, by_order, "not published"]


def test_the_readme_has_the_settings_and_the_app_data() -> None:
    """Each setting is explained, and the sixteen texts stand in their order."""
    assert {code(row[0])[0] for row in rows("Settings")} == {one.name for one in Snap.settings}
    assert [row[1] for row in rows("Apps")] == list(apps.EXTINFO)
    assert [int(row[0]) for row in rows("Apps")] == list(range(16))


def test_the_readme_has_the_events() -> None:
    """Each event of ours stands beside the name that it has on both halves, or beside what makes it one."""
    said = {ours: code(cells[0])[0] for ours, cells in pairs(rows("Events")).items()}
    names = {ours: name.server for ours, name in mapping.EVENT_NAMES.items() if name}

    assert said == {**names, "CustomEvent": "custom_events=", "Refund": "refunds=", "WatchVideo": "names="}
