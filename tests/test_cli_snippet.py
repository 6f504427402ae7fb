"""`pixeltwin snippet`: what a person typed, and both halves of it as they would go out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.cli import main, typed
from pixeltwin.contract import BrowserCall
from pixeltwin.events import Item, Purchase
from pixeltwin.platforms import installed
from tests.test_flask import SETTINGS, Shop
from tests.twins import SPELLINGS

Run = Callable[..., Result]
ID = "0123456789abcdef" * 4
SALE = ("--event", "Purchase", "order_id=1001", "value=59.90", "currency=EUR", "item=sku-1:29.95x2", "--id", ID)
PERSON = ("--visitor", "email=ada@example.com", "--visitor", "ip_address=203.0.113.7", "--visitor", "user_agent=Agent")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Types `pixeltwin snippet …` where nothing is configured but what the keywords say."""

    def typed_in(*arguments: str, columns: int = 160, **settings: str) -> Result:
        monkeypatch.chdir(tmp_path)
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
        for name, value in {"COLUMNS": str(columns), **settings}.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, ["snippet", *arguments])

    return typed_in


def told(result: Result) -> dict[str, Any]:
    """The answer of `--json`, by platform, its numbers exact."""
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output, parse_float=Decimal)
    return {one["platform"]: one for one in answer["platforms"]}


def only(body: Any) -> Any:
    """The one event of a body, wherever the platform's envelope holds it."""
    inside = body
    while isinstance(inside, dict):
        [inside] = cast("dict[str, Any]", inside).values()
    assert len(inside) == 1
    return inside[0]


# --- both halves -----------------------------------------------------------------------------------------------------


def test_every_platform_is_shown_with_both_halves_of_what_was_typed(run: Run) -> None:
    """Without a choice all platforms are there, and what their halves say of the sale is equal and as typed."""
    found = told(run(*SALE, *PERSON, "--json"))
    assert set(found) == set(installed())
    for kind, one in found.items():
        call = one["browser"][-1]
        browser = SPELLINGS[kind].browser(BrowserCall(call["function"], tuple(call["args"])))
        server = SPELLINGS[kind].server(only(one["server"]["body"]))
        assert browser.differs_from(server) == {}
        assert browser.said["id"] == ID
        assert (server.said["value"], server.said["currency"], server.said["count"]) == (Decimal("59.90"), "EUR", 2)


def test_a_chosen_platform_is_the_only_one(run: Run) -> None:
    """`--platform` shows that platform, however its name is capitalised."""
    assert set(told(run(*SALE, *PERSON, "--platform", "Snap", "--json"))) == {"snap"}


@pytest.mark.parametrize("kind", sorted(installed()))
def test_wide_terminals_have_the_halves_side_by_side_and_narrow_ones_below_each_other(run: Run, kind: str) -> None:
    """The halves stand in two columns where there is room, else one after the other, and no value is cut."""
    wide, narrow = (run(*SALE, *PERSON, "--platform", kind, columns=columns).output for columns in (160, 70))
    heads = [line.split() for line in wide.splitlines() if line.startswith("browser")]
    assert [(head[0], head[1]) for head in heads] == [("browser", "server")]
    assert narrow.index("\nbrowser") < narrow.index("\nserver")
    assert max(map(len, wide.splitlines())) <= 160 and max(map(len, narrow.splitlines())) <= 70
    assert "…" not in wide + narrow
    assert "".join(narrow.split()).count(ID) == 3  # the head, the pixel, the server


def test_made_up_ids_are_called_so(run: Run) -> None:
    """A platform that is not configured is shown with made-up IDs, and says that they are."""
    pixel = {"PIXELTWIN_SNAP_PIXEL_ID": str(SETTINGS["PIXELTWIN_SNAP_PIXEL_ID"])}
    found = told(run(*SALE, *PERSON, "--json", **pixel))
    assert {kind: one["made_up"] for kind, one in found.items()} == {kind: kind != "snap" for kind in installed()}
    assert pixel["PIXELTWIN_SNAP_PIXEL_ID"] in found["snap"]["browser"][0]["args"]
    assert "made up" in run(*SALE, "--platform", "reddit", **pixel).output
    assert "made up" not in run(*SALE, "--platform", "snap", **pixel).output


def test_without_a_token_the_event_is_shown_and_said_not_to_be_sent(run: Run) -> None:
    """A pixel without an access token has a server half to look at, and a remark that it would not go out."""
    pixel = {"PIXELTWIN_SNAP_PIXEL_ID": str(SETTINGS["PIXELTWIN_SNAP_PIXEL_ID"])}
    one = told(run(*SALE, *PERSON, "--platform", "snap", "--json", **pixel))["snap"]
    assert one["server"]["body"]["event_id"] == ID
    assert "No access token" in one["no_server"]


