"""Match quality in the sandbox: how much of what arrived carries what each vendor matches by, whoever sent it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltwin import CustomEvent, Visitor
from pixeltwin.insight.match import carried
from pixeltwin.insight.quality import quality
from pixeltwin.outbox.tallies import Tally
from pixeltwin.platforms import installed
from pixeltwin.sandbox import create_sandbox
from pixeltwin.sandbox.reading import WITH_THE_REQUEST, places
from pixeltwin.sending.tally import ALL
from pixeltwin.visitor import sha256
from tests.samples import AGENT, SNAP_PIXEL, purchase
from tests.sandboxed import KINDS, Visitors, conversion, platform
from tests.test_sandbox_mounted import MOUNT, shop

NOW = datetime.now(timezone.utc)
KNOWN: dict[str, Any] = {
    "email": "ada@example.com",
    "phone": "+49 30 901820",
    "external_id": "customer-4711",
    "city": "Wanne-Eickel",
    "click_ids": dict.fromkeys(KINDS, "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a91"),
    "browser_ids": dict.fromkeys(KINDS, "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90"),
}
THERE: dict[str, Any] = {"ip_address": "203.0.113.7", "user_agent": AGENT}


def rows(sandbox: Visitors) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.send("GET", "/api/quality").json["quality"]
    return found


def row(sandbox: Visitors) -> dict[str, Any]:
    [only] = rows(sandbox)
    return only


def shares(halves: list[frozenset[str]]) -> dict[str, float]:
    """Of some halves, how many of 1 carry each signal."""
    return {name: round(many / len(halves), 3) for name, many in Counter(n for one in halves for n in one).items()}


def positive(found: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in found.items() if share}


Visit = tuple[set[str], bool, bool]  # what is known of the visitor, whether a pixel fired, and whether he was there
VISITS: st.SearchStrategy[list[Visit]] = st.lists(
    st.tuples(st.sets(st.sampled_from(sorted(KNOWN))), st.booleans(), st.booleans()), min_size=1, max_size=5
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(VISITS)
def test_what_n_of_m_carry_has_the_share_n_of_m(kind: str, visits: list[Visit]) -> None:
    """On both halves a signal's share is what was sent, and the score is the one that `pixeltwin quality` gives."""
    sandbox, made = Visitors(create_sandbox()), platform(kind)
    fields = made.emulator().fields
    told: list[frozenset[str]] = []
    fired: list[frozenset[str]] = []
    for index, (names, browser, there) in enumerate(visits):
        known = {name: KNOWN[name] for name in (names if there else names | {"email"})}
        who = Visitor(**known, **(THERE if there else {}))
        said = conversion(purchase(str(index)), NOW, visitor=who)
        assert sandbox.server(kind, said).status == 200
        told.append(carried(made, who) & places(fields, "server").keys())
        if browser:
            sandbox.browser(kind, said)
            page = repr(made.init_calls(who, said.consent))
            in_page = {name for name, wires in made.wires(who).items() if any(wire in page for wire in wires)}
            fired.append((WITH_THE_REQUEST | in_page) & places(fields, "browser").keys())
    found = row(sandbox)
    assert found["conversions"] == found["server"]["conversions"] == len(visits)
    assert positive(found["server"]["shares"]) == shares(told)
    if fired:
        assert found["browser"]["conversions"] == len(fired)
        assert positive(found["browser"]["shares"]) == shares(fired)
    else:
        assert found["browser"] is None
    counts = Counter(name for one in told for name in (ALL, *one))
    tallies = [Tally(NOW.date(), made.destination, "Purchase", what, many) for what, many in counts.items()]
    [same] = quality([made], tallies)
    assert (found["event"], found["score"], len(found["advice"])) == (same.event, same.score, len(same.advice))
    assert set(found["recommended"]) <= set(found["server"]["shares"])


