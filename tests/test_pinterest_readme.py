"""Pinterest's README: its tables say what the code does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from pixeltwin.contract import EventName, Platform
from pixeltwin.platforms.pinterest import Pinterest, apps, dedup, mapping
from pixeltwin.platforms.pinterest.apps import AppField
from pixeltwin.platforms.pinterest.mapping import Field

TEXT = files("pixeltwin.platforms.pinterest").joinpath("README.md").read_text("utf-8")
Rows = dict[str, list[str]]


def tables() -> Iterator[tuple[str, list[list[str]]]]:
    """Every table: the first cell of its head, and its rows."""
    for block in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in block.splitlines()]
        yield head[0], [[cell.strip("| ") for cell in row] for row in rows]


ALL = list(tables())


def rows(name: str, place: int = 0) -> list[list[str]]:
    """The rows of a table; `place` tells apart those with the same head."""
    return [found for head, found in ALL if head == name][place]


def table(name: str, place: int = 0) -> Rows:
    """The other cells of a table's rows, by their first one."""
    found = {first: rest for first, *rest in rows(name, place)}
    assert len(found) == len(rows(name, place))
    return found


def code(cell: str) -> list[str]:
    """What of a cell is set in code."""
    return re.findall("`([^`]*)`", cell)


def written(field: Field) -> list[str]:
    """A field's two cells: its keys, and that money is a number in the tag and a string in the API."""
    tag, api, money = field
    tag_cell = f"`{tag}`" if tag else "—"
    api_cell = f"`{api}`" if api else "—"
    if money:
        return [f"{tag_cell}, a number" if tag else tag_cell, f"{api_cell}, a string"]
    return [tag_cell, api_cell]


def test_the_limits_are_the_codes() -> None:
    """Endpoint, batch, rate, age and windows are the ones the platform keeps to."""
    said = table("what")

    assert Pinterest.default_api_url in said["API"][0]
    assert Pinterest.default_script_url in said["tag script"][0]
    assert Pinterest.default_collect_url in said["tag script"][0]
    assert said["events a request"][0] == f"{Pinterest.max_batch:,}"
    assert said["requests a second"][0] == f"{Pinterest.rate:g}"
    assert said["events a test request"][0] == str(Pinterest.test_batch)
    assert said["age"][0] == f"{Pinterest.max_age.days} days"
    hours = {"dedup, certain": dedup.CERTAIN, "dedup, documented": dedup.DOCUMENTED, "prompt": dedup.PROMPT}
    for row, window in hours.items():
        assert said[row][0].split()[0] == f"{window.total_seconds() / 3600:g}"


def test_the_settings_are_the_constructors() -> None:
    """Every argument that is Pinterest's own stands in the README with its default, and no other."""
    common = inspect.signature(Platform.__init__).parameters
    own = inspect.signature(Pinterest.__init__).parameters
    defaults: Mapping[Any, str] = {inspect.Parameter.empty: "required", None: "none", "net": '`"net"`'}
    expected = {
        f"`{name}`": defaults.get(one.default, f"`{one.default}`")
        for name, one in own.items()
        if name == "access_token" or (name not in common and name != "collect_url")
    }
    said = {name: cells[0] for name, cells in table("setting").items()}

    assert said == expected
    assert {f"`{setting.name}`" for setting in Pinterest.settings} == set(said)


def test_the_names_are_the_codes() -> None:
    """The table has each pair of names once, with the events that have it by default."""
    told = {EventName("".join(code(tag)), "".join(code(api))): code(events) for events, tag, api in rows("event")}
    expected: dict[EventName, list[str]] = {pair: [] for pair in Pinterest.known_names}
    for event, pair in Pinterest.event_names.items():
        assert pair
        expected[pair].append(event)

    assert {pair: sorted(events) for pair, events in told.items()} == {
        pair: sorted(events) for pair, events in expected.items()
    }


def test_the_fields_are_the_codes() -> None:
    """Each field of events and items stands in the README with its key on either half, and no other."""
    said = table("event", 1)
    for derived in ("units of all items", "ids of all items", "the brand all items share"):
        assert said.pop(derived)
    expected = {f"`{name}`": written(field) for name, field in mapping.EVENT_FIELDS.items() if name != "title"}
    expected["`title` of a page"] = written(mapping.EVENT_FIELDS["title"])
    expected["`title` of a video"] = written(mapping.VIDEO_FIELDS["title"])

    assert said == expected
    assert table("item") == {f"`{name}`": written(field) for name, field in mapping.ITEM_FIELDS.items()}


def test_the_identity_is_the_codes() -> None:
    """Each identity field stands in the README with its key, in the order of the code."""
    said = [(code(field)[0], code(key)[0]) for field, key, _ in rows("visitor")]

    assert said == [(field, key) for field, (key, _) in mapping.HASHED.items()]


def test_the_apps_fields_are_the_codes() -> None:
    """Each field of an app and its device stands in the README with both its places and its limit."""

    def cells(field: AppField, holder: str) -> list[str]:
        limit = f"0 to {field.most:,}" if field.number else f"{field.most} characters"
        return [f"`{field.flat}`" if field.flat else "—", f"`{holder}.{field.nested}`", limit]

    expected = {f"`{name}`": cells(field, "app_info") for name, field in apps.APP_FIELDS.items()}
    expected["`os_version`"] = cells(apps.OS_VERSION, "device_info")
    expected |= {f"`device.{name}`": cells(field, "device_info") for name, field in apps.DEVICE_FIELDS.items()}

    assert table("app") == expected


def test_every_source_is_named() -> None:
    """Each figure in brackets is a source at the end, and each source is used."""
    body, _, sources = TEXT.rpartition("\n\n")
    named = set(re.findall(r"(?<!\])\[(\d)\]", sources))

    assert set(re.findall(r"\[(\d)\]", body)) == named
    assert len(re.findall(r"20\d\d", sources)) >= len(named) - 1