def test_no_secret_is_printed(run: Run) -> None:
    """Neither the page of text nor the JSON shows an access token, not even where the URL holds it."""
    settings = {name: str(value) for name, value in SETTINGS.items() if name.startswith("PIXELTWIN_")}
    tokens = [value for name, value in settings.items() if name.endswith("ACCESS_TOKEN")]
    outputs = [run(*SALE, *PERSON, *more, **settings).output for more in ((), ("--json",))]
    assert len(tokens) >= 3
    for output in outputs:
        assert ID in output
        assert not [token for token in tokens if token in output]
        assert "access_token" not in output and "ada@example.com" not in output


def test_a_missing_half_has_its_reason(run: Run) -> None:
    """What a platform cannot be told is said in its place, in a sentence, and the others are shown."""
    found = told(run("--event", "WatchVideo", *PERSON, "--json"))
    assert (found["snap"]["browser"], found["snap"]["server"]) == ([], None)
    assert "Snap has no event" in found["snap"]["no_browser"]
    assert found["pinterest"]["browser"] and found["pinterest"]["server"]
    nobody = run(*SALE, "--platform", "pinterest").output
    assert "e-mail address" in nobody


def test_consent_governs_what_is_shown(run: Run) -> None:
    """Denied and pending show neither half, limited has the limited use on both, or neither where it cannot be."""
    denied = told(run(*SALE, *PERSON, "--consent", "denied", "--json"))
    assert not [one for one in denied.values() if one["browser"] or one["server"]]
    pending = told(run(*SALE, *PERSON, "--consent", "pending", "--json"))
    assert not [one for one in pending.values() if one["browser"] or one["server"] or "held" not in one["no_server"]]
    place = ("--country", "US", "--state", "CA")
    limited = told(run(*SALE, *PERSON, "--consent", "limited", *place, "--json"))
    granted = told(run(*SALE, *PERSON, "--json"))
    for kind in installed():
        assert limited[kind]["server"] and limited[kind]["server"] != granted[kind]["server"]
    nowhere = told(run(*SALE, *PERSON, "--consent", "limited", "--json"))["pinterest"]
    assert (nowhere["browser"], nowhere["server"]) == ([], None)


def test_what_is_lost_is_listed(run: Run) -> None:
    """A field that a platform cannot use stands below its halves with the reason."""
    arguments = (*SALE, *PERSON, "--visitor", "phone=5551234", "--platform", "snap")
    assert "lost: phone" in run(*arguments).output
    assert [loss["field"] for loss in told(run(*arguments, "--json"))["snap"]["losses"]] == ["phone"]


def test_an_app_has_no_browser_half(run: Run) -> None:
    """An event of an app is shown with its server half alone, and why there is no other."""
    app = ("--action-source", "app", "--app", "platform=ios", "--app", "id=1234567890", "--app", "os_version=19.1")
    one = told(run(*SALE, *PERSON, *app, "--platform", "pinterest", "--json"))["pinterest"]
    assert one["browser"] == [] and "page" in one["no_browser"]


# --- what is typed ---------------------------------------------------------------------------------------------------


@given(
    st.text("abcXYZ019-_.#", min_size=1, max_size=20),
    st.none() | st.decimals(0, 10**6, places=2),
    st.none() | st.integers(1, 999),
)
def test_an_item_is_read_as_it_is_written(sku: str, price: Decimal | None, quantity: int | None) -> None:
    """ID, ID:PRICE and ID:PRICExQUANTITY give that item, whatever the ID looks like."""
    word = sku
    if price is not None or quantity is not None:
        word += ":" + ("" if price is None else str(price)) + ("" if quantity is None else f"x{quantity}")
    event = typed.event("Purchase", ["value=1", "currency=EUR", f"item={word}"], [])
    assert isinstance(event, Purchase)
    assert event.items == (Item(id=sku, price=price, quantity=quantity or 1),)


def test_anything_can_be_typed_as_json() -> None:
    """Items, a trip and lists take JSON, with exact money."""
    words = [
        "value=1",
        "currency=EUR",
        'item={"id": "1", "name": "Mug", "price": 29.90}',
        'items=["2", "3:1.50"]',
        'travel={"city": "Graz", "num_adults": 2, "suggested_hotels": ["a"]}',
    ]
    event = typed.event("Purchase", words, [])
    assert isinstance(event, Purchase) and event.travel
    assert [(item.id, str(item.price)) for item in event.items] == [("1", "29.90"), ("2", "None"), ("3", "1.50")]
    assert (event.travel.city, event.travel.num_adults) == ("Graz", 2)


