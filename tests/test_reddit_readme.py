"""Reddit's README: its tables say what the code does."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest

from pixeltwin.consent import Consent
from pixeltwin.contract import Delivered, Misconfigured, RetryLater
from pixeltwin.platforms.reddit import Reddit, dedup, mapping, schema
from pixeltwin.visitor import IDENTITY_FIELDS, Visitor

TEXT = files("pixeltwin.platforms.reddit").joinpath("README.md").read_text("utf-8")


def table(heading: str, number: int = 0) -> list[list[str]]:
    """The rows of a section's table, without its head."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)[number].strip().splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def name(cell: str) -> str | None:
    return next(iter(quoted(cell)), None)


def test_limits_and_addresses_are_the_codes() -> None:
    """Addresses, batch, rate, age and windows stand in the README as the code has them, each with source and year."""
    rows = {row[0]: row for row in table("Endpoints, limits, windows")}
    platform = Reddit(pixel_id="a2_abc123", access_token="t")
    request = platform.server_request([])

    assert name(rows["pixel script"][1]) == platform.script_url.replace("a2_abc123", "<pixel id>")
    assert name(rows["API"][1]) == f"{request.method} {request.url.replace('a2_abc123', '<pixel id>')}"
    assert f"to {Reddit.max_batch} events" in rows["batch"][1]
    assert f"itself {Reddit.rate:.0f}," in rows["rate"][1]
    assert f"{Reddit.max_age.days} days ({schema.MAX_AGE // timedelta(hours=1)} h)" in rows["age"][1]
    assert f"{dedup.WINDOW.days} days" in rows["dedup window"][1]
    assert f"{dedup.SESSION.seconds // 60} minutes" in rows["session"][1]
    assert all(re.search("20[0-9]{2}", row[2]) for row in rows.values())


def test_every_setting_is_explained() -> None:
    """The settings of the README are those that may come from configuration, and arguments of the constructor."""
    said = [name(row[0]) for row in table("Settings")]

    assert said == [setting.name for setting in Reddit.settings]
    assert set(said) <= set(inspect.signature(Reddit).parameters)


def test_names_are_paired_as_in_the_code() -> None:
    """Every documented name is in the README with its twin, and every event of ours with the name it goes by."""
    rows = table("Names")
    events = {event: (name(row[0]), name(row[1])) for row in rows for event in quoted(row[2])}

    assert [(name(row[0]), name(row[1])) for row in rows] == [(one.browser, one.server) for one in mapping.KNOWN_NAMES]
    assert events == {event: (one.browser, one.server) for event, one in mapping.EVENT_NAMES.items()}


def test_action_sources_are_the_codes() -> None:
    """Each action source stands with Reddit's word for it."""
    assert {name(row[0]): name(row[1]) for row in table("Where it happened")} == mapping.ACTION_SOURCES


def test_fields_stand_side_by_side_as_in_the_code() -> None:
    """Metadata and products have in the README the names that both halves are written with."""
    for number, fields in enumerate((mapping.METADATA_FIELDS, mapping.ITEM_FIELDS)):
        rows = table("What happened", number)
        assert [tuple(name(cell) for cell in row[:3]) for row in rows] == list(fields)


def test_what_an_event_may_carry_is_the_codes() -> None:
    """The README allows each event the metadata that the code sends with it."""
    columns = ({"value", "currency"}, {"item_count"}, {"order_id"})
    allowed = {
        event: set().union(*(column for column, cell in zip(columns, row[1:], strict=True) if cell == "yes"))
        for row in table("What happened", 2)
        for event in quoted(row[0])
    }

    assert allowed == {event: set(fields) for event, fields in mapping.METADATA.items()}


def test_identity_is_the_codes() -> None:
    """Every field of a person or a device stands with its two names, and is hashed or raw as the README says."""
    said = {(name(row[1]), name(row[2])): row for row in table("Who it was")}
    known = {(pixel, api): mapping.IDENTITY[field] for field, pixel, api in mapping.USER_FIELDS}

    assert {keys for keys, row in said.items() if name(row[0]) in IDENTITY_FIELDS} == known.keys()
    for keys, rule in known.items():
        assert name(said[keys][0]) == (rule.source or str(keys[1]).removesuffix("_number"))
        assert rule.hashed == ("SHA-256" in said[keys][3])
    for field in ("user_agent", "screen_dimensions", "uuid"):
        assert "SHA-256" not in said[None, field][3]


def test_the_readme_tells_how_limited_use_is_said() -> None:
    """Every option of `init` and of limited data use that the code sends is named in the README."""
    options: dict[str, Any] = (
        Reddit(pixel_id="a2_abc123")
        .init_calls(Visitor(email="a@example.com"), Consent.limited(country="US", state="CA"))[0]
        .args[2]
    )

    for option in options.keys() - {"useDecimalCurrencyValues"}:
        assert f"`{option}" in TEXT


@pytest.mark.parametrize("row", table("Answers"), ids=lambda row: row[0])
def test_answers_mean_what_the_readme_says(row: list[str]) -> None:
    """Each status of the README's table is read as the table says."""
    platform = Reddit(pixel_id="a2_abc123", access_token="conversion-token")
    expected = Delivered if "delivered" in row[1] else Misconfigured if "wrong" in row[1] else RetryLater
    for status in map(int, row[0].split(",")):
        body = b'{"data":{"message":"Successfully processed 2 conversion events."}}' if status == 200 else b"{}"
        assert {type(one) for one in platform.read_reply(status, {}, body, 2)} == {expected}