HITS = {
    "reddit": (
        "/reddit/rp.gif",
        {"id": "a2_shop", "event": "Purchase", "click_id": "c1", "uuid": "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90"},
    ),
    "snap": ("/snap/p", {"pid": SNAP_PIXEL, "ev": "PURCHASE", "sr": "c1", "c1": "3f1a7c52"}),
    "pinterest": ("/pinterest/v3/", {"tid": "2612345678901", "event": "checkout", "pd": '{"epik": "c1"}'}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hit_alone_is_judged_by_what_a_browser_brings(kind: str) -> None:
    """The ids in a hit of any pixel are read, its request brings address and agent, and what it lacks has advice."""
    path, query = HITS[kind]
    sandbox = Visitors(create_sandbox())
    sandbox.send("GET", f"{path}?{urlencode(query)}")
    found = row(sandbox)
    assert (found["judged"], found["server"], found["conversions"]) == ("browser", None, 1)
    made = installed()[kind]
    there = {"click_ids", "browser_ids", "ip_address", "user_agent"} & set(made.recommended)
    assert {name for name, share in found["shares"].items() if share == 1} == there
    assert found["shares"]["email"] == 0 and "browser halves carry an e-mail" in found["advice"][0]
    sandbox.post("/api/reset")
    assert rows(sandbox) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_any_visitor_is_told(kind: str) -> None:
    """The answer holds names and numbers: no address, no id and no digest of what arrived."""
    who = Visitor(**KNOWN, **THERE)
    sandbox, made = Visitors(create_sandbox()), platform(kind)
    sandbox.both(kind, conversion(purchase(), NOW, visitor=who, source_url="https://shop.example/sale?ScCid=c-1"))
    body = sandbox.send("GET", "/api/quality").body.decode()
    digests = [wire for found in made.wires(who).values() for wire in found]
    ids = [who.click_ids[kind], who.browser_ids[kind], "c-1"]
    for value in [*who.email, *who.phone, *who.external_id, *who.city, *who.ip_address, AGENT, *ids, *digests]:
        assert value not in body


@pytest.mark.parametrize("nothing", ["", " ", sha256(""), "undefined", sha256("undefined"), "null"])
def test_the_hash_of_nothing_is_no_signal(nothing: str) -> None:
    """An identity field that says nothing, or whose digest is that of nothing, counts as missing."""
    sandbox = Visitors(create_sandbox())

    def change(event: dict[str, Any]) -> None:
        event["user"]["external_id"] = event["user"]["email"] = nothing

    sandbox.server("reddit", conversion(purchase(), NOW), change=change)
    found = row(sandbox)
    assert found["server"]["shares"]["email"] == 0 and "external_id" not in found["server"]["shares"]
    assert found["server"]["shares"]["ip_address"] == 1


def test_what_a_platform_refused_is_in_no_share() -> None:
    """A half that was refused carries nothing to anybody; its twin is judged alone."""
    sandbox = Visitors(create_sandbox())
    old = conversion(purchase(), NOW - timedelta(days=30))
    assert sandbox.server("reddit", old).status == 400
    assert rows(sandbox) == []
    sandbox.browser("reddit", old, now=NOW)
    assert row(sandbox)["server"] is None and row(sandbox)["browser"]["conversions"] == 1


def test_a_click_id_that_a_page_had_and_no_field_has_is_pointed_out() -> None:
    """The page whose address had the ad's click id is named where its event went on without it."""
    sandbox = Visitors(create_sandbox())
    landed = "https://shop.example/sale?ScCid=77&epik=77&rdt_cid=77"
    sandbox.server("snap", conversion(purchase("1"), NOW, source_url=landed))
    [advice] = [said for said in row(sandbox)["advice"] if "click id" in said]
    assert advice.startswith("Not one server half came with Snap's click id.")
    assert "user_data.sc_click_id" in advice and "/sale, as ScCid" in advice and "77" not in advice
    who = Visitor(**THERE, click_ids={"snap": "c1"})
    sandbox.server("snap", conversion(purchase("2"), NOW, visitor=who))
    [advice] = [said for said in row(sandbox)["advice"] if "click id" in said]
    assert advice.startswith("Some server halves lost Snap's click id.")


def test_reddit_reads_the_click_id_of_the_page_too() -> None:
    """What a vendor takes from the page's address is no missing click id."""
    sandbox = Visitors(create_sandbox())
    sandbox.server("reddit", conversion(purchase(), NOW, source_url="https://shop.example/sale?rdt_cid=77"))
    assert row(sandbox)["shares"]["click_ids"] == 1
    assert not [said for said in row(sandbox)["advice"] if "click id" in said]


def test_events_go_by_the_names_that_the_shop_gave_them() -> None:
    """Each event is a row of its own, custom ones by their own names."""
    sandbox = Visitors(create_sandbox())
    sandbox.both("reddit", conversion(CustomEvent(name="Quiz finished"), NOW))
    for kind in KINDS:
        sandbox.both(kind, conversion(purchase(), NOW))
    assert [(one["platform"], one["event"]) for one in rows(sandbox)] == [
        (kind, event)
        for kind in KINDS
        for event in (["Purchase", "Quiz finished"] if kind == "reddit" else ["Purchase"])
    ]


def test_an_application_sees_its_own() -> None:
    """In an application in development the same is told of what its own halves carry."""
    app = shop(PIXELTWIN_WORKER="off")
    app.test_client().get("/buy", headers={"User-Agent": AGENT})
    app.extensions["pixeltwin"].tracker.deliver()
    found = rows(Visitors(app, prefix=MOUNT))
    assert {one["platform"]: one["server"]["shares"]["email"] for one in found} == dict.fromkeys(KINDS, 1.0)
    assert json.dumps(found).count("In pixeltwin:") > 0
    app.extensions["pixeltwin"].tracker.close()