def test_a_visitor_may_have_two_addresses_a_screen_and_click_ids() -> None:
    """Identity fields may be repeated, and the ids of each platform are told apart."""
    words = [
        "email=a@example.com",
        "email=b@example.com",
        "screen=1920x1080",
        "click_ids.snap=s1",
        "click_ids.reddit=r",
    ]
    person = typed.visitor(words, "DE")
    assert person.given("email") == ("a@example.com", "b@example.com")
    assert (person.screen, dict(person.click_ids)) == ((1920, 1080), {"snap": "s1", "reddit": "r"})
    assert person.phone_region == "DE"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("--event", "Purchse"), "did you mean Purchase"),
        (("--event", "Zebra"), "there are PageView"),
        (("--event", "Search", "serch_string=boots"), "did you mean search_string"),
        (("--event", "Search", "boots"), "NAME=VALUE"),
        (("--event", "Search", "search_string=a", "search_string=b"), "given twice"),
        (("--event", "Search", "travel={city"), "must be JSON"),
        (("--event", "Search", "--platform", "snapp"), "did you mean snap"),
        (("--event", "Search", "--visitor", "emial=ada@example.com"), "did you mean email"),
        (("--event", "Search", "--visitor", "click_ids=1"), "click_ids.PLATFORM"),
        (("--event", "Search", "--visitor", "screen=big"), "screen=1920x1080"),
        (("--event", "AddToCart", "--as", "snap=ADD_TO_CART"), "did you mean ADD_CART"),
        (("--event", "AddToCart", "--as", "snapp=ADD_CART"), "did you mean snap"),
        (("--event", "Purchase", "value=59.90"), "currency: is required"),
        (("--event", "Purchase", "value=59,90", "currency=EUR"), "value"),
        (("--event", "Search", "--app", "platform=ios"), "an app needs id"),
        (("--event", "Search", "--app", "platform=ios", "--app", "id=1", "--app", "tracking_allowed=so"), "true or"),
        (("--event", "Search", "--id", " "), "printable characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_answered_with_what_to_type(run: Run, arguments: tuple[str, ...], advice: str) -> None:
    """A wrong name or value ends with status 2 and a sentence of advice, not with a traceback, and quotes no person."""
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert advice in " ".join(answer.output.split())
    assert "Traceback" not in answer.output and "ada@example.com" not in answer.output


@pytest.mark.parametrize("arguments", [("--platform", "tiktok"), ("--as", "tiktok=x")])
def test_each_name_to_choose_from_is_said_once(run: Run, arguments: tuple[str, str]) -> None:
    """A platform that is configured under its own name is not listed a second time as installed."""
    pixel = {"PIXELTWIN_SNAP_PIXEL_ID": str(SETTINGS["PIXELTWIN_SNAP_PIXEL_ID"])}
    advice = run("--event", "Search", *arguments, **pixel).output.partition("; ")[2]
    assert advice.count("snap") == 1


def test_a_platforms_own_name_is_on_both_halves(run: Run) -> None:
    """`--as snap=LEVEL_COMPLETE` names the event for the pixel and for the API."""
    one = told(run("--event", "PageView", *PERSON, "--as", "snap=LEVEL_COMPLETE", "--platform", "snap", "--json"))[
        "snap"
    ]
    assert one["browser"][-1]["args"][2] == "LEVEL_COMPLETE"
    assert only(one["server"]["body"])["event_name"] == "LEVEL_COMPLETE"


# --- where it is typed -----------------------------------------------------------------------------------------------


def test_python_runs_the_package() -> None:
    """`python -m pixeltwin snippet` is the command, where the script is not on the path."""
    command = [sys.executable, "-m", "pixeltwin", "snippet", *SALE, *PERSON, "--platform", "snap", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert [one["platform"] for one in json.loads(done.stdout)["platforms"]] == ["snap"]


def test_flask_shows_the_applications_own_pixels() -> None:
    """`flask pixeltwin snippet` uses the pixels of the application."""
    answer = Shop().app.test_cli_runner().invoke(args=["pixeltwin", "snippet", *SALE, *PERSON, "--json"])
    assert not [kind for kind, one in told(answer).items() if one["made_up"]]
